// What the TorchScript operators with weights become.
#include <ATen/ATen.h>

#include "models/script_reader.h"

namespace fluence::models {

using workloads::Shape;

namespace {

int as_int(std::int64_t value) {
    return static_cast<int>(value);
}

}  // namespace

void ScriptReader::convolution(const Node& node) {
    const Activation x = activation(node, "input");
    const at::Tensor weight = parameter(node, "weight");
    if (weight.dim() != 4 || x.flat) {
        fail(node, "a convolution has " + std::to_string(weight.dim() - 2) + " dimensions", "2");
    }
    if (node.hasNamedInput("transposed") && boolean(node, "transposed")) {
        fail(node, "a transposed convolution is not supported");
    }
    FloatOp op = new_op(node, FloatOpKind::conv, "conv", node.namedInput("weight"));
    const Ints stride = integers(node, "stride", 2);
    const Ints dilation = integers(node, "dilation", 2);
    Ints padding = {0, 0};
    if (!constant(node, "padding").isString()) {
        padding = integers(node, "padding", 2);
    } else if (constant(node, "padding").toStringRef() == "same") {
        padding = {dilation[0] * (weight.size(2) - 1), dilation[1] * (weight.size(3) - 1)};
        op.more_h = as_int(padding[0] % 2);  // an odd zero stands behind
        op.more_w = as_int(padding[1] % 2);
        padding = {padding[0] / 2, padding[1] / 2};
    }
    op.window = {as_int(weight.size(2)), as_int(weight.size(3)), as_int(stride[0]),   as_int(stride[1]),
                 as_int(padding[0]),     as_int(padding[1]),     as_int(dilation[0]), as_int(dilation[1])};
    check_window(node, op.window);
    op.groups = as_int(integer(node, "groups"));
    op.weight = weight;
    op.bias = has(node, "bias") ? parameter(node, "bias") : at::zeros({weight.size(0)}, at::kDouble);
    if (op.groups < 1 || weight.size(1) * op.groups != shape(x).channels) {
        fail(node, "\"" + op.name + "\" takes " + std::to_string(weight.size(1) * op.groups) +
                       " channels and gets " + std::to_string(shape(x).channels) +
                       "; does the data set fit the model?");
    }
    op.inputs = {x.tensor};
    const Shape out = windowed(shape(x), op, as_int(weight.size(0)));
    emit(node, std::move(op), out, false);
}

void ScriptReader::emit_linear(const Node& node, const Activation& x, const at::Tensor& weight,
                               const at::Tensor& bias, const Value* weights) {
    if (!x.flat || weight.dim() != 2) {
        fail(node, "a linear layer is not applied to images x features; flatten in front of it");
    }
    FloatOp op = new_op(node, FloatOpKind::linear, "linear", weights);
    if (weight.size(1) != shape(x).elements()) {
        fail(node, "\"" + op.name + "\" takes " + std::to_string(weight.size(1)) + " features and gets " +
                       std::to_string(shape(x).elements()) + "; does the data set fit the model?");
    }
    op.inputs = {x.tensor};
    op.weight = weight.contiguous();
    op.bias = bias.defined() ? bias.expand({weight.size(0)}).contiguous()
                             : at::zeros({weight.size(0)}, at::kDouble);
    emit(node, std::move(op), {as_int(weight.size(0)), 1, 1}, true);
}

void ScriptReader::linear(const Node& node) {
    emit_linear(node, activation(node, "input"), parameter(node, "weight"),
                has(node, "bias") ? parameter(node, "bias") : at::Tensor(), node.namedInput("weight"));
}

// beta·self + alpha·(mat1 @ mat2), mat1 the activations.
void ScriptReader::addmm(const Node& node) {
    const double alpha = constant(node, "alpha").toScalar().toDouble();
    const double beta = constant(node, "beta").toScalar().toDouble();
    // Freezing transposes the weights and drops their name; the bias still tells the layer.
    emit_linear(node, activation(node, "mat1"), parameter(node, "mat2").t() * alpha,
                parameter(node, "self") * beta, node.namedInput("self"));
}

void ScriptReader::matmul(const Node& node) {
    const bool mm = node.kind() == c10::Symbol::fromQualString("aten::mm");
    const std::string second = mm ? "mat2" : "other";
    const at::Tensor weight = parameter(node, second);
    emit_linear(node, activation(node), weight.dim() == 2 ? weight.t() : weight, {}, node.namedInput(second));
}

void ScriptReader::batch_norm(const Node& node) {
    const Activation x = activation(node, "input");
    if (boolean(node, "training")) {
        fail(node, "a batch norm uses the statistics of the batch; save the model in evaluation mode");
    }
    FloatOp op = new_op(node, FloatOpKind::affine, "batch_norm", node.namedInput("running_mean"));
    const at::Tensor mean = parameter(node, "running_mean");
    const at::Tensor variance = parameter(node, "running_var");
    op.weight = at::rsqrt(variance + constant(node, "eps").toDouble());
    if (has(node, "weight")) {
        op.weight = op.weight * parameter(node, "weight");
    }
    op.bias = -mean * op.weight;
    if (has(node, "bias")) {
        op.bias = op.bias + parameter(node, "bias");
    }
    if (!at::isfinite(op.weight).all().item<bool>() || op.weight.numel() != shape(x).channels) {
        fail(node,
             "\"" + op.name + "\" has a negative variance or another number of channels than its input");
    }
    op.inputs = {x.tensor};
    emit(node, std::move(op), shape(x), x.flat);
}

}  // namespace fluence::models
