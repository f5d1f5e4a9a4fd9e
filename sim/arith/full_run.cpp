#include "sim/arith/full_run.h"

#include <algorithm>
#include <array>

#include "sim/arith/contract.h"
#include "sim/arith/reference_layer.h"

namespace fluence::arith {

using workloads::Layer;
using workloads::OpKind;
using workloads::Shape;

namespace {

// Terms whose products add up to less than 2³¹ (codes and weights of at most 8 bits).
constexpr std::int64_t kTermsAtATime = 32768;
constexpr std::int64_t kRowUnit = 16;

// Clones for newer instruction sets, chosen when the program starts; sums of integers are the same.
#define FLUENCE_BEST_VECTORS __attribute__((target_clones("avx2", "default")))

// The window's products with kRowsTogether rows of weights that follow each other, added to `sums`.
constexpr int kRowsTogether = 4;
FLUENCE_BEST_VECTORS
void dot_rows(const std::int16_t* window, const std::int16_t* rows, std::int64_t row, std::int64_t terms,
              std::uint32_t* sums) {
    std::int32_t a = 0, b = 0, c = 0, d = 0;
    for (std::int64_t i = 0; i < terms; ++i) {
        const std::int32_t code = window[i];
        a += code * rows[i];
        b += code * rows[row + i];
        c += code * rows[2 * row + i];
        d += code * rows[3 * row + i];
    }
    const std::array<std::int32_t, kRowsTogether> found = {a, b, c, d};
    for (std::size_t n = 0; n < found.size(); ++n) {
        sums[n] += static_cast<std::uint32_t>(found[n]);
    }
}

}  // namespace

FullRun::FullRun(const workloads::Graph& graph, std::vector<OutputBounds> bounds, SumRule sums,
                 std::vector<LayerFilters> filters)
    : graph_(graph),
      bounds_(std::move(bounds)),
      sums_(std::move(sums)),
      filters_(std::move(filters)),
      weights_(graph.layers.size()) {
    check_bounds(graph, bounds_);
    check_sums(graph, sums_);
    check_filters(graph, filters_);
    if (!sums_.exact() || graph.images() != 1) {
        return;  // sums depend on the order of their terms, or windows on the image: plain loops
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
        const Layer& layer = graph.layers[i];
        if (!layer.has_macs()) {
            continue;
        }
        Weights& weights = weights_[i];
        const std::int64_t channels = graph.tensor(layer.output).shape.channels;
        weights.terms = static_cast<std::int64_t>(layer.weights.size()) / channels;
        weights.row = (weights.terms + kRowUnit - 1) / kRowUnit * kRowUnit;
        weights.rows.resize(static_cast<std::size_t>((channels + kRowsTogether - 1) * weights.row));
        for (std::int64_t n = 0; n < channels; ++n) {
            std::copy_n(layer.weights.begin() + n * weights.terms, weights.terms,
                        weights.rows.begin() + n * weights.row);
        }
    }
}

std::vector<Codes> FullRun::run(const Codes& image, const std::vector<LayerFault>& faults) const {
    check_image(graph_, image);
    check_faults(graph_, faults);
    std::vector<Codes> tensors(graph_.tensors.size());
    tensors[index_of(graph_.input)] = image;
    return run_from(0, std::move(tensors), faults);
}

std::vector<Codes> FullRun::run_behind(const std::vector<Codes>& fault_free,
                                       const std::vector<LayerFault>& faults) const {
    check_faults(graph_, faults);
    return faults.empty() ? fault_free : run_from(index_of(faults.front().layer), fault_free, faults);
}

std::vector<Codes> FullRun::run_from(std::size_t first, std::vector<Codes> tensors,
                                     const std::vector<LayerFault>& faults) const {
    const LayerFault none;
    auto fault = faults.begin();
    for (std::size_t i = first; i < graph_.layers.size(); ++i) {
        const bool struck = fault != faults.end() && index_of(fault->layer) == i;
        tensors[index_of(graph_.layers[i].output)] = run_layer(layer_id(i), tensors, struck ? *fault : none);
        fault += struck ? 1 : 0;
    }
    return tensors;
}

Codes FullRun::run_layer(LayerId layer, const std::vector<Codes>& tensors, const LayerFault& fault) const {
    const std::size_t i = index_of(layer);
    const OutputBounds* bounds = bounds_.empty() ? nullptr : &bounds_[i];
    const LayerFilters filters = filters_.empty() ? LayerFilters() : filters_[i];
    if (weights_[i].rows.empty()) {
        return reference_layer(graph_, layer, tensors, fault, sums_, bounds, filters, nullptr);
    }
    std::vector<std::uint32_t> sums = products(layer, tensors[index_of(graph_.layers[i].inputs[0])]);
    LayerFault rest = fault;  // many accumulators are struck at once; plain loops would look for each of them
    for (const AccumulatorDelta& change : fault.accumulators) {
        sums[static_cast<std::size_t>(change.index)] += static_cast<std::uint32_t>(change.delta);
    }
    rest.accumulators.clear();
    return reference_layer(graph_, layer, tensors, rest, sums_, bounds, filters, &sums);
}

std::vector<std::uint32_t> FullRun::products(LayerId id, const Codes& input) const {
    const Weights& weights = weights_[index_of(id)];
    const Layer& layer = graph_.layer(id);
    const Shape& out = graph_.tensor(layer.output).shape;
    const std::int64_t channels = out.channels / layer.groups;
    std::vector<std::uint32_t> sums(static_cast<std::size_t>(out.elements()));
    std::vector<std::int16_t> window(static_cast<std::size_t>(weights.row));
    for (std::int64_t group = 0; group < layer.groups; ++group) {
        for (std::int64_t pixel = 0; pixel < out.plane(); ++pixel) {
            copy_window(id, input, group, pixel, window);
            const std::int64_t end = (group + 1) * channels;
            for (std::int64_t n = group * channels; n < end; n += kRowsTogether) {
                const std::int16_t* rows = weights.rows.data() + n * weights.row;
                std::array<std::uint32_t, kRowsTogether> found{};
                for (std::int64_t k = 0; k < weights.row; k += kTermsAtATime) {
                    dot_rows(window.data() + k, rows + k, weights.row,
                             std::min(kTermsAtATime, weights.row - k), found.data());
                }
                for (std::int64_t i = n; i < std::min(n + kRowsTogether, end); ++i) {
                    sums[static_cast<std::size_t>(i * out.plane() + pixel)] =
                        found[static_cast<std::size_t>(i - n)];
                }
            }
        }
    }
    return sums;
}

void FullRun::copy_window(LayerId id, const Codes& input, std::int64_t group, std::int64_t pixel,
                          std::vector<std::int16_t>& window) const {
    const Layer& layer = graph_.layer(id);
    const Shape& in = graph_.tensor(layer.inputs[0]).shape;
    if (layer.kind == OpKind::linear) {
        std::copy(input.begin(), input.end(), window.begin());
        return;
    }
    const workloads::Window& w = layer.window;
    const int width = graph_.tensor(layer.output).shape.width;
    const std::int64_t top = pixel / width * w.stride_h - w.pad_h;
    const std::int64_t left = pixel % width * w.stride_w - w.pad_w;
    const std::int64_t channels = in.channels / layer.groups;
    auto to = window.begin();
    for (std::int64_t c = group * channels; c < (group + 1) * channels; ++c) {
        for (int ky = 0; ky < w.kernel_h; ++ky) {
            const std::int64_t y = top + std::int64_t{ky} * w.dilation_h;
            for (int kx = 0; kx < w.kernel_w; ++kx) {
                const std::int64_t x = left + std::int64_t{kx} * w.dilation_w;
                const bool inside = y >= 0 && y < in.height && x >= 0 && x < in.width;
                const auto at = static_cast<std::size_t>((c * in.height + y) * in.width + x);
                *to++ = inside ? static_cast<std::int16_t>(input[at]) : std::int16_t{0};
            }
        }
    }
}

}  // namespace fluence::arith
