#include "sim/protect/just_say_zero.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "sim/protect/parts.h"

namespace fluence::protect {
namespace {

std::int32_t peak(std::int32_t before, std::int32_t code, std::int32_t behind) {
    return std::abs(code) - std::max(std::abs(before), std::abs(behind));
}

std::int32_t isolated(std::int32_t before, std::int32_t code, std::int32_t behind) {
    return before == 0 && behind == 0 ? std::abs(code) : 0;
}

class JustSayZeroFilter : public arith::PixelFilter {
  public:
    JustSayZeroFilter(const ZeroPredicate& predicate, Limits limits)
        : predicate_(predicate), limits_(std::move(limits)) {}

    void apply(LayerId, std::int64_t, arith::PixelCodes codes) const override {
        suppress(codes, [&](std::int32_t channel) { return limits_.hi[static_cast<std::size_t>(channel)]; });
    }

    std::uint32_t threshold_bits(std::int64_t, std::int32_t channel) const override {
        return static_cast<std::uint32_t>(
            std::clamp(limits_.hi[static_cast<std::size_t>(channel)], 0, kMostScore));
    }

    void apply_struck(LayerId, std::int64_t pixel, arith::PixelCodes codes,
                      const std::vector<std::uint32_t>& masks) const override {
        suppress(codes, [&](std::int32_t channel) {
            const std::uint32_t mask = masks[static_cast<std::size_t>(channel) + 1];
            return static_cast<std::int32_t>((threshold_bits(pixel, channel) ^ mask) & kMostScore);
        });
    }

  private:
    static constexpr std::int32_t kMostScore = (1 << kScoreBits) - 1;

    template <class Limit>
    void suppress(arith::PixelCodes codes, Limit limit) const {
        const std::int32_t last = codes.channels - 1;
        const std::int32_t first = codes[0];
        std::int32_t before = codes[last];
        for (std::int32_t channel = 0; channel <= last; ++channel) {
            const std::int32_t code = codes[channel];
            const std::int32_t behind = channel == last ? first : codes[channel + 1];
            if (predicate_.score(before, code, behind) > limit(channel)) {
                codes[channel] = 0;
            }
            before = code;
        }
    }

    ZeroPredicate predicate_;
    Limits limits_;
};

std::vector<std::string> predicate_names() {
    std::vector<std::string> names;
    for (const ZeroPredicate& predicate : zero_predicates()) {
        names.emplace_back(predicate.name);
    }
    return names;
}

}  // namespace

const std::vector<ZeroPredicate>& zero_predicates() {
    static const std::vector<ZeroPredicate> table = {
        {"peak", "above both neighbours by more than on any calibration image", peak},
        {"isolated", "above what calibration images show between two zeros", isolated},
    };
    return table;
}

const ZeroPredicate& zero_predicate(const std::string& name) {
    for (const ZeroPredicate& predicate : zero_predicates()) {
        if (name == predicate.name) {
            return predicate;
        }
    }
    throw std::out_of_range("unknown predicate " + name);
}

void widen_scores(const ZeroPredicate& predicate, const workloads::Shape& shape,
                  const workloads::Codes& output, Limits& limits) {
    limits.hi.resize(static_cast<std::size_t>(shape.channels));
    const auto code = [&](std::int64_t channel, std::int64_t pixel) {
        const std::int64_t wrapped = (channel + shape.channels) % shape.channels;
        return output[static_cast<std::size_t>(wrapped * shape.plane() + pixel)];
    };
    for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
        std::int32_t& most = limits.hi[static_cast<std::size_t>(channel)];
        for (std::int64_t pixel = 0; pixel < shape.plane(); ++pixel) {
            most = std::max(most, predicate.score(code(channel - 1, pixel), code(channel, pixel),
                                                  code(channel + 1, pixel)));
        }
    }
}

std::shared_ptr<const arith::PixelFilter> just_say_zero_filter(const ZeroPredicate& predicate,
                                                               Limits limits) {
    return std::make_shared<JustSayZeroFilter>(predicate, std::move(limits));
}

void parse_just_say_zero(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.just_say_zero) {
        object.fail("part", "is given twice");
    }
    JustSayZeroPart part;
    part.predicate = object.choice_or("predicate", part.predicate, predicate_names());
    part.calibration_images = parse_calibration_images(object);
    part.buffer_bytes = parse_buffer_bytes(object);
    policy.just_say_zero = part;
}

std::vector<nlohmann::json> write_just_say_zero(const PartInfo&, const Policy& policy) {
    if (!policy.just_say_zero) {
        return {};
    }
    const JustSayZeroPart& part = *policy.just_say_zero;
    return {nlohmann::json{{"predicate", part.predicate},
                           {"calibration_images", part.calibration_images},
                           {"buffer_bytes", part.buffer_bytes}}};
}

}  // namespace fluence::protect
