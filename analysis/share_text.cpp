#include "analysis/share_text.h"

#include <cstdio>

namespace fluence::analysis {

std::string share_line(const std::string& name, const Estimate& share) {
    char text[128];
    std::snprintf(text, sizeof text, "  %-20s %8lld / %-8lld %9.4f %%   [%.4f, %.4f]\n", name.c_str(),
                  static_cast<long long>(share.count), static_cast<long long>(share.total), 100 * share.rate,
                  100 * share.interval.low, 100 * share.interval.high);
    return text;
}

nlohmann::json share_json(const Estimate& share) {
    return {{"count", share.count},
            {"total", share.total},
            {"low", share.interval.low},
            {"high", share.interval.high}};
}

}  // namespace fluence::analysis
