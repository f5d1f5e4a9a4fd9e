#include "models/float_graph.h"

#include <ATen/ATen.h>

#include <limits>
#include <stdexcept>

namespace fluence::models {
namespace {

using workloads::Window;

at::Tensor per_channel(const at::Tensor& values) {
    return values.to(at::kFloat).reshape({1, -1, 1, 1});
}

// The input with its padding, and the padding that is left to the operator: Torch's is the same on both
// sides.
struct Padded {
    at::Tensor x;
    std::int64_t h, w;
};

Padded padded(const FloatOp& op, const at::Tensor& x, double value) {
    const Window& w = op.window;
    if (op.more_h == 0 && op.more_w == 0) {
        return {x, w.pad_h, w.pad_w};
    }
    return {at::constant_pad_nd(x, {w.pad_w, w.pad_w + op.more_w, w.pad_h, w.pad_h + op.more_h}, value), 0,
            0};
}

at::Tensor convolve(const FloatOp& op, const at::Tensor& x) {
    const Window& w = op.window;
    const Padded in = padded(op, x, 0);
    return at::conv2d(in.x, op.weight.to(at::kFloat), op.bias.to(at::kFloat), {w.stride_h, w.stride_w},
                      {in.h, in.w}, {w.dilation_h, w.dilation_w}, op.groups);
}

at::Tensor pool(const FloatOp& op, const at::Tensor& x) {
    const Window& w = op.window;
    if (op.kind == FloatOpKind::max_pool) {
        const Padded in = padded(op, x, -std::numeric_limits<double>::infinity());
        return at::max_pool2d(in.x, {w.kernel_h, w.kernel_w}, {w.stride_h, w.stride_w}, {in.h, in.w},
                              {w.dilation_h, w.dilation_w});
    }
    const Padded in = padded(op, x, 0);
    return at::avg_pool2d(in.x, {w.kernel_h, w.kernel_w}, {w.stride_h, w.stride_w}, {in.h, in.w});
}

at::Tensor subsample(const FloatOp& op, const at::Tensor& x) {
    const at::Tensor kept =
        x.slice(2, 0, x.size(2), op.window.stride_h).slice(3, 0, x.size(3), op.window.stride_w);
    return at::constant_pad_nd(kept, {0, 0, 0, 0, op.channels_before, op.channels_after}, 0);
}

at::Tensor shuffle(const FloatOp& op, const at::Tensor& x) {
    return x.reshape({x.size(0), op.groups, -1, x.size(2), x.size(3)}).transpose(1, 2).reshape(x.sizes());
}

at::Tensor execute(const FloatOp& op, const std::vector<at::Tensor>& tensors) {
    const auto input = [&](std::size_t i = 0) -> const at::Tensor& {
        return tensors[static_cast<std::size_t>(op.inputs[i])];
    };
    const at::Tensor& x = input();
    switch (op.kind) {
        case FloatOpKind::conv:
            return convolve(op, x);
        case FloatOpKind::linear:
            return at::linear(x.flatten(1), op.weight.to(at::kFloat), op.bias.to(at::kFloat))
                .reshape({x.size(0), -1, 1, 1});
        case FloatOpKind::max_pool:
        case FloatOpKind::avg_pool:
            return pool(op, x);
        case FloatOpKind::add:
            return x + input(1);
        case FloatOpKind::concat: {
            std::vector<at::Tensor> parts;
            for (std::size_t i = 0; i < op.inputs.size(); ++i) {
                parts.push_back(input(i));
            }
            return at::cat(parts, 1);
        }
        case FloatOpKind::flatten:
            return x.reshape({x.size(0), -1, 1, 1});
        case FloatOpKind::subsample:
            return subsample(op, x);
        case FloatOpKind::shuffle:
            return shuffle(op, x);
        case FloatOpKind::pad:
            return at::constant_pad_nd(x, {op.window.pad_w, op.window.pad_w + op.more_w, op.window.pad_h,
                                           op.window.pad_h + op.more_h});
        case FloatOpKind::relu:
            return x.clamp(0, op.ceiling);
        case FloatOpKind::affine:
            break;
    }
    return x * per_channel(op.weight) + per_channel(op.bias);
}

// Positions of a window along one dimension.
int window_positions(int extent, int kernel, int stride, int pad, int dilation) {
    const std::int64_t room =
        std::int64_t{extent} + 2 * std::int64_t{pad} - (std::int64_t{dilation} * (kernel - 1) + 1);
    return room < 0 ? 0 : static_cast<int>(room / stride + 1);
}

}  // namespace

workloads::OpKind op_kind(FloatOpKind kind) {
    using workloads::OpKind;
    switch (kind) {
        case FloatOpKind::conv:
            return OpKind::conv;
        case FloatOpKind::linear:
            return OpKind::linear;
        case FloatOpKind::max_pool:
            return OpKind::max_pool;
        case FloatOpKind::avg_pool:
            return OpKind::avg_pool;
        case FloatOpKind::add:
            return OpKind::add;
        case FloatOpKind::concat:
            return OpKind::concat;
        case FloatOpKind::flatten:
            return OpKind::flatten;
        case FloatOpKind::subsample:
        case FloatOpKind::shuffle:
            return OpKind::subsample;
        case FloatOpKind::relu:
        case FloatOpKind::pad:
        case FloatOpKind::affine:
            break;
    }
    throw std::logic_error("the graph is not folded");
}

int FloatGraph::add_tensor(const workloads::Shape& shape) {
    shapes.push_back(shape);
    return static_cast<int>(shapes.size()) - 1;
}

int FloatGraph::producer(int tensor) const {
    for (std::size_t i = 0; i < ops.size(); ++i) {
        if (ops[i].output == tensor) {
            return static_cast<int>(i);
        }
    }
    return -1;
}

int FloatGraph::uses(int tensor) const {
    int count = tensor == logits ? 1 : 0;
    for (const FloatOp& op : ops) {
        for (const int read : op.inputs) {
            count += read == tensor ? 1 : 0;
        }
    }
    return count;
}

workloads::Shape windowed(const workloads::Shape& in, const FloatOp& op, int channels) {
    const Window& w = op.window;
    return {channels, window_positions(in.height + op.more_h, w.kernel_h, w.stride_h, w.pad_h, w.dilation_h),
            window_positions(in.width + op.more_w, w.kernel_w, w.stride_w, w.pad_w, w.dilation_w)};
}

namespace {

// `adjust`(op, values) → values; keeps every tensor no longer than it is read.
template <class Adjust>
at::Tensor run(const FloatGraph& graph, const at::Tensor& batch, const Adjust& adjust) {
    std::vector<at::Tensor> tensors(graph.shapes.size());
    std::vector<std::size_t> last_use(graph.shapes.size(), 0);
    for (std::size_t i = 0; i < graph.ops.size(); ++i) {
        for (const int input : graph.ops[i].inputs) {
            last_use[static_cast<std::size_t>(input)] = i;
        }
    }
    tensors[static_cast<std::size_t>(graph.input)] = batch;
    for (std::size_t i = 0; i < graph.ops.size(); ++i) {
        const FloatOp& op = graph.ops[i];
        const at::Tensor values = execute(op, tensors);
        tensors[static_cast<std::size_t>(op.output)] =
            adjust(op, op.relu ? values.clamp(0, op.ceiling) : values);
        for (const int input : op.inputs) {
            if (last_use[static_cast<std::size_t>(input)] == i && input != graph.logits) {
                tensors[static_cast<std::size_t>(input)].reset();
            }
        }
    }
    return tensors[static_cast<std::size_t>(graph.logits)].flatten(1);
}

}  // namespace

at::Tensor evaluate(const FloatGraph& graph, const at::Tensor& batch,
                    const std::function<void(int tensor, const at::Tensor& values)>& visit) {
    if (visit) {
        visit(graph.input, batch);
    }
    return run(graph, batch, [&](const FloatOp& op, const at::Tensor& values) {
        if (visit) {
            visit(op.output, values);
        }
        return values;
    });
}

at::Tensor evaluate_adjusted(
    const FloatGraph& graph, const at::Tensor& batch,
    const std::function<at::Tensor(const FloatOp& op, const at::Tensor& values)>& adjust) {
    return run(graph, batch, adjust);
}

}  // namespace fluence::models
