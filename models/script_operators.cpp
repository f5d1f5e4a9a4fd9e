// What the TorchScript operators without weights become.
#include <ATen/ATen.h>

#include <algorithm>

#include "models/script_reader.h"

namespace fluence::models {

using workloads::Shape;
using workloads::Window;

namespace {

int as_int(std::int64_t value) {
    return static_cast<int>(value);
}

}  // namespace

void ScriptReader::relu(const Node& node) {
    const Activation x = activation(node);
    FloatOp op = new_op(node, FloatOpKind::relu, "relu");
    op.inputs = {x.tensor};
    emit(node, std::move(op), shape(x), x.flat);
    if (node.kind() == c10::Symbol::fromQualString("aten::relu_")) {
        rebind(x, std::get<Activation>(entities_.at(node.output())));
    }
}

Window ScriptReader::window_of(const Node& node, const std::string& kernel, bool dilated) const {
    const Ints size = integers(node, kernel, 2);
    const bool own_stride = has(node, "stride") && !(constant(node, "stride").isIntList() &&
                                                     constant(node, "stride").toIntVector().empty());
    const Ints stride = own_stride ? integers(node, "stride", 2) : size;
    const Ints padding = integers(node, "padding", 2);
    const Ints dilation = dilated ? integers(node, "dilation", 2) : Ints{1, 1};
    return {as_int(size[0]),    as_int(size[1]),    as_int(stride[0]),   as_int(stride[1]),
            as_int(padding[0]), as_int(padding[1]), as_int(dilation[0]), as_int(dilation[1])};
}

// ceil_mode only matters where the last window hangs over the edge.
void ScriptReader::check_ceil_mode(const Node& node, const Window& w, const Shape& in) const {
    const auto overhangs = [](int extent, int kernel, int stride, int pad, int dilation) {
        return (extent + 2 * pad - (dilation * (kernel - 1) + 1)) % stride != 0;
    };
    if (boolean(node, "ceil_mode") && (overhangs(in.height, w.kernel_h, w.stride_h, w.pad_h, w.dilation_h) ||
                                       overhangs(in.width, w.kernel_w, w.stride_w, w.pad_w, w.dilation_w))) {
        fail(node, "a pooling with ceil_mode has windows over the edge of its input", "ceil_mode false");
    }
}

void ScriptReader::emit_pool(const Node& node, FloatOp op, const Activation& x, bool flat) {
    op.inputs = {x.tensor};
    const Shape out = windowed(shape(x), op.window, shape(x).channels);
    emit(node, std::move(op), out, flat);
}

void ScriptReader::max_pool(const Node& node) {
    const Activation x = activation(node);
    FloatOp op = new_op(node, FloatOpKind::max_pool, "max_pool");
    op.window = window_of(node, "kernel_size", true);
    check_ceil_mode(node, op.window, shape(x));
    emit_pool(node, std::move(op), x, false);
}

void ScriptReader::avg_pool(const Node& node) {
    const Activation x = activation(node);
    FloatOp op = new_op(node, FloatOpKind::avg_pool, "avg_pool");
    op.window = window_of(node, "kernel_size", false);
    check_ceil_mode(node, op.window, shape(x));
    const std::int64_t elements = std::int64_t{op.window.kernel_h} * op.window.kernel_w;
    if (has(node, "divisor_override") && integer(node, "divisor_override") != elements) {
        fail(node, "an average pooling has divisor_override", "none");
    }
    if ((op.window.pad_h != 0 || op.window.pad_w != 0) && !boolean(node, "count_include_pad")) {
        fail(node, "an average pooling leaves its padding out of the average", "count_include_pad true");
    }
    emit_pool(node, std::move(op), x, false);
}

void ScriptReader::adaptive_avg_pool(const Node& node) {
    const Activation x = activation(node);
    const Ints size = integers(node, "output_size", 2);
    const Shape& in = shape(x);
    if (size[0] < 1 || size[1] < 1 || in.height % size[0] != 0 || in.width % size[1] != 0) {
        fail(node,
             "an adaptive average pooling from " + std::to_string(in.height) + "x" +
                 std::to_string(in.width) + " to " + std::to_string(size[0]) + "x" + std::to_string(size[1]) +
                 " has windows of several sizes",
             "sizes that divide the input's");
    }
    if (size[0] == in.height && size[1] == in.width) {
        pass_through(node, x, "its input already has that size");
        return;
    }
    FloatOp op = new_op(node, FloatOpKind::avg_pool, "avg_pool");
    op.window.kernel_h = op.window.stride_h = in.height / as_int(size[0]);
    op.window.kernel_w = op.window.stride_w = in.width / as_int(size[1]);
    emit_pool(node, std::move(op), x, false);
}

void ScriptReader::mean(const Node& node) {
    const Activation x = activation(node);
    Ints dims = has(node, "dim") ? constant(node, "dim").toIntVector() : Ints{};
    for (std::int64_t& d : dims) {
        d = d < 0 ? d + 4 : d;
    }
    std::sort(dims.begin(), dims.end());
    if (x.flat || dims != Ints{2, 3}) {
        fail(node, "a mean is supported over height and width only", "dim (2, 3)");
    }
    const bool flat = !boolean(node, "keepdim");
    if (shape(x).plane() == 1) {
        pass_through(node, {x.tensor, flat, false}, "its input is already 1x1");
        return;
    }
    FloatOp op = new_op(node, FloatOpKind::avg_pool, "mean");
    op.window.kernel_h = op.window.stride_h = shape(x).height;
    op.window.kernel_w = op.window.stride_w = shape(x).width;
    emit_pool(node, std::move(op), x, flat);
}

// A number, or one number a channel.
void ScriptReader::add_constant(const Node& node, const Activation& x, const std::string& argument) {
    const c10::IValue& value = constant(node, argument);
    const at::Tensor offset = value.isTensor() ? parameter(node, argument)
                                               : at::full({1}, value.toScalar().toDouble(), at::kDouble);
    const int channels = shape(x).channels;
    const std::int64_t behind = x.flat ? 0 : 2;  // dimensions behind the channel
    const bool by_channel = offset.numel() == channels && offset.dim() > behind &&
                            offset.size(offset.dim() - 1 - behind) == channels;
    if (offset.numel() != 1 && !by_channel) {
        fail(node, "an added constant is neither one number nor one number a channel");
    }
    FloatOp op = new_op(node, FloatOpKind::affine, "add_constant");
    op.inputs = {x.tensor};
    op.weight = at::ones({channels}, at::kDouble);
    op.bias = offset.reshape({-1}).expand({channels}).contiguous();
    emit(node, std::move(op), shape(x), x.flat);
}

void ScriptReader::add(const Node& node) {
    if (has(node, "alpha") && constant(node, "alpha").toScalar().toDouble() != 1) {
        fail(node, "an addition scales its second term", "alpha 1");
    }
    const bool constant_first = is_constant(node.input(0));
    const Activation x = activation(node, constant_first ? "other" : "self");
    if (constant_first || is_constant(node.namedInput("other"))) {
        add_constant(node, x, constant_first ? "self" : "other");
    } else {
        const Activation y = activation(node, "other");
        if (shape(x) != shape(y) || x.flat != y.flat) {
            fail(node, "an addition has two shapes, broadcasting is not supported");
        }
        FloatOp op = new_op(node, FloatOpKind::add, "add");
        op.inputs = {x.tensor, y.tensor};
        emit(node, std::move(op), shape(x), x.flat);
    }
    if (node.kind() == c10::Symbol::fromQualString("aten::add_")) {
        rebind(x, std::get<Activation>(entities_.at(node.output())));
    }
}

void ScriptReader::concat(const Node& node) {
    const auto found = entities_.find(node.input(0));
    const auto* parts =
        found == entities_.end() ? nullptr : std::get_if<std::vector<Activation>>(&found->second);
    if (parts == nullptr) {
        fail(node, "a concatenation joins something else than activations");
    }
    const std::int64_t dim = integer(node, "dim");
    const bool flat = parts->front().flat;
    FloatOp op = new_op(node, FloatOpKind::concat, "concat");
    Shape out = shape(parts->front());
    out.channels = 0;
    for (const Activation& part : *parts) {
        const Shape& in = shape(part);
        if (part.softmax || part.flat != flat || in.height != out.height || in.width != out.width) {
            fail(node, "a concatenation joins activations of several heights or widths");
        }
        out.channels += in.channels;
        op.inputs.push_back(part.tensor);
    }
    if (dim != 1 && dim != (flat ? -1 : -3)) {
        fail(node, "a concatenation is along dimension " + std::to_string(dim), "1 (channels)");
    }
    if (parts->size() == 1) {
        pass_through(node, parts->front(), "it joins a single tensor");
        return;
    }
    emit(node, std::move(op), out, flat);
}

void ScriptReader::emit_flatten(const Node& node, const Activation& x) {
    if (shape(x).plane() == 1) {
        pass_through(node, {x.tensor, true, false}, "its input is already flat");
        return;
    }
    FloatOp op = new_op(node, FloatOpKind::flatten, "flatten");
    op.inputs = {x.tensor};
    emit(node, std::move(op), {as_int(shape(x).elements()), 1, 1}, true);
}

void ScriptReader::flatten(const Node& node) {
    const Activation x = activation(node);
    const std::int64_t rank = x.flat ? 2 : 4;
    std::int64_t first = integer(node, "start_dim");
    std::int64_t last = integer(node, "end_dim");
    first += first < 0 ? rank : 0;
    last += last < 0 ? rank : 0;
    if (first == last && first < rank) {
        pass_through(node, x, "it joins a single dimension");
        return;
    }
    if (first != 1 || last != rank - 1) {
        fail(node,
             "a flatten from dimension " + std::to_string(first) + " to " + std::to_string(last) +
                 " is not supported",
             "from 1 to the last");
    }
    emit_flatten(node, x);
}

void ScriptReader::view(const Node& node) {
    const Activation x = activation(node);
    const Shape& in = shape(x);
    const char* argument = node.hasNamedInput("size") ? "size" : "shape";
    Ints target = constant(node, argument).toIntVector();
    std::int64_t product = 1;
    for (const std::int64_t extent : target) {
        product *= extent == -1 ? 1 : extent;
    }
    for (std::int64_t& extent : target) {
        extent = extent == -1 && product > 0 ? in.elements() / product : extent;
    }
    if (target == Ints{1, in.elements()}) {
        emit_flatten(node, x);
    } else if (target == Ints{1, in.channels, in.height, in.width}) {
        pass_through(node, {x.tensor, false, false}, "it keeps the shape");
    } else {
        fail(node, "a reshape to anything but images x features is not supported");
    }
}

void ScriptReader::emit_subsample(const Node& node, FloatOp op, const Activation& x) {
    op.inputs = {x.tensor};
    const Shape& in = shape(x);
    const Window& w = op.window;
    const Shape out = {in.channels + op.channels_before + op.channels_after, (in.height - 1) / w.stride_h + 1,
                       (in.width - 1) / w.stride_w + 1};
    emit(node, std::move(op), out, false);
}

void ScriptReader::slice(const Node& node) {
    const Activation x = activation(node);
    const Shape& in = shape(x);
    const Ints extents = x.flat ? Ints{1, in.channels} : Ints{1, in.channels, in.height, in.width};
    const auto rank = static_cast<std::int64_t>(extents.size());
    std::int64_t dim = integer(node, "dim");
    dim += dim < 0 ? rank : 0;
    const std::int64_t start = has(node, "start") ? integer(node, "start") : 0;
    const std::int64_t step = integer(node, "step");
    const bool in_range = dim >= 0 && dim < rank && start == 0 && step >= 1;
    const bool to_the_end =
        in_range && (!has(node, "end") || integer(node, "end") >= extents[static_cast<std::size_t>(dim)]);
    if (to_the_end && step == 1) {
        pass_through(node, x, "it keeps everything");
        return;
    }
    if (!to_the_end || dim < 2) {
        fail(node, "a slice takes a part of the images or channels",
             "every n-th row or column (x[:, :, ::n, ::n])");
    }
    FloatOp op = new_op(node, FloatOpKind::subsample, "subsample");
    (dim == 2 ? op.window.stride_h : op.window.stride_w) = as_int(step);
    emit_subsample(node, std::move(op), x);
}

void ScriptReader::pad(const Node& node) {
    const Activation x = activation(node);
    const Ints amounts = constant(node, "pad").toIntVector();
    const bool zeros = (!has(node, "value") || constant(node, "value").toScalar().toDouble() == 0) &&
                       (!node.hasNamedInput("mode") || constant(node, "mode").toStringRef() == "constant");
    if (x.flat || !zeros ||
        std::any_of(amounts.begin(), amounts.end(), [](std::int64_t a) { return a < 0; })) {
        fail(node, "a padding is not with zeros around images");
    }
    FloatOp op = new_op(node, FloatOpKind::subsample, "pad");
    for (std::size_t i = 0; i < amounts.size(); ++i) {  // pairs, from the last dimension on
        if (amounts[i] != 0 && i / 2 != 2) {
            fail(node, "a padding of height or width stands alone; give it to the convolution behind it",
                 "zero channels in front and behind (ResNet option A)");
        }
    }
    if (amounts.size() == 6) {
        op.channels_before = as_int(amounts[4]);
        op.channels_after = as_int(amounts[5]);
    }
    if (op.channels_before == 0 && op.channels_after == 0) {
        pass_through(node, x, "it adds nothing");
        return;
    }
    emit_subsample(node, std::move(op), x);
}

void ScriptReader::identity(const Node& node) {
    if (node.hasNamedInput("train") && boolean(node, "train")) {
        fail(node, "a dropout is active; save the model in evaluation mode");
    }
    pass_through(node, activation(node), "it changes nothing in inference");
}

void ScriptReader::softmax(const Node& node) {
    Activation x = activation(node);
    const std::int64_t dim = integer(node, "dim");
    if (shape(x).plane() != 1 || (dim != 1 && dim != -1)) {
        fail(node, "a softmax over something else than the classes is not supported");
    }
    x.softmax = true;
    pass_through(node, x, "logits are compared, not probabilities");
}

// Sizes as Torch sees them for one image.
void ScriptReader::size(const Node& node) {
    const Activation x = activation(node);
    const Shape& in = shape(x);
    const Ints extents = x.flat ? Ints{1, in.channels} : Ints{1, in.channels, in.height, in.width};
    if (!node.hasNamedInput("dim")) {
        entities_[node.output()] = c10::IValue(extents);
        return;
    }
    const auto rank = static_cast<std::int64_t>(extents.size());
    const std::int64_t dim = integer(node, "dim");
    if (dim < -rank || dim >= rank) {
        fail(node, "asks for the size of dimension " + std::to_string(dim) + " of " + std::to_string(rank));
    }
    entities_[node.output()] = c10::IValue(extents[static_cast<std::size_t>(dim < 0 ? dim + rank : dim)]);
}

void ScriptReader::dim(const Node& node) {
    entities_[node.output()] = c10::IValue(std::int64_t{activation(node).flat ? 2 : 4});
}

}  // namespace fluence::models
