// ONNX models compute sizes of reshapes with nodes; what does not depend on the images is computed here, what
// does becomes integers and lists of integers in TorchScript.
#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "models/onnx_translator.h"

namespace fluence::models {

namespace jit = torch::jit;

namespace {

at::Tensor slice_constant(at::Tensor x, const std::vector<std::int64_t>& starts,
                          const std::vector<std::int64_t>& ends, const std::vector<std::int64_t>& axes,
                          const std::vector<std::int64_t>& steps) {
    for (std::size_t i = 0; i < starts.size(); ++i) {
        if (steps.at(i) < 0) {  // ONNX counts down to the end, which it leaves out
            const std::int64_t size = x.size(axes.at(i));
            std::vector<std::int64_t> kept;
            const std::int64_t first = starts[i] < 0 ? starts[i] + size : std::min(starts[i], size - 1);
            const std::int64_t end = ends.at(i) < -size ? -1 : ends[i] < 0 ? ends[i] + size : ends[i];
            for (std::int64_t at = first; at > end && at >= 0; at += steps[i]) {
                kept.push_back(at);
            }
            x = x.index_select(axes[i], at::tensor(at::ArrayRef<std::int64_t>(kept), at::kLong));
        } else {
            x = x.slice(axes.at(i), starts[i], ends.at(i), steps[i]);
        }
    }
    return x;
}

std::vector<std::int64_t> counted(std::size_t count) {
    std::vector<std::int64_t> axes(count);
    for (std::size_t i = 0; i < count; ++i) {
        axes[i] = static_cast<std::int64_t>(i);
    }
    return axes;
}

at::Tensor reshaped(const at::Tensor& x, std::vector<std::int64_t> shape) {
    for (std::size_t i = 0; i < shape.size(); ++i) {
        shape[i] = shape[i] == 0 ? x.size(static_cast<std::int64_t>(i)) : shape[i];
    }
    return x.reshape(shape);
}

}  // namespace

// Whether the node was one whose inputs are all known.
bool OnnxTranslator::fold_constants(const OnnxNode& node) {
    static const std::set<std::string> kFolded = {"Add",      "Cast",      "Concat",   "Div",   "Gather",
                                                  "Identity", "Mul",       "Reshape",  "Slice", "Squeeze",
                                                  "Sub",      "Transpose", "Unsqueeze"};
    if (kFolded.count(node.op) == 0 || node.inputs.empty() || node.outputs.empty()) {
        return false;
    }
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (given(node, i) && entity(node, i).value != nullptr) {
            return false;
        }
    }
    const at::Tensor x = constant(node, 0);
    at::Tensor y = x;
    if (node.op == "Cast") {
        const std::int64_t to = integer(node, "to", 1);
        const bool real = to == 1 || to == 10 || to == 11 || to == 16;  // float, float16, double, bfloat16
        y = x.to(real ? at::kFloat : at::kLong);
    } else if (node.op == "Transpose") {
        Ints reversed = counted(static_cast<std::size_t>(x.dim()));
        std::reverse(reversed.begin(), reversed.end());
        y = x.permute(integers(node, "perm", reversed)).contiguous();
    } else if (node.op == "Reshape") {
        y = reshaped(x, integers_at(node, 1, "shape", {}));
    } else if (node.op == "Concat") {
        std::vector<at::Tensor> parts;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            parts.push_back(constant(node, i));
        }
        y = at::cat(parts, integer(node, "axis", 0));
    } else if (node.op == "Slice") {
        const Ints starts = integers_at(node, 1, "starts", {});
        y = slice_constant(x, starts, integers_at(node, 2, "ends", {}),
                           integers_at(node, 3, "axes", counted(starts.size())),
                           integers_at(node, 4, "steps", Ints(starts.size(), 1)));
    } else if (node.op == "Gather") {
        const at::Tensor index = constant(node, 1).to(at::kLong);
        const std::int64_t axis = integer(node, "axis", 0);
        const at::Tensor wrapped = at::where(index < 0, index + x.size(axis), index);
        y = index.dim() == 0 ? x.select(axis, wrapped.item<std::int64_t>()) : x.index_select(axis, wrapped);
    } else if (node.op == "Squeeze") {
        const Ints axes = integers_at(node, 1, "axes", {});
        y = axes.empty() ? x.squeeze() : x;
        for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
            y = y.squeeze(*axis);
        }
    } else if (node.op == "Unsqueeze") {
        for (const std::int64_t axis : integers_at(node, 1, "axes", {})) {
            y = y.unsqueeze(axis);
        }
    } else if (node.op != "Identity") {
        const at::Tensor other = constant(node, 1);
        y = node.op == "Add"        ? x + other
            : node.op == "Sub"      ? x - other
            : node.op == "Mul"      ? x * other
            : x.is_floating_point() ? x / other
                                    : at::div(x, other, "trunc");
    }
    entities_[node.outputs[0]].constant = y;
    return true;
}

bool OnnxTranslator::is_size(const OnnxNode& node, std::size_t index) const {
    const Value* const value = entity(node, index).value;
    return value != nullptr && !value->type()->isSubtypeOf(*c10::TensorType::get());
}

// As int[].
torch::jit::Value* OnnxTranslator::size_list(const OnnxNode& node, std::size_t index) {
    const Entity& from = entity(node, index);
    if (from.constant.defined()) {
        return graph_->insertConstant(integers_at(node, index, "", {}));
    }
    if (from.value->type()->isSubtypeOf(*c10::IntType::get())) {
        return graph_->insertNode(graph_->createList(c10::IntType::get(), {from.value}))->output();
    }
    if (!is_size(node, index)) {
        fail(node, "\"" + node.inputs[index] + "\" holds values of the images where sizes belong");
    }
    return from.value;
}

// As int.
torch::jit::Value* OnnxTranslator::single_size(const OnnxNode& node, std::size_t index) {
    const Entity& from = entity(node, index);
    if (from.value != nullptr && from.value->type()->isSubtypeOf(*c10::IntType::get())) {
        return from.value;
    }
    return insert("aten::__getitem__", {size_list(node, index), 0});
}

void OnnxTranslator::shape(const OnnxNode& node) {
    if (entity(node, 0).constant.defined()) {
        const auto sizes = constant(node, 0).sizes();
        entities_[node.outputs.at(0)].constant = at::tensor(sizes, at::kLong);
    } else {
        result(node, insert("aten::size", {activation(node)}));
    }
}

void OnnxTranslator::gather(const OnnxNode& node) {
    if (!is_size(node, 0)) {
        fail(node, "a gather picks values of activations",
             "a gather of sizes, or Slice and Split of channels");
    }
    const at::Tensor index = constant(node, 1).to(at::kLong).reshape({-1});
    Value* const list = size_list(node, 0);
    std::vector<Value*> picked;
    for (std::int64_t i = 0; i < index.numel(); ++i) {
        picked.push_back(insert("aten::__getitem__", {list, index[i].item<std::int64_t>()}));
    }
    const bool single = constant(node, 1).dim() == 0;
    result(node, single ? picked.at(0)
                        : graph_->insertNode(graph_->createList(c10::IntType::get(), picked))->output());
}

void OnnxTranslator::unsqueeze(const OnnxNode& node) {
    if (!is_size(node, 0)) {
        fail(node, "a dimension is added to activations", "images x channels x height x width throughout");
    }
    result(node, size_list(node, 0));
}

void OnnxTranslator::arithmetic(const OnnxNode& node) {
    const bool sizes = (is_size(node, 0) || entity(node, 0).constant.defined()) &&
                       (is_size(node, 1) || entity(node, 1).constant.defined());
    if (!sizes) {
        fail(node, "operator " + node.op + " on activations is not supported",
             "additions; a BatchNormalization for a factor a channel; preprocessing outside of the model");
    }
    const char* const op = node.op == "Mul" ? "aten::mul" : node.op == "Sub" ? "aten::sub" : "aten::floordiv";
    result(node, insert(op, {single_size(node, 0), single_size(node, 1)}));
}

}  // namespace fluence::models
