// Smaller networks: fewer images, layers, channels, rows and columns. What is left of weights, parameters and
// image are the first ones along every edge.
#include <algorithm>
#include <functional>
#include <optional>

#include "sim/check/simplify.h"
#include "sim/core/error.h"
#include "workloads/graph_builder.h"

namespace fluence::check {
namespace {

using workloads::Graph;
using workloads::Layer;
using workloads::OpKind;
using workloads::output_extent;
using workloads::Shape;
using workloads::TensorInfo;
using workloads::Window;

// A graph being cut. Edits are: layers taken out, windows and groups, the input's shape, output channels of
// layers with MACs; refit() makes everything else follow.
struct Draft {
    Graph graph;
    std::vector<const Layer*> origin;  // by layer: what its weights are cut from
};

Draft draft_of(const Graph& graph) {
    Draft draft = {graph, {}};
    for (const Layer& layer : graph.layers) {
        draft.origin.push_back(&layer);
    }
    return draft;
}

TensorInfo& output_of(Graph& graph, const Layer& layer) {
    return graph.tensors[index_of(layer.output)];
}

// Readers of the layer's output read its input `input` instead.
void bypass(Draft& draft, std::size_t index, std::size_t input) {
    const TensorId from = draft.graph.layers[index].output;
    const TensorId to = draft.graph.layers[index].inputs[input];
    for (Layer& layer : draft.graph.layers) {
        std::replace(layer.inputs.begin(), layer.inputs.end(), from, to);
    }
}

// Layers whose output nobody reads go, and tensors without a layer.
void drop_unused(Draft& draft) {
    Graph& graph = draft.graph;
    std::vector<bool> used(graph.tensors.size(), false);
    used[index_of(graph.logits)] = used[index_of(graph.input)] = true;
    for (std::size_t i = graph.layers.size(); i-- > 0;) {
        if (!used[index_of(graph.layers[i].output)]) {
            graph.layers.erase(graph.layers.begin() + static_cast<std::ptrdiff_t>(i));
            draft.origin.erase(draft.origin.begin() + static_cast<std::ptrdiff_t>(i));
            continue;
        }
        for (const TensorId id : graph.layers[i].inputs) {
            used[index_of(id)] = true;
        }
    }
    std::vector<TensorId> renamed(graph.tensors.size());
    std::vector<TensorInfo> tensors;
    for (std::size_t t = 0; t < used.size(); ++t) {
        if (used[t]) {
            renamed[t] = tensor_id(tensors.size());
            tensors.push_back(graph.tensors[t]);
        }
    }
    graph.tensors = std::move(tensors);
    const auto rename = [&renamed](TensorId& id) { id = renamed[index_of(id)]; };
    rename(graph.input);
    rename(graph.logits);
    for (Layer& layer : graph.layers) {
        rename(layer.output);
        std::for_each(layer.inputs.begin(), layer.inputs.end(), rename);
    }
}

void fit_window(const Shape& in, Window& w) {
    while (w.kernel_h > 1 && output_extent(in.height, w.kernel_h, 1, w.pad_h, w.dilation_h) == 0) {
        --w.kernel_h;
    }
    while (w.kernel_w > 1 && output_extent(in.width, w.kernel_w, 1, w.pad_w, w.dilation_w) == 0) {
        --w.kernel_w;
    }
}

// Depthwise convolutions stay depthwise; groups that no longer divide the channels become one.
void fit_groups(const Shape& in, const Layer& old, Layer& layer, int& channels) {
    if (layer.groups > 1 && layer.groups == old.groups && in.channels != layer.groups &&
        old.weights.size() == static_cast<std::size_t>(old.groups) *
                                  static_cast<std::size_t>(old.window.kernel_h) *
                                  static_cast<std::size_t>(old.window.kernel_w)) {
        layer.groups = channels = in.channels;
    }
    if (in.channels % layer.groups != 0 || channels % layer.groups != 0) {
        layer.groups = 1;
    }
}

Shape windowed(const Shape& in, int channels, const Window& w) {
    return {channels, output_extent(in.height, w.kernel_h, w.stride_h, w.pad_h, w.dilation_h),
            output_extent(in.width, w.kernel_w, w.stride_w, w.pad_w, w.dilation_w), in.images};
}

Shape fitted_shape(const Graph& graph, const Layer& layer, int mac_channels) {
    const Shape& in = graph.tensor(layer.inputs[0]).shape;
    switch (layer.kind) {
        case OpKind::conv:
            return windowed(in, mac_channels, layer.window);
        case OpKind::linear:
            return {mac_channels, 1, 1, in.images};
        case OpKind::max_pool:
        case OpKind::avg_pool:
            return windowed(in, in.channels, layer.window);
        case OpKind::add:
            return in;
        case OpKind::concat: {
            Shape out = in;
            out.channels = 0;
            for (const TensorId id : layer.inputs) {
                out.channels += graph.tensor(id).shape.channels;
            }
            return out;
        }
        case OpKind::flatten:
            return {static_cast<int>(in.image_elements()), 1, 1, in.images};
        case OpKind::subsample:
            break;
    }
    return windowed(in, in.channels + layer.channels_before + layer.channels_after, layer.window);
}

// The extents of a layer's weights: output channels, input channels of a group, kernel rows and columns.
struct WeightShape {
    int out, in, height, width;
    std::size_t at(int n, int c, int y, int x) const {
        return ((static_cast<std::size_t>(n) * static_cast<std::size_t>(in) + static_cast<std::size_t>(c)) *
                    static_cast<std::size_t>(height) +
                static_cast<std::size_t>(y)) *
                   static_cast<std::size_t>(width) +
               static_cast<std::size_t>(x);
    }
};

WeightShape weight_shape(const Graph& graph, const Layer& layer) {
    const Shape& in = graph.tensor(layer.inputs[0]).shape;
    const int out = graph.tensor(layer.output).shape.channels;
    return layer.kind == OpKind::linear
               ? WeightShape{out, in.channels, in.height, in.width}
               : WeightShape{out, in.channels / layer.groups, layer.window.kernel_h, layer.window.kernel_w};
}

// Weights that were not there are 1.
std::vector<std::int8_t> cut_weights(const std::vector<std::int8_t>& from, const WeightShape& old,
                                     const WeightShape& now) {
    std::vector<std::int8_t> weights;
    for (int n = 0; n < now.out; ++n) {
        for (int c = 0; c < now.in; ++c) {
            for (int y = 0; y < now.height; ++y) {
                for (int x = 0; x < now.width; ++x) {
                    const bool known = n < old.out && c < old.in && y < old.height && x < old.width;
                    weights.push_back(known ? from[old.at(n, c, y, x)] : std::int8_t{1});
                }
            }
        }
    }
    return weights;
}

void fit_layer(const Graph& before, const Layer& old, Graph& graph, Layer& layer) {
    TensorInfo& out = output_of(graph, layer);
    const TensorInfo& in = graph.tensor(layer.inputs[0]);
    int channels = out.shape.channels;
    if (layer.kind == OpKind::conv) {
        fit_groups(in.shape, old, layer, channels);
    }
    if (layer.kind == OpKind::subsample && in.shape.channels % layer.groups != 0) {
        layer.groups = 1;
    }
    if (layer.kind != OpKind::subsample) {
        fit_window(in.shape, layer.window);
    }
    out.shape = fitted_shape(graph, layer, channels);
    if (layer.has_macs()) {
        layer.weights = cut_weights(old.weights, weight_shape(before, old), weight_shape(graph, layer));
        const auto size = static_cast<std::size_t>(channels);
        layer.bias.resize(size, 0);
        layer.multiplier.resize(size, 1);
        layer.shift.resize(size, 1);
    } else if (layer.kind != OpKind::add && layer.kind != OpKind::concat) {
        out.format = in.format;
        out.scale = in.scale;
        if (layer.kind == OpKind::avg_pool) {
            layer.clamp_lo = std::max(layer.clamp_lo, min_code(in.format));
            layer.clamp_hi = std::min(layer.clamp_hi, max_code(in.format));
        }
    }
}

// The setup with the draft's network; nothing where that is none.
std::optional<Setup> refit(const Setup& setup, Draft draft) {
    drop_unused(draft);
    for (std::size_t i = 0; i < draft.graph.layers.size(); ++i) {
        fit_layer(setup.graph, *draft.origin[i], draft.graph, draft.graph.layers[i]);
    }
    try {
        workloads::validate(draft.graph, "");
    } catch (const InputError&) {
        return std::nullopt;
    }
    Setup fitted = setup;
    const Shape& old = setup.graph.tensor(setup.graph.input).shape;
    const Shape& now = draft.graph.tensor(draft.graph.input).shape;
    fitted.image.clear();
    for (int c = 0; c < now.channels; ++c) {
        for (int i = 0; i < now.images; ++i) {
            for (int y = 0; y < now.height; ++y) {
                const std::int64_t at = (std::int64_t{c} * old.images + i) * old.height + y;
                const auto row = setup.image.begin() + at * old.width;
                fitted.image.insert(fitted.image.end(), row, row + now.width);
            }
        }
    }
    fitted.graph = std::move(draft.graph);
    return fitted;
}

class NetworkProposals {
  public:
    explicit NetworkProposals(const Setup& setup) : setup_(setup) {}

    void add(const std::function<void(Draft&)>& change) {
        Draft draft = draft_of(setup_.graph);
        change(draft);
        if (std::optional<Setup> setup = refit(setup_, std::move(draft))) {
            if (smaller(setup->graph)) {
                proposals_.push_back(std::move(*setup));
            }
        }
    }
    void window(std::size_t layer, int Window::*field, int value) {
        if (setup_.graph.layers[layer].window.*field != value) {
            add([=](Draft& draft) { draft.graph.layers[layer].window.*field = value; });
        }
    }
    std::vector<Setup> take() { return std::move(proposals_); }

  private:
    // Fewer layers, elements or weights, or the same with another window: never the network itself.
    bool smaller(const Graph& graph) const {
        const auto size = [](const Graph& of) {
            std::int64_t total = static_cast<std::int64_t>(of.layers.size()) * 1000;
            for (const TensorInfo& tensor : of.tensors) {
                total += tensor.shape.elements();
            }
            for (const Layer& layer : of.layers) {
                const Window& w = layer.window;
                total += static_cast<std::int64_t>(layer.weights.size()) + layer.groups + w.pad_h + w.pad_w +
                         w.stride_h + w.stride_w + w.dilation_h + w.dilation_w;
            }
            return total;
        };
        return size(graph) < size(setup_.graph);
    }

    const Setup& setup_;
    std::vector<Setup> proposals_;
};

void propose_channels(const Graph& graph, NetworkProposals& to) {
    for (const int most : {1, 2, 4}) {
        to.add([most](Draft& draft) {
            Shape& input = draft.graph.tensors[index_of(draft.graph.input)].shape;
            input.channels = std::min(input.channels, most);
            for (const Layer& layer : draft.graph.layers) {
                Shape& out = output_of(draft.graph, layer).shape;
                out.channels =
                    layer.has_macs()
                        ? std::min(out.channels, std::max(most, layer.output == draft.graph.logits ? 2 : 1))
                        : out.channels;
            }
        });
    }
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        if (graph.layers[i].has_macs()) {
            to.add([i](Draft& draft) {
                Shape& out = output_of(draft.graph, draft.graph.layers[i]).shape;
                out.channels = (out.channels + 1) / 2;
            });
            to.add([i](Draft& draft) { --output_of(draft.graph, draft.graph.layers[i]).shape.channels; });
        }
    }
}

void propose_extents(const Shape& input, NetworkProposals& to) {
    for (int Shape::*edge : {&Shape::images, &Shape::height, &Shape::width, &Shape::channels}) {
        for (const int extent : {1, input.*edge / 2, input.*edge - 1}) {
            if (extent >= 1) {
                to.add([=](Draft& draft) {
                    draft.graph.tensors[index_of(draft.graph.input)].shape.*edge = extent;
                });
            }
        }
    }
}

void propose_windows(const Graph& graph, NetworkProposals& to) {
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        for (int Window::*field : {&Window::kernel_h, &Window::kernel_w, &Window::stride_h, &Window::stride_w,
                                   &Window::dilation_h, &Window::dilation_w}) {
            to.window(i, field, 1);
        }
        to.window(i, &Window::pad_h, 0);
        to.window(i, &Window::pad_w, 0);
        if (graph.layers[i].groups > 1) {
            to.add([i](Draft& draft) { draft.graph.layers[i].groups = 1; });
        }
    }
}

}  // namespace

std::vector<Setup> smaller_networks(const Setup& setup) {
    const Graph& graph = setup.graph;
    NetworkProposals proposals(setup);
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        for (std::size_t input = 0; input < graph.layers[i].inputs.size(); ++input) {
            if (graph.layers[i].output != graph.logits) {
                proposals.add([=](Draft& draft) { bypass(draft, i, input); });
            }
        }
    }
    propose_channels(graph, proposals);
    propose_extents(graph.tensor(graph.input).shape, proposals);
    propose_windows(graph, proposals);
    return proposals.take();
}

}  // namespace fluence::check
