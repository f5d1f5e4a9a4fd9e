#include "sim/protect/gradient.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/protect/parts.h"

namespace fluence::protect {
namespace {

using Gate = GradientPart::Gate;
using Statistics = GradientPart::Statistics;

// Where the key of a channel and a pixel is. Images of a batch share their keys.
class Keys {
  public:
    Keys(Statistics statistics, const workloads::Shape& shape)
        : statistics_(statistics),
          channels_(shape.channels),
          pixels_(std::int64_t{shape.height} * shape.width) {}

    std::size_t of(std::int64_t channel, std::int64_t pixel) const {
        switch (statistics_) {
            case Statistics::layer:
                return 0;
            case Statistics::channel:
                return static_cast<std::size_t>(channel);
            case Statistics::neuron:
                break;
        }
        return static_cast<std::size_t>(channel * pixels_ + pixel % pixels_);
    }
    std::size_t count() const { return of(channels_ - 1, pixels_ - 1) + 1; }

  private:
    Statistics statistics_;
    std::int64_t channels_, pixels_;
};

constexpr std::uint32_t kLimitMask = (1u << kGradientLimitBits) - 1;
constexpr std::int32_t kMostLimit = (1 << (kGradientLimitBits - 1)) - 1;

std::uint32_t limit_bits(std::int32_t limit) {
    return static_cast<std::uint32_t>(std::clamp(limit, -kMostLimit - 1, kMostLimit)) & kLimitMask;
}

std::int32_t limit_of(std::uint32_t bits) {
    constexpr std::uint32_t kSign = 1u << (kGradientLimitBits - 1);
    return static_cast<std::int32_t>((bits & kLimitMask) ^ kSign) - static_cast<std::int32_t>(kSign);
}

class GradientFilter : public arith::PixelFilter {
  public:
    GradientFilter(Limits limits, const Keys& keys) : limits_(std::move(limits)), keys_(keys) {}

    void apply(LayerId, std::int64_t pixel, arith::PixelCodes codes) const override {
        suppress(codes, [&](std::int32_t channel, std::int32_t, std::int32_t gradient) {
            const std::size_t key = keys_.of(channel, pixel);
            return gradient < limits_.lo[key] || gradient > limits_.hi[key];
        });
    }

    std::uint32_t threshold_bits(std::int64_t pixel, std::int32_t channel) const override {
        const std::size_t key = keys_.of(channel, pixel);
        return limit_bits(limits_.lo[key]) | limit_bits(limits_.hi[key]) << kGradientLimitBits;
    }

    void apply_struck(LayerId, std::int64_t pixel, arith::PixelCodes codes,
                      const std::vector<std::uint32_t>& masks) const override {
        suppress(codes, [&](std::int32_t channel, std::int32_t comparison, std::int32_t gradient) {
            const std::uint32_t held =
                threshold_bits(pixel, channel) ^ masks[static_cast<std::size_t>(comparison)];
            return gradient < limit_of(held) || gradient > limit_of(held >> kGradientLimitBits);
        });
    }

  private:
    // flagged(channel, comparison, gradient)
    template <class Flagged>
    static void suppress(arith::PixelCodes codes, Flagged flagged) {
        const std::int32_t last = codes.channels - 1;
        std::int32_t before = codes[last];
        bool flagged_before = flagged(last, 0, codes[last] - codes[last - 1]);
        for (std::int32_t channel = 0; channel <= last; ++channel) {
            const std::int32_t code = codes[channel];
            const bool flag = flagged(channel, channel + 1, code - before);
            if (flag && !flagged_before) {
                codes[channel] = 0;
            }
            before = code;
            flagged_before = flag;
        }
    }

    Limits limits_;
    Keys keys_;
};

// Gradients of 8-bit codes are far inside.
std::int32_t saturated(double value) {
    constexpr double kMost = std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int32_t>(std::clamp(value, -kMost, kMost));
}

}  // namespace

double GradientProfile::Moments::mean() const {
    return static_cast<double>(sum) / static_cast<double>(n);
}

double GradientProfile::Moments::deviation() const {
    if (n < 2) {
        return 0;
    }
    // n·Σg² − (Σg)² is exact in 128 bits, so that nothing cancels.
    __extension__ using Wide = __int128;
    const Wide spread = Wide{n} * squares - Wide{sum} * sum;
    return std::sqrt(static_cast<double>(spread) / (static_cast<double>(n) * static_cast<double>(n - 1)));
}

double GradientProfile::Moments::reach() const {
    return deviation() * std::sqrt(1 + 1 / static_cast<double>(n));
}

GradientProfile::GradientProfile(Statistics statistics, const workloads::Shape& shape)
    : statistics_(statistics), shape_(shape), moments_(Keys(statistics, shape).count()) {}

void GradientProfile::add(const workloads::Codes& output) {
    const Keys keys(statistics_, shape_);
    const std::int64_t plane = shape_.plane();
    for (std::int64_t channel = 0; channel < shape_.channels; ++channel) {
        const std::int64_t before = (channel == 0 ? shape_.channels : channel) - 1;
        for (std::int64_t pixel = 0; pixel < plane; ++pixel) {
            const std::int32_t gradient = output[static_cast<std::size_t>(channel * plane + pixel)] -
                                          output[static_cast<std::size_t>(before * plane + pixel)];
            Moments& moments = moments_[keys.of(channel, pixel)];
            moments.lowest = moments.n == 0 ? gradient : std::min(moments.lowest, gradient);
            moments.highest = moments.n == 0 ? gradient : std::max(moments.highest, gradient);
            ++moments.n;
            moments.sum += gradient;
            moments.squares += std::int64_t{gradient} * gradient;
        }
    }
}

double GradientProfile::auto_threshold() const {
    double t = 0;
    for (const Moments& key : moments_) {
        if (const double reach = key.n > 0 ? key.reach() : 0; reach > 0) {
            t = std::max({t, (key.highest - key.mean()) / reach, (key.mean() - key.lowest) / reach});
        }
    }
    return t;
}

Limits GradientProfile::limits(double t) const {
    const bool automatic = t <= 0;
    const double used = automatic ? auto_threshold() : t;
    Limits limits;
    for (const Moments& key : moments_) {
        const double mean = key.n > 0 ? key.mean() : 0;
        const double reach = key.n > 0 ? used * key.reach() : 0;
        limits.lo.push_back(saturated(std::ceil(mean - reach)));
        limits.hi.push_back(saturated(std::floor(mean + reach)));
        if (automatic) {
            limits.lo.back() = std::min(limits.lo.back(), key.lowest);
            limits.hi.back() = std::max(limits.hi.back(), key.highest);
        }
    }
    return limits;
}

std::int64_t gradient_key(Statistics statistics, const workloads::Shape& shape, std::int64_t channel,
                          std::int64_t pixel) {
    return static_cast<std::int64_t>(Keys(statistics, shape).of(channel, pixel));
}

std::shared_ptr<const arith::PixelFilter> gradient_filter(Limits limits, Statistics statistics,
                                                          const workloads::Shape& shape) {
    return std::make_shared<GradientFilter>(std::move(limits), Keys(statistics, shape));
}

void parse_gradient(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.gradient) {
        object.fail("part", "is given twice");
    }
    GradientPart part;
    part.gate = object.choice_or("gate", "detection", {"detection", "always"}) == "always" ? Gate::always
                                                                                           : Gate::detection;
    const std::string statistics = object.choice_or("statistics", "channel", {"layer", "channel", "neuron"});
    part.statistics = statistics == "layer"    ? Statistics::layer
                      : statistics == "neuron" ? Statistics::neuron
                                               : Statistics::channel;
    if (object.has("threshold")) {
        const nlohmann::json& threshold = object.raw("threshold");
        const bool number = threshold.is_number() && threshold.get<double>() > 0 &&
                            threshold.get<double>() <= kMaxGradientThreshold;
        if (!number && threshold != "auto") {
            object.fail("threshold", "is " + threshold.dump(), "\"auto\", or a number > 0 and ≤ 1000000");
        }
        part.threshold = number ? threshold.get<double>() : 0;
    }
    part.calibration_images = parse_calibration_images(object);
    part.buffer_bytes = parse_buffer_bytes(object);
    policy.gradient = part;
}

std::vector<nlohmann::json> write_gradient(const PartInfo&, const Policy& policy) {
    if (!policy.gradient) {
        return {};
    }
    const GradientPart& part = *policy.gradient;
    nlohmann::json value = {{"gate", part.gate == Gate::always ? "always" : "detection"},
                            {"statistics", part.statistics == Statistics::layer    ? "layer"
                                           : part.statistics == Statistics::neuron ? "neuron"
                                                                                   : "channel"},
                            {"calibration_images", part.calibration_images},
                            {"buffer_bytes", part.buffer_bytes}};
    if (part.threshold > 0) {
        value["threshold"] = part.threshold;
    } else {
        value["threshold"] = "auto";
    }
    return {value};
}

}  // namespace fluence::protect
