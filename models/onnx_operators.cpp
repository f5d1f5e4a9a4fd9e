// What ONNX operators become in TorchScript.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "models/onnx_translator.h"

namespace fluence::models {

namespace jit = torch::jit;

void OnnxTranslator::constant_node(const OnnxNode& node) {
    at::Tensor value;
    for (const auto& [key, attribute] : node.attributes) {
        if (const auto* tensor = std::get_if<OnnxTensor>(&attribute)) {
            value = tensor->is_real
                        ? at::tensor(at::ArrayRef<float>(tensor->reals), at::kFloat).reshape(tensor->dims)
                        : at::tensor(at::ArrayRef<std::int64_t>(tensor->integers), at::kLong)
                              .reshape(tensor->dims);
        } else if (const auto* number = std::get_if<std::int64_t>(&attribute)) {
            value = at::scalar_tensor(*number, at::kLong);
        } else if (const auto* fraction = std::get_if<double>(&attribute)) {
            value = at::scalar_tensor(*fraction, at::kFloat);
        } else if (const auto* numbers = std::get_if<Ints>(&attribute)) {
            value = at::tensor(at::ArrayRef<std::int64_t>(*numbers), at::kLong);
        } else if (const auto* fractions = std::get_if<std::vector<double>>(&attribute)) {
            value = at::tensor(at::ArrayRef<double>(*fractions), at::kFloat);
        }
    }
    if (!value.defined() || node.outputs.empty()) {
        fail(node, "holds no number and no tensor of numbers");
    }
    entities_[node.outputs[0]].constant = value;
}

// Padding as ONNX gives it: in front of height and width, then behind. SAME is known without the size of the
// input only where the stride is 1.
OnnxTranslator::Window OnnxTranslator::window(const OnnxNode& node, const Ints& kernel, Value*& x) {
    Window w;
    w.kernel = kernel;
    w.stride = extents(node, "strides", {1, 1});
    w.dilation = extents(node, "dilations", {1, 1});
    Ints pads = extents(node, "pads", {0, 0, 0, 0});
    const std::string automatic = text(node, "auto_pad", "NOTSET");
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
        if (w.stride != Ints{1, 1}) {
            fail(node,
                 "auto_pad is " + automatic + " with a stride, so that the padding depends on the images",
                 "the attribute pads");
        }
        for (std::size_t i = 0; i < 2; ++i) {
            const std::int64_t all = w.dilation[i] * (kernel[i] - 1);
            const std::int64_t front = automatic == "SAME_UPPER" ? all / 2 : all - all / 2;
            pads[i] = front;
            pads[i + 2] = all - front;
        }
    } else if (automatic != "NOTSET" && automatic != "VALID") {
        fail(node, "auto_pad is \"" + automatic + "\"", "NOTSET, VALID, SAME_UPPER, SAME_LOWER");
    }
    w.padding = {pads[0], pads[1]};
    if (pads[0] != pads[2] || pads[1] != pads[3]) {
        x = insert("aten::constant_pad_nd", {x, Ints{pads[1], pads[3], pads[0], pads[2]}, 0});
        w.padding = {0, 0};
    }
    return w;
}

void OnnxTranslator::convolution(const OnnxNode& node) {
    Value* x = activation(node);
    const at::Tensor kernel = constant(node, 1);
    if (kernel.dim() != 4) {
        fail(node, "a convolution has " + std::to_string(kernel.dim() - 2) + " dimensions", "2");
    }
    const Window w = window(node, {kernel.size(2), kernel.size(3)}, x);
    Value* const weights = weight(node, 1, kernel);
    Value* const bias = given(node, 2) ? any(node, 2) : graph_->insertConstant(none());
    result(node, insert("aten::conv2d",
                        {x, weights, bias, w.stride, w.padding, w.dilation, integer(node, "group", 1)}));
}

// alpha · A·B' + beta · C.
void OnnxTranslator::gemm(const OnnxNode& node) {
    if (integer(node, "transA", 0) != 0) {
        fail(node, "the activations of a matrix product are transposed", "transA 0");
    }
    Value* const x = activation(node);
    at::Tensor matrix = constant(node, 1);
    matrix = integer(node, "transB", 0) != 0 ? matrix : matrix.t().contiguous();
    const double alpha = real(node, "alpha", 1);
    const double beta = real(node, "beta", 1);
    Value* const weights = weight(node, 1, alpha == 1 ? matrix : matrix * alpha);
    Value* bias = graph_->insertConstant(none());
    if (given(node, 2)) {
        const at::Tensor offset = constant(node, 2).reshape({-1});
        bias = graph_->insertConstant(
            (beta == 1 ? offset : offset * beta).expand({matrix.size(0)}).contiguous());
    }
    result(node, insert("aten::linear", {x, weights, bias}));
}

void OnnxTranslator::matmul(const OnnxNode& node) {
    Value* const x = activation(node);
    const at::Tensor matrix = constant(node, 1);
    if (matrix.dim() != 2) {
        fail(node, "activations are multiplied with something else than a matrix");
    }
    result(node, insert("aten::linear", {x, weight(node, 1, matrix.t().contiguous()), none()}));
}

void OnnxTranslator::batch_norm(const OnnxNode& node) {
    if (integer(node, "training_mode", 0) != 0) {
        fail(node, "a batch norm uses the statistics of the batch; export the model in evaluation mode");
    }
    Value* const x = activation(node);
    Value* const scale = weight(node, 1, constant(node, 1));
    Value* const offset = graph_->insertConstant(constant(node, 2));
    Value* const mean = graph_->insertConstant(constant(node, 3));
    if (scale->hasDebugName()) {  // it names the layer
        std::string name = scale->debugName();
        name = name.substr(0, name.rfind(".weight"));
        mean->setDebugName(name + ".running_mean");
    }
    Value* const variance = graph_->insertConstant(constant(node, 4));
    result(node, insert("aten::batch_norm",
                        {x, scale, offset, mean, variance, false, 0.1, real(node, "epsilon", 1e-5), false}));
}

void OnnxTranslator::relu(const OnnxNode& node) {
    result(node, insert("aten::relu", {activation(node)}));
}

// Bounds are attributes up to opset 10, inputs from 11 on.
void OnnxTranslator::clip(const OnnxNode& node) {
    const auto bound = [&](std::size_t index, const char* key) -> c10::IValue {
        if (given(node, index)) {
            return constant(node, index).to(at::kDouble).item<double>();
        }
        return node.attributes.count(key) != 0 ? c10::IValue(real(node, key, 0)) : c10::IValue();
    };
    const c10::IValue lowest = bound(1, "min");
    const c10::IValue highest = bound(2, "max");
    result(node, insert("aten::clamp", {activation(node), lowest, highest}));
}

void OnnxTranslator::max_pool(const OnnxNode& node) {
    if (node.outputs.size() > 1 && !node.outputs[1].empty()) {
        fail(node, "a maximum pooling gives the places of its maxima too", "one output");
    }
    Value* x = activation(node);
    const Window w = window(node, extents(node, "kernel_shape", {1, 1}), x);
    result(node, insert("aten::max_pool2d",
                        {x, w.kernel, w.stride, w.padding, w.dilation, integer(node, "ceil_mode", 0) != 0}));
}

void OnnxTranslator::average_pool(const OnnxNode& node) {
    Value* x = activation(node);
    Value* const unpadded = x;
    const Window w = window(node, extents(node, "kernel_shape", {1, 1}), x);
    const bool counted = integer(node, "count_include_pad", 0) != 0;
    if (w.dilation != Ints{1, 1} || (x != unpadded && !counted)) {
        fail(node, "an average pooling has dilation or leaves its padding out of the average",
             "dilations 1, count_include_pad 1");
    }
    result(node, insert("aten::avg_pool2d",
                        {x, w.kernel, w.stride, w.padding, integer(node, "ceil_mode", 0) != 0, counted}));
}

void OnnxTranslator::global_average_pool(const OnnxNode& node) {
    result(node, insert("aten::adaptive_avg_pool2d", {activation(node), Ints{1, 1}}));
}

void OnnxTranslator::reduce_mean(const OnnxNode& node) {
    const Ints axes = integers_at(node, 1, "axes", {});
    result(node, insert("aten::mean", {activation(node), axes, integer(node, "keepdims", 1) != 0}));
}

void OnnxTranslator::add(const OnnxNode& node) {
    if (is_size(node, 0) || is_size(node, 1)) {
        result(node, insert("aten::add", {single_size(node, 0), single_size(node, 1)}));
        return;
    }
    result(node, insert("aten::add", {any(node, 0), any(node, 1)}));
}

void OnnxTranslator::concat(const OnnxNode& node) {
    bool sizes = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        sizes = sizes || is_size(node, i);
    }
    if (sizes) {
        Value* list = size_list(node, 0);
        for (std::size_t i = 1; i < node.inputs.size(); ++i) {
            list = insert("aten::add", {list, size_list(node, i)});
        }
        result(node, list);
        return;
    }
    std::vector<Value*> parts;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        parts.push_back(activation(node, i));
    }
    Value* const list = graph_->insertNode(graph_->createList(c10::TensorType::get(), parts))->output();
    result(node, insert("aten::cat", {list, integer(node, "axis", 1)}));
}

void OnnxTranslator::flatten(const OnnxNode& node) {
    result(node, insert("aten::flatten", {activation(node), integer(node, "axis", 1), -1}));
}

// A 0 keeps the input's extent. The images are as many as come: models exported for a fixed number of them
// hold that number.
void OnnxTranslator::reshape(const OnnxNode& node) {
    Value* const x = activation(node);
    if (is_size(node, 1)) {
        result(node, insert("aten::reshape", {x, size_list(node, 1)}));
        return;
    }
    const Ints shape = integers_at(node, 1, "shape", {});
    const bool fixed = !from_.input_dims.empty() && from_.input_dims[0] > 0 && !shape.empty() &&
                       shape[0] == from_.input_dims[0];
    std::vector<Value*> extents;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const bool keep = shape[i] == 0 || (i == 0 && fixed);
        extents.push_back(!keep    ? graph_->insertConstant(shape[i])
                          : i == 0 ? insert("aten::size", {images_, 0})
                                   : insert("aten::size", {x, static_cast<std::int64_t>(i)}));
    }
    Value* const list = graph_->insertNode(graph_->createList(c10::IntType::get(), extents))->output();
    result(node, insert("aten::reshape", {x, list}));
}

// Height and width of 1 go; a list of one size becomes that size.
void OnnxTranslator::squeeze(const OnnxNode& node) {
    if (is_size(node, 0)) {
        result(node, single_size(node, 0));
        return;
    }
    Ints axes = integers_at(node, 1, "axes", {});
    for (std::int64_t& axis : axes) {
        axis += axis < 0 ? 4 : 0;
    }
    std::sort(axes.begin(), axes.end());
    if (axes != Ints{2, 3}) {
        fail(node, "other dimensions than height and width are dropped", "axes 2, 3");
    }
    result(node, insert("aten::flatten", {activation(node), 1, -1}));
}

void OnnxTranslator::transpose(const OnnxNode& node) {
    result(node, insert("aten::permute", {activation(node), integers(node, "perm", {})}));
}

void OnnxTranslator::slice(const OnnxNode& node) {
    const Ints starts = integers_at(node, 1, "starts", {});
    const Ints ends = integers_at(node, 2, "ends", {});
    Ints axes = integers_at(node, 3, "axes", {});
    for (std::size_t i = 0; axes.size() < starts.size(); ++i) {
        axes.push_back(static_cast<std::int64_t>(i));
    }
    const Ints steps = integers_at(node, 4, "steps", Ints(starts.size(), 1));
    if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
        fail(node, "a slice has starts, ends, axes and steps of several lengths");
    }
    Value* x = is_size(node, 0) ? size_list(node, 0) : activation(node);
    for (std::size_t i = 0; i < starts.size(); ++i) {
        x = is_size(node, 0) ? insert("aten::slice", {x, starts[i], ends[i], steps[i]})
                             : insert("aten::slice", {x, axes[i], starts[i], ends[i], steps[i]});
    }
    result(node, x);
}

// Into the given sizes, or into as many equal parts as there are outputs (the last one may be smaller).
void OnnxTranslator::split(const OnnxNode& node) {
    const std::int64_t axis = integer(node, "axis", 0);
    const Ints sizes = integers_at(node, 1, "split", {});
    Value* const x = activation(node);
    const auto outputs = static_cast<std::int64_t>(node.outputs.size());
    Value* const list = sizes.empty() ? insert("aten::chunk", {x, outputs, axis})
                                      : insert("aten::split_with_sizes", {x, sizes, axis});
    jit::Node* const parts = graph_->insertNode(graph_->createListUnpack(list, node.outputs.size()));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        result(node, parts->outputs()[i], i);
    }
}

// In front of each dimension, then behind each. TorchScript goes from the last dimension on, in pairs.
void OnnxTranslator::pad(const OnnxNode& node) {
    const Ints pads = integers_at(node, 1, "pads", {});
    const std::string mode = text(node, "mode", "constant");
    const double value =
        given(node, 2) ? constant(node, 2).to(at::kDouble).item<double>() : real(node, "value", 0);
    if (mode != "constant" || value != 0 || pads.size() % 2 != 0 || given(node, 3)) {
        fail(node, "a padding is \"" + mode + "\" with " + std::to_string(value) + " or names axes",
             "zeros, mode constant, a pair of numbers for every dimension");
    }
    const std::size_t rank = pads.size() / 2;
    Ints pairs;
    for (std::size_t i = rank; i-- > 0;) {
        pairs.push_back(pads[i]);
        pairs.push_back(pads[i + rank]);
    }
    while (pairs.size() > 2 && pairs[pairs.size() - 1] == 0 && pairs[pairs.size() - 2] == 0) {
        pairs.resize(pairs.size() - 2);
    }
    result(node, insert("aten::constant_pad_nd", {activation(node), pairs, 0}));
}

void OnnxTranslator::softmax(const OnnxNode& node) {
    const char* const op = node.op == "Softmax" ? "aten::softmax" : "aten::log_softmax";
    const std::int64_t absent = from_.opset < 13 ? 1 : -1;
    result(node, insert(op, {activation(node), integer(node, "axis", absent)}));
}

void OnnxTranslator::dropout(const OnnxNode& node) {
    if (given(node, 2) && constant(node, 2).to(at::kDouble).item<double>() != 0) {
        fail(node, "a dropout is active; export the model in evaluation mode");
    }
    result(node, insert("aten::dropout", {activation(node), 0.5, false}));
}

void OnnxTranslator::identity(const OnnxNode& node) {
    const bool real = integer(node, "to", 1) == 1;
    if (!is_size(node, 0) && !real) {
        fail(node, "activations change their type", "float throughout");
    }
    result(node, entity(node, 0).value);
}

}  // namespace fluence::models
