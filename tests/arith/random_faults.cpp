#include "tests/arith/random_faults.h"

#include <algorithm>
#include <set>

namespace fluence::test {

using arith::LayerFault;
using arith::Parameter;
using workloads::Graph;
using workloads::Layer;
using workloads::TensorInfo;

namespace {

class FaultDraw {
  public:
    FaultDraw(const Graph& graph, const arith::GoldenRun& golden, RandomStream& stream)
        : graph_(graph), golden_(golden), stream_(stream) {}

    LayerFault fault(std::size_t index) {
        LayerFault result;
        result.layer = layer_id(index);
        layer_ = &graph_.layers[index];
        output_ = &graph_.tensor(layer_->output);
        const int kinds = between(1, 3);
        for (int i = 0; i < kinds; ++i) {
            add_kind(result);
        }
        return result;
    }

    int between(int low, int high) { return low + static_cast<int>(below(high - low + 1)); }

  private:
    std::int64_t below(std::int64_t bound) {
        return static_cast<std::int64_t>(stream_.below(static_cast<std::uint64_t>(bound)));
    }
    std::int64_t any_output() { return below(output_->shape.elements()); }
    std::int32_t any_word() { return static_cast<std::int32_t>(stream_.next32()); }
    std::int32_t any_code(const TensorInfo& tensor) { return flip_bits(tensor.format, 0, stream_.next32()); }

    void add_kind(LayerFault& result) {
        result.filter_outputs = result.filter_outputs || between(0, 3) == 0;
        switch (between(0, 3)) {
            case 0:
                return add_flips(result);
            case 1:
                return add_forced(result);
            case 2:
                return add_parameter(result);
            default:
                return layer_->has_macs() ? add_accumulators(result) : add_operands(result);
        }
    }

    void add_flips(LayerFault& result) {
        if (layer_->has_macs() && between(0, 3) == 0) {
            add_disturbed(result);
        }
        const int count = between(1, 3);
        for (int i = 0; i < count; ++i) {
            const int bits = width_bits(output_->format);
            const std::uint32_t mask = between(0, 3) == 0 ? stream_.next32() : 1u << below(bits);
            result.outputs.push_back({any_output(), bits == 32 ? mask : mask & 0xffu});
        }
    }

    // A few outputs, or every second one.
    void add_disturbed(LayerFault& result) {
        const int distance = between(0, 1) == 0 ? 2 : 40;
        result.disturbed.clear();
        for (std::int64_t index = between(0, distance - 1); index < output_->shape.elements();
             index += between(1, distance)) {
            const int shift = between(0, 2) == 0 ? 0 : between(-300, 300);
            result.disturbed.push_back({index, between(0, 1) == 0, shift});
        }
    }

    void add_forced(LayerFault& result) {
        const int count = between(1, 3);
        for (int i = 0; i < count; ++i) {
            const std::int64_t index = any_output();
            const bool repeat = between(0, 2) == 0;
            const std::int32_t golden =
                golden_.tensors[index_of(layer_->output)][static_cast<std::size_t>(index)];
            result.forced.push_back({index, repeat ? golden : any_code(*output_)});
        }
        if (between(0, 1) == 0) {
            result.restricted.push_back({any_output(), any_code(*output_), false});
        }
        for (int i = between(-3, 2); i > 0; --i) {
            const std::int32_t first = between(0, output_->shape.channels);
            result.thresholds.push_back({below(output_->shape.plane()), first,
                                         between(first, output_->shape.channels + 1), 1u << below(8)});
        }
    }

    // A single bit of an accumulator, a word, or the same element twice; now and then all of them.
    void add_accumulators(LayerFault& result) {
        const int count = between(0, 9) == 0 ? 300 : between(1, 4);
        for (int i = 0; i < count; ++i) {
            const std::int32_t delta =
                between(0, 1) == 0 ? static_cast<std::int32_t>(1u << below(32)) : any_word();
            result.accumulators.push_back({any_output(), delta});
            if (between(0, 5) == 0) {
                result.accumulators.push_back({result.accumulators.back().index, any_word()});
            }
        }
    }

    void add_parameter(LayerFault& result) {
        if (layer_->multiplier.empty()) {
            return add_flips(result);
        }
        arith::ParameterChange change;
        const int kind = between(layer_->bias.empty() ? 1 : 0, 2);
        change.parameter = kind == 0 ? Parameter::bias : kind == 1 ? Parameter::multiplier : Parameter::shift;
        const auto size = static_cast<std::int64_t>(kind == 0   ? layer_->bias.size()
                                                    : kind == 1 ? layer_->multiplier.size()
                                                                : layer_->shift.size());
        change.index = below(size);
        const auto at = static_cast<std::size_t>(change.index);
        const auto bit = static_cast<std::int32_t>(1u << below(kind == 2 ? 6 : 32));
        change.value = (kind == 0   ? layer_->bias[at]
                        : kind == 1 ? layer_->multiplier[at]
                                    : layer_->shift[at]) ^
                       bit;
        result.parameters.push_back(change);
        if (between(0, 5) == 0) {
            change.value = any_word();
            result.parameters.push_back(change);
        }
    }

    void add_operands(LayerFault& result) {
        const int count = between(1, 3);
        for (int i = 0; i < count; ++i) {
            arith::OperandChange change;
            change.input = static_cast<std::int32_t>(below(static_cast<std::int64_t>(layer_->inputs.size())));
            const TensorInfo& input = graph_.tensor(layer_->inputs[static_cast<std::size_t>(change.input)]);
            change.element = below(input.shape.elements());
            change.code = any_code(input);
            const std::int64_t outputs = output_->shape.elements();
            change.last_output = outputs;
            if (between(0, 1) == 0) {
                change.first_output = below(outputs + 1);
                change.last_output = below(outputs + 1);
            }
            result.operands.push_back(change);
            if (between(0, 3) == 0) {
                result.operands.push_back(change);
                result.operands.back().code = any_code(input);
            }
        }
    }

    const Graph& graph_;
    const arith::GoldenRun& golden_;
    RandomStream& stream_;
    const Layer* layer_ = nullptr;
    const TensorInfo* output_ = nullptr;
};

}  // namespace

std::vector<LayerFault> random_faults(const Graph& graph, const arith::GoldenRun& golden,
                                      RandomStream& stream) {
    FaultDraw draw(graph, golden, stream);
    std::set<std::size_t> struck;
    const int layers = draw.between(1, 3);
    for (int i = 0; i < layers; ++i) {
        struck.insert(static_cast<std::size_t>(draw.between(0, static_cast<int>(graph.layers.size()) - 1)));
    }
    std::vector<LayerFault> faults;
    for (const std::size_t index : struck) {
        faults.push_back(draw.fault(index));
    }
    return faults;
}

namespace {

// The median of three neighbouring channels, circular.
class MedianFilter : public arith::PixelFilter {
  public:
    void apply(LayerId, std::int64_t, arith::PixelCodes codes) const override {
        const std::vector<std::int32_t> was(codes.begin(), codes.end());
        const auto at = [&](std::int32_t c) {
            return was[static_cast<std::size_t>((c + codes.channels) % codes.channels)];
        };
        for (std::int32_t c = 0; c < codes.channels; ++c) {
            codes[c] = std::max(std::min(at(c - 1), at(c)), std::min(std::max(at(c - 1), at(c)), at(c + 1)));
        }
    }
};

// Zeroes codes that are further than `limit` from the channel in front; where the pixel's number allows.
class JumpFilter : public arith::PixelFilter {
  public:
    JumpFilter(std::int64_t limit, std::int64_t period) : limit_(limit), period_(period) {}
    void apply(LayerId layer, std::int64_t pixel, arith::PixelCodes codes) const override {
        const auto comparisons = static_cast<std::size_t>(codes.channels) + 1;
        apply_struck(layer, pixel, codes, std::vector<std::uint32_t>(comparisons));
    }
    void apply_struck(LayerId layer, std::int64_t pixel, arith::PixelCodes codes,
                      const std::vector<std::uint32_t>& masks) const override {
        if ((pixel + static_cast<std::int64_t>(index_of(layer))) % period_ != 0) {
            return;
        }
        std::int64_t previous = codes[codes.channels - 1];
        for (std::int32_t c = 0; c < codes.channels; ++c) {
            const std::int64_t now = codes[c];
            const std::int64_t limit = limit_ ^ masks[static_cast<std::size_t>(c) + 1];
            codes[c] = std::abs(now - previous) > limit ? 0 : codes[c];
            previous = now;
        }
    }

  private:
    std::int64_t limit_, period_;
};

std::shared_ptr<const arith::PixelFilter> random_filter(RandomStream& stream) {
    switch (stream.below(3)) {
        case 0:
            return std::make_shared<MedianFilter>();
        case 1:
            return std::make_shared<JumpFilter>(1 + static_cast<std::int64_t>(stream.below(100)),
                                                1 + static_cast<std::int64_t>(stream.below(3)));
        default:
            return nullptr;
    }
}

}  // namespace

std::vector<arith::LayerFilters> random_filters(const Graph& graph, RandomStream& stream) {
    std::vector<arith::LayerFilters> filters(graph.layers.size());
    for (arith::LayerFilters& layer : filters) {
        layer = {random_filter(stream), random_filter(stream)};
    }
    return filters;
}

std::vector<arith::OutputBounds> random_bounds(const Graph& graph, RandomStream& stream) {
    std::vector<arith::OutputBounds> bounds;
    for (const Layer& layer : graph.layers) {
        arith::OutputBounds bound;
        const TensorInfo& output = graph.tensor(layer.output);
        if (stream.below(2) == 0) {
            bound.zero_outside = stream.below(2) == 0;
            for (int c = 0; c < output.shape.channels; ++c) {
                const std::int32_t a = flip_bits(output.format, 0, stream.next32());
                const std::int32_t b = flip_bits(output.format, 0, stream.next32());
                bound.lo.push_back(std::min(a, b));
                bound.hi.push_back(std::max(a, b));
            }
        }
        bounds.push_back(bound);
    }
    return bounds;
}

}  // namespace fluence::test
