// The checks behind validate(). Sizes are checked before anything is computed from them, so that a damaged
// file can neither overflow an index nor make a reader allocate without bound.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "sim/core/error.h"
#include "workloads/graph.h"
#include "workloads/word_graph.h"

namespace fluence::workloads {
namespace {

constexpr std::int64_t kMaxElements = std::numeric_limits<std::int32_t>::max();  // of one tensor
constexpr int kMaxWindow = 32767;  // kernel, stride, padding, dilation
constexpr int kMaxShift = 62;
constexpr std::size_t kMaxName = 200;

std::string number(std::int64_t value) {
    return std::to_string(value);
}

std::string shown(const Shape& shape) {
    const std::string images = shape.images > 1 ? number(shape.images) + " images of " : "";
    return images + number(shape.channels) + "x" + number(shape.height) + "x" + number(shape.width);
}

// Names become keys of files and columns of reports.
bool is_name(const std::string& name, bool spaces) {
    return !name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), [&](char c) {
        return (c > ' ' && c <= '~' && c != '"' && c != '\\') || (spaces && c == ' ');
    });
}

bool is_byte(NumberFormat format) {
    return format == NumberFormat::u8 || format == NumberFormat::s8;
}

bool is_plain(const Window& window) {
    return window.kernel_h == 1 && window.kernel_w == 1 && window.stride_h == 1 && window.stride_w == 1 &&
           window.pad_h == 0 && window.pad_w == 0 && window.dilation_h == 1 && window.dilation_w == 1;
}

// Output positions along one dimension: as with the same padding behind as in front, or `wanted` where
// another padding behind, of less than a window, gives that many. 0 where the window does not fit once.
std::int64_t positions(std::int64_t extent, std::int64_t wanted, int kernel, int stride, int pad,
                       int dilation) {
    const std::int64_t reach = std::int64_t{dilation} * (kernel - 1) + 1;
    const auto padded_behind = [&](std::int64_t behind) {
        const std::int64_t room = extent + pad + behind - reach;
        return room < 0 ? 0 : room / stride + 1;
    };
    const bool possible = wanted >= 1 && wanted >= padded_behind(0) && wanted <= padded_behind(reach - 1);
    return possible ? wanted : padded_behind(pad);
}

// Every window touches at least one element that is not padding.
bool never_empty(std::int64_t extent, std::int64_t outputs, int kernel, int stride, int pad, int dilation) {
    for (std::int64_t o = 0; o < outputs; ++o) {
        const std::int64_t begin = o * stride - pad;
        const std::int64_t first_tap = begin >= 0 ? 0 : (-begin + dilation - 1) / dilation;
        if (first_tap >= kernel || begin + first_tap * dilation >= extent) {
            return false;
        }
    }
    return true;
}

class Validator {
  public:
    Validator(const Graph& graph, const std::string& file) : graph_(graph), file_(file) {}

    void check() {
        check_structure();
        check_role_formats();
        for (const Layer& layer : graph_.layers) {
            check_formats(layer);
            check_weights(layer);
            check_requantise(layer);
        }
    }

    // All but formats, weights and what requantises.
    void check_structure() {
        if (!is_name(graph_.name, true)) {
            fail("name", "is not a name", "1 to 200 printable ASCII characters without quotes");
        }
        check_tensors();
        check_order();
        for (const Layer& layer : graph_.layers) {
            check_layer(layer);
        }
    }

  private:
    [[noreturn]] void fail(const std::string& key, const std::string& reason,
                           const std::string& valid = "") const {
        throw InputError(file_, key, reason, valid);
    }
    [[noreturn]] void fail(const Layer& layer, const std::string& field, const std::string& reason,
                           const std::string& valid = "") const {
        fail("layers[" + number(&layer - graph_.layers.data()) + "]." + field,
             reason + " in \"" + layer.name + "\"", valid);
    }

    bool exists(TensorId id) const { return index_of(id) < graph_.tensors.size(); }
    const TensorInfo& input(const Layer& layer, std::size_t i = 0) const {
        return graph_.tensor(layer.inputs[i]);
    }
    const TensorInfo& output(const Layer& layer) const { return graph_.tensor(layer.output); }

    void check_tensors() const;
    void check_roles() const;
    void check_role_formats() const;
    void check_order() const;
    void check_layer(const Layer& layer) const;
    void check_arity(const Layer& layer) const;
    void check_unused(const Layer& layer) const;
    void check_window(const Layer& layer) const;
    void check_shape(const Layer& layer) const;
    void check_groups(const Layer& layer) const;
    void check_weights(const Layer& layer) const;
    void check_formats(const Layer& layer) const;
    void check_requantise(const Layer& layer) const;
    std::int64_t reduction(const Layer& layer) const;
    Shape expected_shape(const Layer& layer) const;
    Shape windowed(const Layer& layer, int channels) const;
    Shape joined(const Layer& layer) const;

    const Graph& graph_;
    const std::string& file_;
};

void Validator::check_tensors() const {
    std::set<std::string> names;
    for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
        const TensorInfo& tensor = graph_.tensors[i];
        const std::string key = "tensors[" + number(static_cast<std::int64_t>(i)) + "]";
        if (!is_name(tensor.name, false)) {
            fail(key + ".name", "is not a name",
                 "1 to 200 printable ASCII characters without space and quotes");
        }
        if (!names.insert(tensor.name).second) {
            fail(key + ".name", "\"" + tensor.name + "\" occurs twice");
        }
        const Shape& shape = tensor.shape;
        if (shape.channels < 1 || shape.height < 1 || shape.width < 1 || shape.images < 1 ||
            std::int64_t{shape.height} * shape.width > kMaxElements / shape.images ||
            shape.channels > kMaxElements / shape.plane()) {
            fail(key + ".shape", "is " + shown(shape),
                 "at least 1x1x1, at most " + number(kMaxElements) + " elements");
        }
        if (shape.images != graph_.tensors[0].shape.images) {
            fail(key + ".shape", "is " + shown(shape), "as many images as in the other tensors");
        }
        if (!std::isfinite(tensor.scale) || tensor.scale <= 0) {
            fail(key + ".scale", "is not a positive number");
        }
    }
    check_roles();
}

void Validator::check_roles() const {
    if (!exists(graph_.input) || !exists(graph_.logits)) {
        fail(exists(graph_.input) ? "logits" : "input", "names no tensor",
             "0 to " + number(static_cast<std::int64_t>(graph_.tensors.size()) - 1));
    }
    const TensorInfo& logits = graph_.tensor(graph_.logits);
    if (logits.shape.plane() != logits.shape.images || logits.shape.channels < 2) {
        fail("logits", "has shape " + shown(logits.shape), "Nx1x1 with N of at least 2 classes");
    }
}

void Validator::check_role_formats() const {
    if (!is_byte(graph_.tensor(graph_.input).format)) {
        fail("input", "has format s32", "u8, s8");
    }
    const TensorInfo& logits = graph_.tensor(graph_.logits);
    if (logits.format != NumberFormat::s32) {
        fail("logits", std::string("has format ") + name_of(logits.format), "s32");
    }
}

// Layers in execution order; every tensor made once and read.
void Validator::check_order() const {
    if (graph_.layers.empty()) {
        fail("layers", "is empty");
    }
    std::vector<bool> made(graph_.tensors.size()), read(graph_.tensors.size());
    made[index_of(graph_.input)] = true;
    read[index_of(graph_.logits)] = true;
    std::set<std::string> names;
    for (const Layer& layer : graph_.layers) {
        if (!is_name(layer.name, false) || !names.insert(layer.name).second) {
            fail(layer, "name", "is not a name or occurs twice",
                 "1 to 200 printable ASCII characters without space and quotes, each once");
        }
        for (const TensorId id : layer.inputs) {
            if (!exists(id) || !made[index_of(id)]) {
                fail(layer, "inputs",
                     "tensor " + number(static_cast<std::int64_t>(id)) +
                         " is not the input or the output of an earlier layer");
            }
            read[index_of(id)] = true;
        }
        if (!exists(layer.output) || made[index_of(layer.output)]) {
            fail(layer, "output",
                 "tensor " + number(static_cast<std::int64_t>(layer.output)) +
                     " does not exist or is already made");
        }
        made[index_of(layer.output)] = true;
    }
    for (std::size_t i = 0; i < made.size(); ++i) {
        if (!made[i] || !read[i]) {
            fail("tensors[" + number(static_cast<std::int64_t>(i)) + "]",
                 "\"" + graph_.tensors[i].name + "\" is " +
                     (made[i] ? "read by no layer" : "made by no layer"));
        }
    }
}

void Validator::check_layer(const Layer& layer) const {
    check_arity(layer);
    check_unused(layer);
    check_window(layer);
    check_shape(layer);
    if (layer.has_macs()) {
        check_groups(layer);
    }
}

void Validator::check_arity(const Layer& layer) const {
    const auto count = static_cast<std::int64_t>(layer.inputs.size());
    const bool many = layer.kind == OpKind::concat;
    const std::int64_t wanted = many || layer.kind == OpKind::add ? 2 : 1;
    if (many ? count < wanted : count != wanted) {
        fail(layer, "inputs", "has " + number(count) + " tensors", number(wanted) + (many ? " or more" : ""));
    }
}

// Fields that the operator does not use stay at their defaults, so that they cannot be mistaken for used
// ones.
void Validator::check_unused(const Layer& layer) const {
    const bool window_used = layer.kind == OpKind::conv || layer.kind == OpKind::max_pool ||
                             layer.kind == OpKind::avg_pool || layer.kind == OpKind::subsample;
    if (!window_used && !is_plain(layer.window)) {
        fail(layer, "window", std::string("is given, and a ") + name_of(layer.kind) + " has none");
    }
    if (layer.kind != OpKind::conv && layer.kind != OpKind::subsample && layer.groups != 1) {
        fail(layer, "groups", std::string("is given, and a ") + name_of(layer.kind) + " has none", "1");
    }
    if (layer.kind != OpKind::subsample && (layer.channels_before != 0 || layer.channels_after != 0)) {
        fail(layer, "channels_before",
             std::string("or channels_after is given, and a ") + name_of(layer.kind) + " adds no channels",
             "0");
    }
    if (!layer.has_macs() && !(layer.weights.empty() && layer.bias.empty())) {
        fail(layer, "weights", std::string("or bias is given, and a ") + name_of(layer.kind) + " has none");
    }
}

void Validator::check_window(const Layer& layer) const {
    const Window& w = layer.window;
    for (const int value : {w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.dilation_h, w.dilation_w}) {
        if (value < 1 || value > kMaxWindow) {
            fail(layer, "window", "kernel, stride or dilation is " + number(value),
                 "1 to " + number(kMaxWindow));
        }
    }
    for (const int value : {w.pad_h, w.pad_w}) {
        if (value < 0 || value > kMaxWindow) {
            fail(layer, "window", "padding is " + number(value), "0 to " + number(kMaxWindow));
        }
    }
    if (layer.kind == OpKind::subsample && (w.kernel_h != 1 || w.kernel_w != 1 || w.pad_h != 0 ||
                                            w.pad_w != 0 || w.dilation_h != 1 || w.dilation_w != 1)) {
        fail(layer, "window", "has more than strides, and a subsample has nothing else");
    }
}

Shape Validator::windowed(const Layer& layer, int channels) const {
    const Window& w = layer.window;
    const Shape& in = input(layer).shape;
    const Shape out = layer.kind == OpKind::subsample ? Shape{0, 0, 0} : output(layer).shape;
    const std::int64_t height =
        positions(in.height, out.height, w.kernel_h, w.stride_h, w.pad_h, w.dilation_h);
    const std::int64_t width = positions(in.width, out.width, w.kernel_w, w.stride_w, w.pad_w, w.dilation_w);
    if (height == 0 || width == 0) {
        fail(layer, "window", "does not fit into its input of " + shown(in));
    }
    if (layer.kind == OpKind::max_pool &&
        !(never_empty(in.height, height, w.kernel_h, w.stride_h, w.pad_h, w.dilation_h) &&
          never_empty(in.width, width, w.kernel_w, w.stride_w, w.pad_w, w.dilation_w))) {
        fail(layer, "window", "holds nothing but padding at some place, where a maximum has no value");
    }
    return {channels, static_cast<int>(height), static_cast<int>(width), in.images};
}

// add and concat: all inputs have one height and width; add: one number of channels as well.
Shape Validator::joined(const Layer& layer) const {
    const Shape& first = input(layer).shape;
    std::int64_t channels = 0;
    for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
        const Shape& shape = input(layer, i).shape;
        const bool same_plane = shape.height == first.height && shape.width == first.width;
        if (!same_plane || (layer.kind == OpKind::add && shape.channels != first.channels)) {
            fail(layer, "inputs", "has shapes " + shown(first) + " and " + shown(shape));
        }
        channels += shape.channels;
    }
    channels = layer.kind == OpKind::add ? first.channels : std::min(channels, kMaxElements);
    return {static_cast<int>(channels), first.height, first.width, first.images};
}

Shape Validator::expected_shape(const Layer& layer) const {
    const Shape& in = input(layer).shape;
    switch (layer.kind) {
        case OpKind::conv:
            return windowed(layer, output(layer).shape.channels);
        case OpKind::linear:
            return {output(layer).shape.channels, 1, 1, in.images};
        case OpKind::max_pool:
        case OpKind::avg_pool:
            return windowed(layer, in.channels);
        case OpKind::add:
        case OpKind::concat:
            return joined(layer);
        case OpKind::flatten:
            // Images of several pixels would change places with channels, and a flatten moves nothing.
            if (in.images > 1 && in.height * std::int64_t{in.width} > 1) {
                fail(layer, "inputs", "has shape " + shown(in), "images of one pixel");
            }
            return {static_cast<int>(in.image_elements()), 1, 1, in.images};
        case OpKind::subsample:
            break;
    }
    for (const int extra : {layer.channels_before, layer.channels_after}) {
        if (extra <= -in.channels || extra > kMaxElements / 4) {
            fail(layer, "channels_before", "or channels_after is " + number(extra),
                 number(1 - std::int64_t{in.channels}) + " or more");
        }
    }
    const std::int64_t channels = std::int64_t{in.channels} + layer.channels_before + layer.channels_after;
    if (channels < 1) {
        fail(layer, "channels_before", "and channels_after leave no channel");
    }
    if (layer.groups < 1 || in.channels % layer.groups != 0) {
        fail(layer, "groups", "is " + number(layer.groups), "divisors of " + number(in.channels));
    }
    return windowed(layer, static_cast<int>(std::min(channels, kMaxElements)));
}

void Validator::check_shape(const Layer& layer) const {
    const Shape expected = expected_shape(layer);
    if (expected != output(layer).shape) {
        fail(layer, "output",
             "has shape " + shown(output(layer).shape) + ", and its inputs give " + shown(expected));
    }
}

void Validator::check_formats(const Layer& layer) const {
    for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
        if (!is_byte(input(layer, i).format) && layer.kind != OpKind::flatten) {
            fail(layer, "inputs", "\"" + input(layer, i).name + "\" has format s32", "u8, s8");
        }
    }
    const bool moves =
        layer.kind == OpKind::max_pool || layer.kind == OpKind::flatten || layer.kind == OpKind::subsample;
    if (moves && (input(layer).format != output(layer).format || input(layer).scale != output(layer).scale)) {
        fail(layer, "output", "has another format or scale than the input whose codes it takes over");
    }
}

std::int64_t Validator::reduction(const Layer& layer) const {
    const std::int64_t in =
        layer.kind == OpKind::conv ? input(layer).shape.channels : input(layer).shape.image_elements();
    const std::int64_t taps = std::int64_t{layer.window.kernel_h} * layer.window.kernel_w;  // below 2³⁰
    return in / layer.groups * taps;                                                        // below 2⁶¹
}

void Validator::check_groups(const Layer& layer) const {
    const std::int64_t in =
        layer.kind == OpKind::conv ? input(layer).shape.channels : input(layer).shape.image_elements();
    const std::int64_t out = output(layer).shape.channels;
    if (layer.groups < 1 || in % layer.groups != 0 || out % layer.groups != 0) {
        fail(layer, "groups", "is " + number(layer.groups),
             "divisors of " + number(in) + " and " + number(out));
    }
    if (reduction(layer) > kMaxElements / out) {
        fail(layer, "weights", "would have " + number(out) + " x " + number(reduction(layer)) + " values",
             "at most " + number(kMaxElements));
    }
}

void Validator::check_weights(const Layer& layer) const {
    if (!layer.has_macs()) {
        return;
    }
    const std::int64_t out = output(layer).shape.channels;
    if (static_cast<std::int64_t>(layer.weights.size()) != reduction(layer) * out) {
        fail(layer, "weights", "has " + number(static_cast<std::int64_t>(layer.weights.size())) + " values",
             number(out) + " x " + number(reduction(layer)) + ", at most " + number(kMaxElements));
    }
    if (static_cast<std::int64_t>(layer.bias.size()) != out) {
        fail(layer, "bias", "has " + number(static_cast<std::int64_t>(layer.bias.size())) + " values",
             number(out));
    }
}

void Validator::check_requantise(const Layer& layer) const {
    std::size_t multipliers = 0;
    std::size_t shifts = 0;
    if (layer.has_macs()) {
        multipliers = shifts = static_cast<std::size_t>(output(layer).shape.channels);
    } else if (layer.kind == OpKind::add || layer.kind == OpKind::concat) {
        multipliers = layer.inputs.size();
        shifts = layer.kind == OpKind::add ? 1 : multipliers;
    } else if (layer.kind == OpKind::avg_pool) {
        multipliers = shifts = 1;
    }
    if (layer.multiplier.size() != multipliers || layer.shift.size() != shifts) {
        fail(layer, "multiplier",
             "and shift have " + std::to_string(layer.multiplier.size()) + " and " +
                 std::to_string(layer.shift.size()) + " values",
             std::to_string(multipliers) + " and " + std::to_string(shifts));
    }
    if (std::any_of(layer.multiplier.begin(), layer.multiplier.end(), [](std::int32_t m) { return m < 0; })) {
        fail(layer, "multiplier", "has a negative value",
             "0 to " + number(std::numeric_limits<std::int32_t>::max()));
    }
    if (std::any_of(layer.shift.begin(), layer.shift.end(), [](std::uint8_t s) { return s > kMaxShift; })) {
        fail(layer, "shift", "has a value above " + number(kMaxShift), "0 to " + number(kMaxShift));
    }
    const NumberFormat format = output(layer).format;
    const std::int32_t lowest = multipliers == 0 ? 0 : min_code(format);
    const std::int32_t highest = multipliers == 0 ? 0 : max_code(format);
    if (layer.clamp_lo < lowest || layer.clamp_hi > highest || layer.clamp_lo > layer.clamp_hi) {
        fail(layer, "clamp", "is " + number(layer.clamp_lo) + " to " + number(layer.clamp_hi),
             "within " + number(lowest) + " to " + number(highest));
    }
}

}  // namespace

void validate(const Graph& graph, const std::string& file) {
    Validator(graph, file).check();
}

void validate_structure(const Graph& graph, const std::string& file) {
    Validator(graph, file).check_structure();
}

}  // namespace fluence::workloads
