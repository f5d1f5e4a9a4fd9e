// The arithmetic of workloads/graph.h as plain loops, one output element at a time: what everything faster
// is compared with. Shares no code with the engine but the definition of rescale() and the checks of input.
#include <algorithm>
#include <limits>

#include "sim/arith/contract.h"
#include "sim/arith/disturbed.h"
#include "sim/arith/engine.h"
#include "sim/arith/reference_layer.h"

namespace fluence::arith {

using workloads::Graph;
using workloads::Layer;
using workloads::OpKind;
using workloads::Shape;
using workloads::Window;

namespace {

std::uint32_t bits(std::int32_t value) {
    return static_cast<std::uint32_t>(value);
}

struct Position {
    std::int64_t channel, image, y, x;
};

Position position_of(const Shape& shape, std::int64_t index) {
    const std::int64_t row = index / shape.width;
    return {row / shape.height / shape.images, row / shape.height % shape.images, row % shape.height,
            index % shape.width};
}

std::int64_t index_in(const Shape& shape, const Position& at) {
    return ((at.channel * shape.images + at.image) * shape.height + at.y) * shape.width + at.x;
}

// Calls visit(element of the input's channel or −1 for padding, ky, kx) for the window of the output at `at`.
template <class Visit>
void for_each_tap(const Shape& input, const Window& w, std::int64_t channel, const Position& at,
                  Visit visit) {
    for (int ky = 0; ky < w.kernel_h; ++ky) {
        for (int kx = 0; kx < w.kernel_w; ++kx) {
            const std::int64_t iy = at.y * w.stride_h - w.pad_h + std::int64_t{ky} * w.dilation_h;
            const std::int64_t ix = at.x * w.stride_w - w.pad_w + std::int64_t{kx} * w.dilation_w;
            const bool inside = iy >= 0 && iy < input.height && ix >= 0 && ix < input.width;
            visit(inside ? index_in(input, {channel, at.image, iy, ix}) : -1, ky, kx);
        }
    }
}

// The products of one output, added one by one as a SumRule says.
class FoldedSum {
  public:
    FoldedSum(const SumRule& rule, std::size_t layer, std::int32_t bias)
        : register_(rule.sum_register()), total_(bits(bias)) {
        if (!rule.exact()) {
            fold_ends_ = &rule.fold_ends[layer];
        }
    }
    void add(std::int32_t product) {
        fold_ = register_.add(fold_, product);
        ++terms_;
        if (fold_ends_ != nullptr && terms_ == (*fold_ends_)[folds_]) {
            total_ += bits(fold_);
            fold_ = 0;
            ++folds_;
        }
    }
    std::uint32_t total() const { return total_ + bits(fold_); }

  private:
    SumRegister register_;
    const std::vector<std::int64_t>* fold_ends_ = nullptr;  // null: one fold
    std::uint32_t total_;
    std::int32_t fold_ = 0;
    std::int64_t terms_ = 0;
    std::size_t folds_ = 0;
};

// One layer under its fault.
class LayerRun {
  public:
    LayerRun(const Graph& graph, const Layer& layer, const std::vector<Codes>& tensors,
             const LayerFault& fault, const SumRule& sums, const std::vector<std::uint32_t>* products)
        : graph_(graph),
          layer_(layer),
          tensors_(tensors),
          fault_(fault),
          sums_(sums),
          products_(products),
          bias_(layer.bias),
          multiplier_(layer.multiplier),
          shift_(layer.shift),
          output_(graph.tensor(layer.output)) {
        for (const ParameterChange& change : fault.parameters) {
            const auto at = static_cast<std::size_t>(change.index);
            switch (change.parameter) {
                case Parameter::bias:
                    bias_[at] = change.value;
                    break;
                case Parameter::multiplier:
                    multiplier_[at] = change.value;
                    break;
                case Parameter::shift:
                    shift_[at] = static_cast<std::uint8_t>(change.value & 63);
                    break;
            }
        }
    }

    Codes run(const OutputBounds* bounds, const LayerFilters& filters) const {
        Codes codes(static_cast<std::size_t>(output_.shape.elements()));
        for (std::size_t i = 0; i < codes.size(); ++i) {
            codes[i] = finish(static_cast<std::int64_t>(i), compute(static_cast<std::int64_t>(i)), bounds);
        }
        for (const RestrictedOutput& restricted : fault_.restricted) {
            codes[static_cast<std::size_t>(restricted.index)] = restricted.code;
        }
        if (filters.always != nullptr) {
            apply(*filters.always, true, codes);
        }
        if (filters.detected != nullptr && fault_.filter_outputs) {
            apply(*filters.detected, false, codes);
        }
        for (const ForcedOutput& forced : fault_.forced) {
            codes[static_cast<std::size_t>(forced.index)] = forced.code;
        }
        return codes;
    }

  private:
    const Shape& input_shape(std::size_t i = 0) const { return graph_.tensor(layer_.inputs[i]).shape; }

    // What output `out` reads as element `element` of input `input`.
    std::int32_t read(std::size_t input, std::int64_t element, std::int64_t out) const {
        std::int32_t code = tensors_[index_of(layer_.inputs[input])][static_cast<std::size_t>(element)];
        for (const OperandChange& change : fault_.operands) {
            if (change.input == static_cast<std::int32_t>(input) && change.element == element &&
                out >= change.first_output && out < change.last_output) {
                code = change.code;
            }
        }
        return code;
    }

    std::int32_t clamped(std::int64_t value) const {
        return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, layer_.clamp_lo, layer_.clamp_hi));
    }

    // The code of output `out` in front of output faults.
    std::int32_t compute(std::int64_t out) const {
        const Position at = position_of(output_.shape, out);
        switch (layer_.kind) {
            case OpKind::conv:
                return requantise_mac(out, products_ != nullptr ? given(out, at) : conv(at));
            case OpKind::linear:
                return requantise_mac(out, products_ != nullptr ? given(out, at) : linear(at));
            case OpKind::max_pool:
                return max_pool(out, at);
            case OpKind::avg_pool:
                return avg_pool(out, at);
            case OpKind::add:
                return add(out);
            case OpKind::concat:
                return concat(out);
            case OpKind::flatten:
                return read(0, out, out);
            case OpKind::subsample:
                break;
        }
        return subsample(out, at);
    }

    std::uint32_t given(std::int64_t out, const Position& at) const {
        return (*products_)[static_cast<std::size_t>(out)] +
               bits(bias_[static_cast<std::size_t>(at.channel)]);
    }

    std::uint32_t conv(const Position& at) const {
        const Shape& in = input_shape();
        const std::int64_t group_inputs = in.channels / layer_.groups;
        const std::int64_t group = at.channel / (output_.shape.channels / layer_.groups);
        FoldedSum sum(sums_, layer_index(), bias_[static_cast<std::size_t>(at.channel)]);
        for (std::int64_t c = 0; c < group_inputs; ++c) {
            const std::int64_t channel = group * group_inputs + c;
            for_each_tap(in, layer_.window, channel, at, [&](std::int64_t element, int ky, int kx) {
                const std::int64_t w =
                    ((at.channel * group_inputs + c) * layer_.window.kernel_h + ky) * layer_.window.kernel_w +
                    kx;
                sum.add(element >= 0 ? product(element, w) : 0);
            });
        }
        return sum.total();
    }

    std::uint32_t linear(const Position& at) const {
        const Shape& in = input_shape();
        FoldedSum sum(sums_, layer_index(), bias_[static_cast<std::size_t>(at.channel)]);
        std::int64_t weight = at.channel * in.channels * in.height * in.width;
        for (std::int64_t c = 0; c < in.channels; ++c) {
            for (std::int64_t y = 0; y < in.height; ++y) {
                for (std::int64_t x = 0; x < in.width; ++x) {
                    sum.add(product(index_in(in, {c, at.image, y, x}), weight++));
                }
            }
        }
        return sum.total();
    }

    std::int32_t product(std::int64_t element, std::int64_t weight) const {
        const std::int32_t x = tensors_[index_of(layer_.inputs[0])][static_cast<std::size_t>(element)];
        return x * layer_.weights[static_cast<std::size_t>(weight)];
    }

    std::size_t layer_index() const { return static_cast<std::size_t>(&layer_ - graph_.layers.data()); }

    std::int32_t requantise_mac(std::int64_t out, std::uint32_t sum) const {
        for (const AccumulatorDelta& change : fault_.accumulators) {
            sum += change.index == out ? bits(change.delta) : 0;
        }
        const auto n = static_cast<std::size_t>(position_of(output_.shape, out).channel);
        return clamped(workloads::rescale(static_cast<std::int32_t>(sum), multiplier_[n], shift_[n]));
    }

    std::int32_t max_pool(std::int64_t out, const Position& at) const {
        std::int32_t best = std::numeric_limits<std::int32_t>::min();
        for_each_tap(input_shape(), layer_.window, at.channel, at, [&](std::int64_t element, int, int) {
            if (element >= 0) {
                best = std::max(best, read(0, element, out));
            }
        });
        return best;
    }

    std::int32_t avg_pool(std::int64_t out, const Position& at) const {
        std::int64_t sum = 0;
        for_each_tap(input_shape(), layer_.window, at.channel, at, [&](std::int64_t element, int, int) {
            sum += element >= 0 ? read(0, element, out) : 0;
        });
        return clamped(workloads::rescale(sum, multiplier_[0], shift_[0]));
    }

    std::int32_t add(std::int64_t out) const {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < layer_.inputs.size(); ++i) {
            const std::int64_t product = std::int64_t{multiplier_[i]} * read(i, out, out);
            sum += static_cast<std::uint64_t>(product);
        }
        return clamped(workloads::rescale(static_cast<std::int64_t>(sum), 1, shift_[0]));
    }

    std::int32_t concat(std::int64_t out) const {
        std::size_t i = 0;
        std::int64_t element = out;
        while (element >= input_shape(i).elements()) {
            element -= input_shape(i++).elements();
        }
        return clamped(workloads::rescale(read(i, element, out), multiplier_[i], shift_[i]));
    }

    std::int32_t subsample(std::int64_t out, const Position& at) const {
        const Shape& in = input_shape();
        const std::int64_t shuffled = at.channel - layer_.channels_before;
        if (shuffled < 0 || shuffled >= in.channels) {
            return 0;
        }
        // Down the columns of the matrix of channels, one after the other.
        std::int64_t channel = 0;
        for (std::int64_t step = 0; step < shuffled; ++step) {
            channel += in.channels / layer_.groups;
            channel = channel < in.channels ? channel : channel - in.channels + 1;
        }
        const std::int64_t y = at.y * layer_.window.stride_h;
        return read(0, index_in(in, {channel, at.image, y, at.x * layer_.window.stride_w}), out);
    }

    std::int32_t finish(std::int64_t out, std::int32_t code, const OutputBounds* bounds) const {
        for (const OutputFlip& flip : fault_.outputs) {
            code = flip.index == out ? flip_bits(output_.format, code, flip.mask) : code;
        }
        const auto [disturbed, end] = disturbed_in(fault_.disturbed, out, out + 1);
        code = disturbed != end ? disturbed_code(output_.format, code, *disturbed) : code;
        if (bounds != nullptr && !bounds->lo.empty()) {
            const auto c = static_cast<std::size_t>(position_of(output_.shape, out).channel);
            if (code < bounds->lo[c] || code > bounds->hi[c]) {
                code = bounds->zero_outside ? 0 : std::clamp(code, bounds->lo[c], bounds->hi[c]);
            }
        }
        return code;
    }

    void apply(const PixelFilter& filter, bool always, Codes& codes) const {
        const auto plane = static_cast<std::size_t>(output_.shape.plane());
        for (std::size_t pixel = 0; pixel < plane; ++pixel) {
            std::vector<std::int32_t> row;
            for (std::size_t i = pixel; i < codes.size(); i += plane) {
                row.push_back(codes[i]);
            }
            // By the definition: what each comparison finds, one behind the other.
            std::vector<std::uint32_t> masks(row.size() + 1);
            bool struck = false;
            for (const ThresholdFlip& flip : fault_.thresholds) {
                for (auto i = static_cast<std::size_t>(flip.first);
                     flip.pixel == static_cast<std::int64_t>(pixel) &&
                     i < static_cast<std::size_t>(flip.last);
                     ++i) {
                    masks[i] ^= flip.mask;
                    struck = true;
                }
            }
            const PixelCodes pixel_codes = {row.data(), output_.shape.channels};
            if (struck && always) {
                filter.apply_struck(layer_id(layer_index()), static_cast<std::int64_t>(pixel), pixel_codes,
                                    masks);
            } else {
                filter.apply(layer_id(layer_index()), static_cast<std::int64_t>(pixel), pixel_codes);
            }
            for (std::size_t c = 0; c < row.size(); ++c) {
                codes[c * plane + pixel] = row[c];
            }
        }
    }

    const Graph& graph_;
    const Layer& layer_;
    const std::vector<Codes>& tensors_;
    const LayerFault& fault_;
    const SumRule& sums_;
    const std::vector<std::uint32_t>* products_;
    std::vector<std::int32_t> bias_, multiplier_;
    std::vector<std::uint8_t> shift_;
    const workloads::TensorInfo& output_;
};

}  // namespace

Codes reference_layer(const Graph& graph, LayerId layer, const std::vector<Codes>& tensors,
                      const LayerFault& fault, const SumRule& sums, const OutputBounds* bounds,
                      const LayerFilters& filters, const std::vector<std::uint32_t>* products) {
    return LayerRun(graph, graph.layer(layer), tensors, fault, sums, products).run(bounds, filters);
}

std::vector<Codes> reference_run(const Graph& graph, const std::vector<OutputBounds>& bounds,
                                 const Codes& image, const std::vector<LayerFault>& faults,
                                 const SumRule& sums, const std::vector<LayerFilters>& filters) {
    check_bounds(graph, bounds);
    check_image(graph, image);
    check_faults(graph, faults);
    check_sums(graph, sums);
    check_filters(graph, filters);
    std::vector<Codes> tensors(graph.tensors.size());
    tensors[index_of(graph.input)] = image;
    const LayerFault none;
    auto fault = faults.begin();
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const bool struck = fault != faults.end() && index_of(fault->layer) == i;
        tensors[index_of(graph.layers[i].output)] = reference_layer(
            graph, layer_id(i), tensors, struck ? *fault : none, sums, bounds.empty() ? nullptr : &bounds[i],
            filters.empty() ? LayerFilters() : filters[i], nullptr);
        fault += struck ? 1 : 0;
    }
    return tensors;
}

}  // namespace fluence::arith
