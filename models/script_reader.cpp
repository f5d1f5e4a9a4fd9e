#include "models/script_reader.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>

#include <regex>

#include "sim/core/error.h"

namespace fluence::models {

namespace jit = torch::jit;

namespace {

constexpr const char* kRemedy =
    "rewrite that part of the model with supported operators, or export the model in front of it";

std::string join_names(const std::vector<std::string>& names) {
    std::string line;
    for (const std::string& name : names) {
        line += (line.empty() ? "" : ", ") + name;
    }
    return line;
}

c10::IValue constant_list(const jit::Node& node, const jit::Stack& items) {
    c10::impl::GenericList list(node.output()->type()->expectRef<c10::ListType>().getElementType());
    for (const c10::IValue& item : items) {
        list.push_back(item);
    }
    return list;
}

}  // namespace

ScriptReader::ScriptReader(std::string source, std::vector<std::string>& report)
    : source_(std::move(source)), report_(report) {}

const std::map<std::string, ScriptReader::Handler>& ScriptReader::handlers() {
    using R = ScriptReader;
    static const std::map<std::string, Handler> table = {
        {"aten::conv2d", &R::convolution},
        {"aten::_convolution", &R::convolution},
        {"aten::linear", &R::linear},
        {"aten::addmm", &R::addmm},
        {"aten::matmul", &R::matmul},
        {"aten::mm", &R::matmul},
        {"aten::batch_norm", &R::batch_norm},
        {"aten::relu", &R::relu},
        {"aten::relu_", &R::relu},
        {"aten::relu6", &R::clamp},
        {"aten::relu6_", &R::clamp},
        {"aten::hardtanh", &R::clamp},
        {"aten::hardtanh_", &R::clamp},
        {"aten::clamp", &R::clamp},
        {"aten::clamp_", &R::clamp},
        {"aten::clamp_min", &R::clamp},
        {"aten::clamp_min_", &R::clamp},
        {"aten::max_pool2d", &R::max_pool},
        {"aten::avg_pool2d", &R::avg_pool},
        {"aten::adaptive_avg_pool2d", &R::adaptive_avg_pool},
        {"aten::mean", &R::mean},
        {"aten::add", &R::add},
        {"aten::add_", &R::add},
        {"aten::cat", &R::concat},
        {"aten::flatten", &R::flatten},
        {"aten::view", &R::view},
        {"aten::reshape", &R::view},
        {"aten::slice", &R::slice},
        {"aten::narrow", &R::narrow},
        {"aten::chunk", &R::chunk},
        {"aten::split", &R::split},
        {"aten::split_with_sizes", &R::split},
        {"prim::ConstantChunk", &R::chunk},
        {"prim::ListUnpack", &R::unpack},
        {"aten::__getitem__", &R::item},
        {"aten::transpose", &R::transpose},
        {"aten::permute", &R::permute},
        {"aten::pad", &R::pad},
        {"aten::constant_pad_nd", &R::pad},
        {"aten::dropout", &R::identity},
        {"aten::dropout_", &R::identity},
        {"aten::feature_dropout", &R::identity},
        {"aten::contiguous", &R::identity},
        {"aten::detach", &R::identity},
        {"aten::clone", &R::identity},
        {"aten::softmax", &R::softmax},
        {"aten::log_softmax", &R::softmax},
        {"aten::size", &R::size},
        {"aten::dim", &R::dim},
    };
    return table;
}

FloatGraph ScriptReader::read(const jit::Graph& graph, const workloads::Shape& input) {
    const auto inputs = graph.inputs();
    if (inputs.empty() || inputs.size() > 2) {
        throw InputError(source_, "forward", "takes " + std::to_string(inputs.size()) + " arguments",
                         "one tensor of images");
    }
    graph_.input = graph_.add_tensor(input);
    entities_[inputs[inputs.size() - 1]] = Activation{graph_.input};
    read_block(*graph.block());
    const auto found = entities_.find(graph.outputs()[0]);
    const Activation* result = found == entities_.end() ? nullptr : std::get_if<Activation>(&found->second);
    if (result == nullptr) {
        throw InputError(source_, "forward", "does not return a tensor computed from the images");
    }
    if (shape(*result).plane() != 1 || graph_.ops.empty()) {
        throw InputError(source_, "forward", "does not return logits, images x classes");
    }
    graph_.logits = result->tensor;
    return std::move(graph_);
}

void ScriptReader::read_block(const jit::Block& block) {
    for (const Node* node : block.nodes()) {
        read_node(*node);
    }
}

void ScriptReader::read_node(const Node& node) {
    if (node.kind() == c10::prim::Constant) {
        entities_[node.output()] = jit::toIValue(node.output()).value_or(c10::IValue());
        return;
    }
    if (node.kind() == c10::prim::If) {
        read_branch(node);
        return;
    }
    if (read_list(node) || evaluate_constant(node)) {
        return;
    }
    if (node.kind() == c10::prim::TupleConstruct) {
        fail(node, "forward returns several tensors", "one tensor of logits");
    }
    const std::string kind = node.kind().toQualString();
    const auto handler = handlers().find(kind);
    if (handler == handlers().end()) {
        std::vector<std::string> names;
        for (const auto& row : handlers()) {
            names.push_back(row.first.substr(row.first.find("::") + 2));
        }
        fail(node, "operator " + kind + " is not supported; " + kRemedy, join_names(names));
    }
    try {
        (this->*handler->second)(node);
    } catch (const c10::Error& error) {  // an argument of a type nobody writes on purpose
        fail(node, "operator " + kind + " cannot be read: " + error.what_without_backtrace());
    }
}

// Only the branch that is taken is read; the condition must be known.
void ScriptReader::read_branch(const Node& node) {
    if (!is_constant(node.input(0))) {
        fail(node, "a branch depends on the values of the images, which no accelerator schedule can follow");
    }
    const bool taken = std::get<c10::IValue>(entities_.at(node.input(0))).toBool();
    const jit::Block* block = node.blocks()[taken ? 0 : 1];
    read_block(*block);
    for (std::size_t i = 0; i < node.outputs().size(); ++i) {
        entities_[node.outputs()[i]] = entities_.at(block->outputs()[i]);
    }
}

// A list of activations (the argument of cat); lists of constants are left to evaluate_constant().
bool ScriptReader::read_list(const Node& node) {
    if (node.kind() != c10::prim::ListConstruct || node.inputs().empty()) {
        return false;
    }
    std::vector<Activation> items;
    for (const Value* input : node.inputs()) {
        const auto found = entities_.find(input);
        if (found == entities_.end() || !std::holds_alternative<Activation>(found->second)) {
            return false;
        }
        items.push_back(std::get<Activation>(found->second));
    }
    entities_[node.output()] = std::move(items);
    return true;
}

bool ScriptReader::evaluate_constant(const Node& node) {
    for (const Value* input : node.inputs()) {
        if (!is_constant(input)) {
            return false;
        }
    }
    const bool list = node.kind() == c10::prim::ListConstruct;
    const bool executable = node.maybeOperator() != nullptr && node.blocks().empty();
    if (node.kind() == c10::prim::RaiseException || !(list || executable)) {
        return false;
    }
    jit::Stack stack;
    for (const Value* input : node.inputs()) {
        stack.push_back(std::get<c10::IValue>(entities_.at(input)));
    }
    try {
        if (list) {
            stack = {constant_list(node, stack)};
        } else {
            node.getOperation()(stack);
        }
    } catch (const std::exception& error) {
        fail(node,
             std::string("operator ") + node.kind().toQualString() + " on constants fails: " + error.what());
    }
    for (std::size_t i = 0; i < node.outputs().size(); ++i) {
        entities_[node.outputs()[i]] = stack[stack.size() - node.outputs().size() + i];
    }
    return true;
}

// "layer1.0" for an operator in the forward() of that submodule, as far as the file still tells.
std::string ScriptReader::module_of(const Node& node) const {
    std::string path;
    const auto stack = node.callstack();
    if (!stack) {
        return path;
    }
    for (const auto& entry : (*stack)->vec()) {
        const auto& module = std::get<2>(entry);
        if (module && module->instance_name() != "SELF" && !module->instance_name().empty()) {
            path += (path.empty() ? "" : ".") + module->instance_name();
        }
    }
    return path;
}

// Models that were translated name their nodes as scopes.
std::string ScriptReader::place_of(const Node& node) const {
    const std::string scope = node.scopeName();
    if (!scope.empty()) {
        return scope;
    }
    std::string place;
    if (const auto at = node.sourceRange().file_line_col()) {
        place = std::get<0>(*at) + ":" + std::to_string(std::get<1>(*at));
    }
    const std::string module = module_of(node);
    if (!module.empty()) {
        place = "module " + module + (place.empty() ? "" : " (" + place + ")");
    }
    return place.empty() ? "forward" : place;
}

std::string ScriptReader::unique_name(const std::string& wish) {
    static const std::regex unusual("[^A-Za-z0-9_.:/-]");
    const std::string base = std::regex_replace(wish, unusual, "_").substr(0, 150);
    std::string name = base;
    for (int i = 2; !names_.insert(name).second; ++i) {
        name = base + "_" + std::to_string(i);
    }
    return name;
}

void ScriptReader::fail(const Node& node, const std::string& reason, const std::string& valid) const {
    throw InputError(source_, place_of(node), reason, valid);
}

bool ScriptReader::is_constant(const Value* value) const {
    const auto found = entities_.find(value);
    return found != entities_.end() && std::holds_alternative<c10::IValue>(found->second);
}

const c10::IValue& ScriptReader::constant(const Node& node, const std::string& argument) const {
    const Value* value = node.namedInput(argument);
    if (!is_constant(value)) {
        fail(node, std::string("argument \"") + argument + "\" of " + node.kind().toQualString() +
                       " is not a constant; freeze the model before saving it");
    }
    return std::get<c10::IValue>(entities_.at(value));
}

bool ScriptReader::has(const Node& node, const std::string& argument) const {
    return node.hasNamedInput(argument) && !constant(node, argument).isNone();
}

std::int64_t ScriptReader::integer(const Node& node, const std::string& argument) const {
    return constant(node, argument).toInt();
}

bool ScriptReader::boolean(const Node& node, const std::string& argument) const {
    return constant(node, argument).toBool();
}

// One number stands for all `count`.
ScriptReader::Ints ScriptReader::integers(const Node& node, const std::string& argument,
                                          std::size_t count) const {
    const c10::IValue& value = constant(node, argument);
    Ints list = value.isInt() ? Ints{value.toInt()} : value.toIntVector();
    if (list.size() == 1) {
        list.assign(count, list[0]);
    }
    if (list.size() != count) {
        fail(node, "argument \"" + argument + "\" has " + std::to_string(list.size()) + " values",
             std::to_string(count));
    }
    for (const std::int64_t item : list) {
        if (item < -32767 || item > 32767) {
            fail(node, "argument \"" + argument + "\" holds " + std::to_string(item), "-32767 to 32767");
        }
    }
    return list;
}

at::Tensor ScriptReader::parameter(const Node& node, const std::string& argument) const {
    at::Tensor values = constant(node, argument).toTensor().detach().to(at::kCPU, at::kDouble);
    if (!at::isfinite(values).all().item<bool>()) {
        fail(node, "\"" + node.namedInput(argument)->debugName() + "\" holds a NaN or an infinite value");
    }
    return values;
}

ScriptReader::Activation ScriptReader::activation(const Node& node, const std::string& argument) const {
    const Activation a = any_activation(node, argument);
    if (a.groups != 0) {
        fail(node, std::string("operator ") + node.kind().toQualString() +
                       " works on five dimensions, which are supported for a shuffle of channels only "
                       "(view, transpose of dimensions 1 and 2, view)");
    }
    return a;
}

ScriptReader::Activation ScriptReader::any_activation(const Node& node, const std::string& argument) const {
    const Value* value = argument.empty() ? node.input(0) : node.namedInput(argument);
    const auto found = entities_.find(value);
    const Activation* a = found == entities_.end() ? nullptr : std::get_if<Activation>(&found->second);
    if (a == nullptr) {
        fail(node, std::string("operator ") + node.kind().toQualString() +
                       " has a constant where images belong; " + kRemedy);
    }
    if (a->softmax) {
        fail(node, std::string("operator ") + node.kind().toQualString() +
                       " stands behind a softmax, which is supported at the end only");
    }
    return *a;
}

const workloads::Shape& ScriptReader::shape(const Activation& a) const {
    return graph_.shapes[static_cast<std::size_t>(a.tensor)];
}

FloatOp ScriptReader::new_op(const Node& node, FloatOpKind kind, const std::string& fallback_name,
                             const Value* weights) {
    static const std::regex weight_name("self\\.(.+)\\.(weight|bias|running_mean)(\\.[0-9]+)?");
    FloatOp op;
    op.kind = kind;
    op.place = place_of(node);
    std::smatch match;
    const std::string owner = weights == nullptr ? "" : weights->debugName();
    if (std::regex_match(owner, match, weight_name)) {
        op.name = unique_name(match[1]);
    } else {
        const std::string module = module_of(node);
        op.name = unique_name(module.empty() ? fallback_name : module + "." + fallback_name);
    }
    return op;
}

void ScriptReader::emit(const Node& node, FloatOp op, const workloads::Shape& shape, bool flat) {
    if (shape.channels < 1 || shape.height < 1 || shape.width < 1) {
        fail(node, "the window of \"" + op.name + "\" does not fit into its input");
    }
    op.output = graph_.add_tensor(shape);
    entities_[node.output()] = Activation{op.output, flat};
    graph_.ops.push_back(std::move(op));
}

void ScriptReader::pass_through(const Node& node, Activation a, const std::string& why) {
    const std::string kind = node.kind().toUnqualString();
    const std::string module = module_of(node);
    report_.push_back((module.empty() ? kind : module + "." + kind) + ": dropped, " + why);
    entities_[node.output()] = a;
}

void ScriptReader::rebind(const Activation& before, const Activation& after) {
    for (auto& entry : entities_) {
        Activation* a = std::get_if<Activation>(&entry.second);
        if (a != nullptr && a->tensor == before.tensor) {
            a->tensor = after.tensor;
        }
    }
}

}  // namespace fluence::models
