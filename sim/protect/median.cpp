#include "sim/protect/median.h"

#include <algorithm>

#include "sim/protect/parts.h"

namespace fluence::protect {
namespace {

std::int32_t median_of(std::int32_t a, std::int32_t b, std::int32_t c) {
    return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

class MedianFilter : public arith::PixelFilter {
  public:
    void apply(LayerId, std::int64_t, arith::PixelCodes codes) const override {
        const std::int32_t last = codes.channels - 1;
        const std::int32_t first = codes[0];
        std::int32_t before = codes[last];
        for (std::int32_t channel = 0; channel <= last; ++channel) {
            const std::int32_t code = codes[channel];
            codes[channel] = median_of(before, code, channel == last ? first : codes[channel + 1]);
            before = code;
        }
    }
};

}  // namespace

std::shared_ptr<const arith::PixelFilter> median_filter() {
    return std::make_shared<MedianFilter>();
}

void parse_median(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.median) {
        object.fail("part", "is given twice");
    }
    policy.median = MedianPart{parse_buffer_bytes(object)};
}

std::vector<nlohmann::json> write_median(const PartInfo&, const Policy& policy) {
    if (!policy.median) {
        return {};
    }
    return {nlohmann::json{{"buffer_bytes", policy.median->buffer_bytes}}};
}

}  // namespace fluence::protect
