#include "models/onnx_translator.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>

#include "sim/core/error.h"
#include "sim/core/text.h"

namespace fluence::models {

namespace jit = torch::jit;

namespace {

constexpr const char* kRemedy =
    "rewrite that part of the model with supported operators, or export the model in front of it";
constexpr std::int64_t kMaxExtent = 32767;

at::Tensor tensor_of(const OnnxTensor& from) {
    return from.is_real ? at::tensor(at::ArrayRef<float>(from.reals), at::kFloat).reshape(from.dims)
                        : at::tensor(at::ArrayRef<std::int64_t>(from.integers), at::kLong).reshape(from.dims);
}

// What Torch says without its backtrace, on one line.
std::string first_line(const std::exception& error) {
    const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
    std::string text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
    text.erase(0, text.find_first_not_of('\n'));
    return text.substr(0, text.find('\n'));
}

}  // namespace

OnnxTranslator::OnnxTranslator(const OnnxGraph& from, std::string source)
    : from_(from), source_(std::move(source)), graph_(std::make_shared<jit::Graph>()) {}

const std::map<std::string, OnnxTranslator::Handler>& OnnxTranslator::handlers() {
    using T = OnnxTranslator;
    static const std::map<std::string, Handler> table = {
        {"Add", &T::add},
        {"AveragePool", &T::average_pool},
        {"BatchNormalization", &T::batch_norm},
        {"Cast", &T::identity},
        {"Clip", &T::clip},
        {"Concat", &T::concat},
        {"Constant", &T::constant_node},
        {"Conv", &T::convolution},
        {"Div", &T::arithmetic},
        {"Dropout", &T::dropout},
        {"Flatten", &T::flatten},
        {"Gather", &T::gather},
        {"Gemm", &T::gemm},
        {"GlobalAveragePool", &T::global_average_pool},
        {"Identity", &T::identity},
        {"LogSoftmax", &T::softmax},
        {"MatMul", &T::matmul},
        {"MaxPool", &T::max_pool},
        {"Mul", &T::arithmetic},
        {"Pad", &T::pad},
        {"ReduceMean", &T::reduce_mean},
        {"Relu", &T::relu},
        {"Reshape", &T::reshape},
        {"Shape", &T::shape},
        {"Slice", &T::slice},
        {"Softmax", &T::softmax},
        {"Split", &T::split},
        {"Squeeze", &T::squeeze},
        {"Sub", &T::arithmetic},
        {"Transpose", &T::transpose},
        {"Unsqueeze", &T::unsqueeze},
    };
    return table;
}

std::shared_ptr<jit::Graph> OnnxTranslator::translate() {
    graph_->addInput("self");
    images_ = graph_->addInput("images");
    entities_[from_.input].value = images_;
    for (const auto& [name, tensor] : from_.constants) {
        entities_[name].constant = tensor_of(tensor);
    }
    const jit::ScopePtr root = graph_->current_scope();
    for (const OnnxNode& node : from_.nodes) {
        const auto handler = handlers().find(node.op);
        if (handler == handlers().end()) {
            std::vector<std::string> names;
            for (const auto& row : handlers()) {
                names.push_back(row.first);
            }
            fail(node, "operator " + node.op + " is not supported; " + kRemedy, comma_list(names));
        }
        graph_->set_current_scope(root->push(c10::Symbol::scope(node.place())));
        try {
            if (!fold_constants(node)) {
                (this->*handler->second)(node);
            }
        } catch (const InputError&) {
            throw;
        } catch (const std::exception& error) {  // arguments that do not fit each other
            fail(node, "operator " + node.op + " cannot be read: " + first_line(error));
        }
    }
    Value* const logits = entities_.at(from_.output).value;
    if (logits == nullptr || !logits->type()->isSubtypeOf(*c10::TensorType::get())) {
        throw InputError(source_, "output", "is not computed from the images");
    }
    graph_->registerOutput(logits);
    return graph_;
}

void OnnxTranslator::fail(const OnnxNode& node, const std::string& reason, const std::string& valid) const {
    throw InputError(source_, node.place(), reason, valid);
}

namespace {

template <class T>
const T* attribute(const OnnxNode& node, const std::string& key) {
    const auto found = node.attributes.find(key);
    return found == node.attributes.end() ? nullptr : std::get_if<T>(&found->second);
}

}  // namespace

std::int64_t OnnxTranslator::integer(const OnnxNode& node, const std::string& key,
                                     std::int64_t absent) const {
    const auto* value = attribute<std::int64_t>(node, key);
    if (value != nullptr && (*value < -kMaxExtent || *value > kMaxExtent)) {
        fail(node, "the attribute \"" + key + "\" is " + std::to_string(*value), "-32767 to 32767");
    }
    return value == nullptr ? absent : *value;
}

double OnnxTranslator::real(const OnnxNode& node, const std::string& key, double absent) const {
    const auto* value = attribute<double>(node, key);
    return value == nullptr ? absent : *value;
}

std::string OnnxTranslator::text(const OnnxNode& node, const std::string& key,
                                 const std::string& absent) const {
    const auto* value = attribute<std::string>(node, key);
    return value == nullptr ? absent : *value;
}

OnnxTranslator::Ints OnnxTranslator::integers(const OnnxNode& node, const std::string& key,
                                              const Ints& absent) const {
    const auto* value = attribute<Ints>(node, key);
    return value == nullptr ? absent : *value;
}

OnnxTranslator::Ints OnnxTranslator::extents(const OnnxNode& node, const std::string& key,
                                             const Ints& absent) const {
    const Ints values = integers(node, key, absent);
    if (values.size() != absent.size()) {
        fail(node, "the attribute \"" + key + "\" has " + std::to_string(values.size()) + " values",
             std::to_string(absent.size()));
    }
    for (const std::int64_t value : values) {
        if (value < -kMaxExtent || value > kMaxExtent) {
            fail(node, "the attribute \"" + key + "\" holds " + std::to_string(value), "-32767 to 32767");
        }
    }
    return values;
}

OnnxTranslator::Ints OnnxTranslator::integers_at(const OnnxNode& node, std::size_t index,
                                                 const std::string& key, const Ints& absent) const {
    if (!given(node, index)) {
        return integers(node, key, absent);
    }
    const at::Tensor values = constant(node, index).to(at::kLong).contiguous();
    return {values.data_ptr<std::int64_t>(), values.data_ptr<std::int64_t>() + values.numel()};
}

bool OnnxTranslator::given(const OnnxNode& node, std::size_t index) const {
    return index < node.inputs.size() && !node.inputs[index].empty();
}

const OnnxTranslator::Entity& OnnxTranslator::entity(const OnnxNode& node, std::size_t index) const {
    if (!given(node, index)) {
        fail(node, "has no input " + std::to_string(index + 1));
    }
    const auto found = entities_.find(node.inputs[index]);
    if (found == entities_.end()) {
        fail(node, "reads an output that is of no use in inference (\"" + node.inputs[index] + "\")");
    }
    return found->second;
}

at::Tensor OnnxTranslator::constant(const OnnxNode& node, std::size_t index) const {
    const Entity& from = entity(node, index);
    if (!from.constant.defined()) {
        fail(node, "\"" + node.inputs[index] + "\" depends on the images where a constant is needed");
    }
    return from.constant;
}

torch::jit::Value* OnnxTranslator::activation(const OnnxNode& node, std::size_t index) const {
    Value* const value = entity(node, index).value;
    if (value == nullptr || !value->type()->isSubtypeOf(*c10::TensorType::get())) {
        fail(node, "\"" + node.inputs[index] + "\" is a constant or a size where images belong");
    }
    return value;
}

torch::jit::Value* OnnxTranslator::any(const OnnxNode& node, std::size_t index) {
    const Entity& from = entity(node, index);
    return from.value != nullptr ? from.value : graph_->insertConstant(from.constant);
}

// "conv1" for the weight conv1.weight, otherwise the node's own name: ScriptReader takes it from there.
torch::jit::Value* OnnxTranslator::weight(const OnnxNode& node, std::size_t index, const at::Tensor& as) {
    Value* const value = graph_->insertConstant(as);
    const std::string& name = node.inputs[index];
    const std::string ending = ".weight";
    const bool named =
        name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
    if (named || !node.name.empty()) {
        value->setDebugName("self." + (named ? name : node.name + ending));
    }
    return value;
}

torch::jit::Value* OnnxTranslator::insert(const char* op, const Arguments& arguments) {
    return graph_->insert(c10::Symbol::fromQualString(op), arguments);
}

void OnnxTranslator::result(const OnnxNode& node, Value* value, std::size_t index) {
    if (index < node.outputs.size()) {
        entities_[node.outputs[index]].value = value;
    }
}

}  // namespace fluence::models
