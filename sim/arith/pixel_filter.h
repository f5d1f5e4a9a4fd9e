// Suppressors that act on all channels of one output pixel of a layer: bounds, medians, gradient
// statistics, just-say-zero. The engine applies them; what they compute is theirs (sim/protect).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/core/ids.h"

namespace fluence::arith {

// The codes of one output pixel, one a channel, in order.
struct PixelCodes {
    std::int32_t* data = nullptr;
    std::int32_t channels = 0;

    std::int32_t* begin() const { return data; }
    std::int32_t* end() const { return data + channels; }
    std::int32_t& operator[](std::int32_t channel) const { return data[channel]; }
};

class PixelFilter {
  public:
    virtual ~PixelFilter() = default;
    // Replaces codes in place by codes of the output's format. `pixel`: y · width + x of the layer's output.
    // A function of its arguments alone: the engine calls it for pixels that changed, in any order.
    virtual void apply(LayerId layer, std::int64_t pixel, PixelCodes codes) const = 0;
    // A filter with thresholds makes up to C + 1 comparisons of a pixel of C channels: comparison c + 1 is
    // that of channel c; comparison 0, which some leave out, is of the last channel in front of the first.
    // The bits that a comparison with a channel's thresholds finds in its register.
    virtual std::uint32_t threshold_bits(std::int64_t, std::int32_t /* channel */) const { return 0; }
    // apply() where bits of that register are inverted: `masks` by comparison, C + 1 of them.
    virtual void apply_struck(LayerId layer, std::int64_t pixel, PixelCodes codes,
                              const std::vector<std::uint32_t>& /* masks */) const {
        apply(layer, pixel, codes);
    }
};

// The filters of one layer; null: none. Both act behind range restriction and in front of forced outputs,
// `always` first.
struct LayerFilters {
    std::shared_ptr<const PixelFilter> always;    // on every inference: golden runs are altered as well
    std::shared_ptr<const PixelFilter> detected;  // on all pixels where LayerFault::filter_outputs says so
};

}  // namespace fluence::arith
