#include "models/fixed_point.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace fluence::models {
namespace {

constexpr int kMaxShift = 62;

}  // namespace

FixedPoint fixed_point(double factor, int bits) {
    if (!(factor >= 0) || factor >= std::ldexp(1.0, bits - 1)) {
        throw std::domain_error("fixed_point: factor out of range");
    }
    if (factor == 0) {
        return {0, 1};
    }
    int exponent = 0;
    std::frexp(factor, &exponent);  // 2^(exponent−1) ≤ factor < 2^exponent
    int shift = std::min(bits - exponent, kMaxShift);
    std::int64_t multiplier = std::llround(std::ldexp(factor, shift));
    if (multiplier == std::int64_t{1} << bits) {  // rounded up to the next power of two
        multiplier >>= 1;
        --shift;
    }
    if (shift < 1) {  // only where the rounding above met the largest factor
        multiplier = (std::int64_t{1} << bits) - 1;
        shift = 1;
    }
    return {static_cast<std::int32_t>(multiplier), static_cast<std::uint8_t>(shift)};
}

double power_of_two_scale(double lo, double hi, int bits) {
    const double end = std::ldexp(1.0, bits - 1);
    const double reach = std::max(std::abs(lo), std::abs(hi)) / end;
    if (!std::isnormal(reach)) {
        return 1;
    }
    int exponent = 0;
    std::frexp(reach, &exponent);
    double scale = std::ldexp(1.0, exponent - 1);  // at most `reach`
    while (std::nearbyint(hi / scale) > end - 1 || std::nearbyint(lo / scale) < -end) {
        scale *= 2;
    }
    return scale;
}

}  // namespace fluence::models
