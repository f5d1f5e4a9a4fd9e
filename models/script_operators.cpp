// What the TorchScript operators without weights become.
#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "models/script_reader.h"

namespace fluence::models {

using workloads::Shape;
using workloads::Window;

namespace {

constexpr std::int64_t kMaxPadding = 32767;

int as_int(std::int64_t value) {
    return static_cast<int>(value);
}

}  // namespace

void ScriptReader::emit_relu(const Node& node, double ceiling) {
    const Activation x = activation(node);
    FloatOp op = new_op(node, FloatOpKind::relu, "relu");
    op.inputs = {x.tensor};
    op.ceiling = ceiling;
    emit(node, std::move(op), shape(x), x.flat);
    const std::string kind = node.kind().toUnqualString();
    if (kind.back() == '_') {
        rebind(x, std::get<Activation>(entities_.at(node.output())));
    }
}

void ScriptReader::relu(const Node& node) {
    emit_relu(node, std::numeric_limits<double>::infinity());
}

// relu6, hardtanh(min_val, max_val), clamp(min, max), clamp_min(min).
void ScriptReader::clamp(const Node& node) {
    const std::string kind = node.kind().toUnqualString();
    if (kind == "relu6" || kind == "relu6_") {
        emit_relu(node, 6);
        return;
    }
    const bool hardtanh = node.hasNamedInput("min_val");
    const auto bound = [&](const char* name, double absent) {
        return has(node, name) ? constant(node, name).toScalar().toDouble() : absent;
    };
    const double lowest = bound(hardtanh ? "min_val" : "min", -std::numeric_limits<double>::infinity());
    const double highest = bound(hardtanh ? "max_val" : "max", std::numeric_limits<double>::infinity());
    if (lowest != 0 || !(highest > 0)) {
        fail(node,
             "operator " + kind + " clamps to " + std::to_string(lowest) + " ... " + std::to_string(highest),
             "0 as the lower bound, none or a positive one as the upper");
    }
    emit_relu(node, highest);
}

Window ScriptReader::window_of(const Node& node, const std::string& kernel, bool dilated) const {
    const Ints size = integers(node, kernel, 2);
    const bool own_stride = has(node, "stride") && !(constant(node, "stride").isIntList() &&
                                                     constant(node, "stride").toIntVector().empty());
    const Ints stride = own_stride ? integers(node, "stride", 2) : size;
    const Ints padding = integers(node, "padding", 2);
    const Ints dilation = dilated ? integers(node, "dilation", 2) : Ints{1, 1};
    const Window window = {as_int(size[0]),    as_int(size[1]),    as_int(stride[0]),   as_int(stride[1]),
                           as_int(padding[0]), as_int(padding[1]), as_int(dilation[0]), as_int(dilation[1])};
    check_window(node, window);
    return window;
}

void ScriptReader::check_window(const Node& node, const Window& w) const {
    const int least = std::min({w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.dilation_h, w.dilation_w});
    if (least < 1 || std::min(w.pad_h, w.pad_w) < 0) {
        fail(node, "a window has a size, stride or dilation of less than 1, or negative padding",
             "sizes, strides and dilations from 1 on, padding from 0 on");
    }
}

// With ceil_mode a last window may hang over the edge, unless it would begin behind the input and the padding
// in front of it (Torch's pooling_output_shape).
void ScriptReader::apply_ceil_mode(const Node& node, FloatOp& op, const Shape& in) const {
    if (!boolean(node, "ceil_mode")) {
        return;
    }
    const auto overhang = [](std::int64_t extent, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                             std::int64_t dilation) {
        const std::int64_t room = extent + 2 * pad - (dilation * (kernel - 1) + 1);
        const std::int64_t last = stride < 1 ? 0 : (room + stride - 1) / stride * stride;
        return last > room && last < extent + pad ? as_int(last - room) : 0;
    };
    const Window& w = op.window;
    op.more_h = overhang(in.height, w.kernel_h, w.stride_h, w.pad_h, w.dilation_h);
    op.more_w = overhang(in.width, w.kernel_w, w.stride_w, w.pad_w, w.dilation_w);
}

void ScriptReader::emit_pool(const Node& node, FloatOp op, const Activation& x, bool flat) {
    op.inputs = {x.tensor};
    const Shape out = windowed(shape(x), op, shape(x).channels);
    emit(node, std::move(op), out, flat);
}

void ScriptReader::max_pool(const Node& node) {
    const Activation x = activation(node);
    FloatOp op = new_op(node, FloatOpKind::max_pool, "max_pool");
    op.window = window_of(node, "kernel_size", true);
    apply_ceil_mode(node, op, shape(x));
    emit_pool(node, std::move(op), x, false);
}

void ScriptReader::avg_pool(const Node& node) {
    const Activation x = activation(node);
    FloatOp op = new_op(node, FloatOpKind::avg_pool, "avg_pool");
    op.window = window_of(node, "kernel_size", false);
    apply_ceil_mode(node, op, shape(x));
    if (op.more_h != 0 || op.more_w != 0) {
        fail(node,
             "an average pooling with ceil_mode has windows over the edge of its input, which it leaves out "
             "of the average",
             "ceil_mode false");
    }
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
        pass_through(node, {x.tensor, flat}, "its input is already 1x1");
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
        pass_through(node, {x.tensor, true}, "its input is already flat");
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
    const Activation x = any_activation(node);
    const Shape& in = shape(x);
    const char* argument = node.hasNamedInput("size") ? "size" : "shape";
    Ints target = constant(node, argument).toIntVector();
    const auto refuse = [&] {
        fail(node, "a reshape to anything but images x features is not supported",
             "images x features, or a shuffle of channels (view, transpose of dimensions 1 and 2, view)");
    };
    std::int64_t product = 1;  // never more than there are elements
    for (const std::int64_t extent : target) {
        if (extent != -1 && (extent < 1 || extent > in.elements() / product)) {
            refuse();
        }
        product *= extent == -1 ? 1 : extent;
    }
    for (std::int64_t& extent : target) {
        extent = extent == -1 ? in.elements() / product : extent;
    }
    if (regroup(node, target)) {
        return;
    }
    if (x.groups == 0 && target == Ints{1, in.elements()}) {
        emit_flatten(node, x);
    } else if (x.groups == 0 && target == Ints{1, in.channels, in.height, in.width}) {
        pass_through(node, {x.tensor}, "it keeps the shape");
    } else {
        refuse();
    }
}

// The two reshapes of a channel shuffle: to groups × channels/groups, and back behind the exchange.
bool ScriptReader::regroup(const Node& node, const Ints& target) {
    Activation x = any_activation(node);
    const Shape& in = shape(x);
    if (x.groups == 0 && !x.flat && target.size() == 5 && target[0] == 1 && target[1] >= 1 &&
        target[1] * target[2] == in.channels && target[3] == in.height && target[4] == in.width) {
        x.groups = as_int(target[1]);
        entities_[node.output()] = x;
        return true;
    }
    if (x.groups == 0 || !x.swapped || target != Ints{1, in.channels, in.height, in.width}) {
        return false;
    }
    FloatOp op = new_op(node, FloatOpKind::shuffle, "shuffle");
    op.inputs = {x.tensor};
    op.groups = x.groups;
    emit(node, std::move(op), in, false);
    return true;
}

void ScriptReader::transpose(const Node& node) {
    Activation x = any_activation(node);
    std::int64_t first = integer(node, "dim0");
    std::int64_t second = integer(node, "dim1");
    first += first < 0 ? 5 : 0;
    second += second < 0 ? 5 : 0;
    if (x.groups == 0 || std::min(first, second) != 1 || std::max(first, second) != 2) {
        fail(node, "a transposition is supported in a shuffle of channels only",
             "view to images x groups x channels/groups x height x width, transpose(1, 2), view back");
    }
    x.swapped = !x.swapped;
    entities_[node.output()] = x;
}

void ScriptReader::permute(const Node& node) {
    Activation x = any_activation(node);
    if (x.groups == 0 || constant(node, "dims").toIntVector() != Ints{0, 2, 1, 3, 4}) {
        fail(node, "a permutation of dimensions is supported in a shuffle of channels only",
             "view to images x groups x channels/groups x height x width, permute(0, 2, 1, 3, 4), view back");
    }
    x.swapped = !x.swapped;
    entities_[node.output()] = x;
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
    const std::int64_t step = integer(node, "step");
    if (dim < 0 || dim >= rank || step < 1) {
        fail(node,
             "a slice has the dimension " + std::to_string(dim) + " and the step " + std::to_string(step));
    }
    const std::int64_t extent = extents[static_cast<std::size_t>(dim)];
    const auto bound = [&](const char* name, std::int64_t absent) {
        const std::int64_t given = has(node, name) ? integer(node, name) : absent;
        return std::clamp<std::int64_t>(given < 0 ? given + extent : given, 0, extent);
    };
    const std::int64_t start = bound("start", 0);
    const std::int64_t end = bound("end", extent);
    const bool whole = start == 0 && end == extent;
    if (whole && step == 1) {
        pass_through(node, x, "it keeps everything");
    } else if (dim == 1 && !x.flat && step == 1 && end > start) {
        entities_[node.output()] = part_of_channels(node, x, start, end - start);
    } else if (whole && dim >= 2) {
        FloatOp op = new_op(node, FloatOpKind::subsample, "subsample");
        (dim == 2 ? op.window.stride_h : op.window.stride_w) = as_int(step);
        emit_subsample(node, std::move(op), x);
    } else {
        fail(node, "a slice takes a part of the images, rows, columns or features",
             "every n-th row or column (x[:, :, ::n, ::n]), a part of the channels (x[:, a:b])");
    }
}

ScriptReader::Activation ScriptReader::part_of_channels(const Node& node, const Activation& x,
                                                        std::int64_t first, std::int64_t count) {
    const Shape in = shape(x);
    FloatOp op = new_op(node, FloatOpKind::subsample, "slice");
    op.inputs = {x.tensor};
    op.channels_before = -as_int(first);
    op.channels_after = as_int(first + count) - in.channels;
    op.output = graph_.add_tensor({as_int(count), in.height, in.width});
    graph_.ops.push_back(std::move(op));
    return {graph_.ops.back().output};
}

void ScriptReader::narrow(const Node& node) {
    const Activation x = activation(node);
    const std::int64_t first = integer(node, "start");
    const std::int64_t count = integer(node, "length");
    if (channel_dim(node, x) != 1 || first < 0 || count < 1 || first + count > shape(x).channels) {
        fail(node, "a part of something else than the channels is taken", "dimension 1");
    }
    entities_[node.output()] = part_of_channels(node, x, first, count);
}

// The dimension that an operator splits, 1 for channels; −1 where the tensor has no channels.
std::int64_t ScriptReader::channel_dim(const Node& node, const Activation& x) const {
    const std::int64_t dim =
        node.hasAttribute(c10::attr::dim) ? node.i(c10::attr::dim) : integer(node, "dim");
    return x.flat ? -1 : dim < 0 ? dim + 4 : dim;
}

void ScriptReader::parts_of_channels(const Node& node, const Ints& sizes) {
    const Activation x = activation(node);
    std::int64_t first = 0;
    std::vector<Activation> parts;
    for (const std::int64_t size : sizes) {
        if (size < 1 || first + size > shape(x).channels) {
            fail(node, "a split into parts that do not fit the channels");
        }
        parts.push_back(part_of_channels(node, x, first, size));
        first += size;
    }
    if (channel_dim(node, x) != 1) {
        fail(node, "a split along another dimension than the channels", "dimension 1");
    }
    if (node.kind() != c10::prim::ConstantChunk) {
        entities_[node.output()] = std::move(parts);
        return;
    }
    for (std::size_t i = 0; i < parts.size() && i < node.outputs().size(); ++i) {
        entities_[node.outputs()[i]] = parts[i];
    }
}

// As Torch: parts of ⌈channels / chunks⌉, the last one may be smaller.
void ScriptReader::chunk(const Node& node) {
    const std::int64_t channels = shape(activation(node)).channels;
    const std::int64_t chunks =
        node.kind() == c10::prim::ConstantChunk ? node.i(c10::attr::chunks) : integer(node, "chunks");
    if (chunks < 1) {
        fail(node, "a split into " + std::to_string(chunks) + " parts");
    }
    const std::int64_t size = (channels + chunks - 1) / chunks;
    Ints sizes;
    for (std::int64_t first = 0; first < channels; first += size) {
        sizes.push_back(std::min(size, channels - first));
    }
    parts_of_channels(node, sizes);
}

void ScriptReader::split(const Node& node) {
    const char* argument = node.hasNamedInput("split_sizes") ? "split_sizes" : "split_size";
    const c10::IValue& given = constant(node, argument);
    if (!given.isInt()) {
        parts_of_channels(node, given.toIntVector());
        return;
    }
    const std::int64_t channels = shape(activation(node)).channels;
    const std::int64_t size = given.toInt();
    Ints sizes;
    for (std::int64_t first = 0; size >= 1 && first < channels; first += size) {
        sizes.push_back(std::min(size, channels - first));
    }
    parts_of_channels(node, sizes);
}

// The members of a list of activations.
void ScriptReader::unpack(const Node& node) {
    const auto found = entities_.find(node.input(0));
    const auto* parts =
        found == entities_.end() ? nullptr : std::get_if<std::vector<Activation>>(&found->second);
    if (parts == nullptr || parts->size() != node.outputs().size()) {
        fail(node, "a list of another length than its parts is taken apart");
    }
    const std::vector<Activation> copy = *parts;
    for (std::size_t i = 0; i < copy.size(); ++i) {
        entities_[node.outputs()[i]] = copy[i];
    }
}

void ScriptReader::item(const Node& node) {
    const auto found = entities_.find(node.input(0));
    const auto* parts =
        found == entities_.end() ? nullptr : std::get_if<std::vector<Activation>>(&found->second);
    const std::int64_t index = integer(node, "idx");
    const auto size = parts == nullptr ? std::int64_t{0} : static_cast<std::int64_t>(parts->size());
    if (index < -size || index >= size) {
        fail(node, "takes part " + std::to_string(index) + " of a list of " + std::to_string(size));
    }
    const Activation part = (*parts)[static_cast<std::size_t>(index < 0 ? index + size : index)];
    entities_[node.output()] = part;
}

void ScriptReader::pad(const Node& node) {
    const Activation x = activation(node);
    const Ints amounts = constant(node, "pad").toIntVector();
    const bool zeros = (!has(node, "value") || constant(node, "value").toScalar().toDouble() == 0) &&
                       (!node.hasNamedInput("mode") || constant(node, "mode").toStringRef() == "constant");
    const auto out_of_range = [](std::int64_t amount) { return amount < 0 || amount > kMaxPadding; };
    if (x.flat || !zeros || amounts.size() > 6 || std::any_of(amounts.begin(), amounts.end(), out_of_range)) {
        fail(node, "a padding is not with zeros around images");
    }
    // Pairs, from the last dimension on.
    const auto amount = [&](std::size_t i) { return i < amounts.size() ? as_int(amounts[i]) : 0; };
    Activation padded = x;
    if (amount(0) != 0 || amount(1) != 0 || amount(2) != 0 || amount(3) != 0) {
        const Shape& in = shape(x);
        FloatOp op = new_op(node, FloatOpKind::pad, "pad");
        op.inputs = {x.tensor};
        op.window.pad_w = amount(0);
        op.more_w = amount(1) - amount(0);
        op.window.pad_h = amount(2);
        op.more_h = amount(3) - amount(2);
        const Shape out = {in.channels, in.height + amount(2) + amount(3), in.width + amount(0) + amount(1)};
        emit(node, std::move(op), out, false);
        padded = std::get<Activation>(entities_.at(node.output()));
    }
    if (amount(4) != 0 || amount(5) != 0) {
        FloatOp op = new_op(node, FloatOpKind::subsample, "pad");
        op.channels_before = amount(4);
        op.channels_after = amount(5);
        emit_subsample(node, std::move(op), padded);
    } else if (padded.tensor == x.tensor) {
        pass_through(node, x, "it adds nothing");
    }
}

void ScriptReader::identity(const Node& node) {
    if (node.hasNamedInput("train") && boolean(node, "train")) {
        fail(node, "a dropout is active; save the model in evaluation mode");
    }
    pass_through(node, any_activation(node), "it changes nothing in inference");
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
