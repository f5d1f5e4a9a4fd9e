// A positive real factor as the requantiser holds it; scales of fixed-point formats.
#pragma once

#include <cstdint>

namespace fluence::models {

struct FixedPoint {
    std::int32_t multiplier = 0;
    std::uint8_t shift = 0;  // 1 … 62
};

// multiplier / 2^shift nearest to `factor` with a multiplier below 2^bits (bits in 2 … 31): relative error
// at most 2^−bits, unless the factor is below 2^(bits−63), where the shift ends at 62 and precision is lost.
// `factor`: 0 ≤ factor < 2^(bits−1); throws std::domain_error otherwise.
FixedPoint fixed_point(double factor, int bits = 31);

// The least 2^n such that lo and hi, as multiples of it, round to integers of `bits` bits in two's
// complement; 1 where both are 0.
double power_of_two_scale(double lo, double hi, int bits);

}  // namespace fluence::models
