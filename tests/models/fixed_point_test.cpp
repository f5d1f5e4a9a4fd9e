#include "models/fixed_point.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "sim/core/random.h"

namespace fluence::models {
namespace {

double value_of(const FixedPoint& f) {
    return std::ldexp(static_cast<double>(f.multiplier), -int{f.shift});
}

TEST(FixedPoint, PowersOfTwoAreExact) {
    for (int exponent = -62; exponent <= 29; ++exponent) {
        EXPECT_EQ(value_of(fixed_point(std::ldexp(1.0, exponent))), std::ldexp(1.0, exponent)) << exponent;
    }
}

TEST(FixedPoint, OneIsHalfOfTheRange) {
    const FixedPoint one = fixed_point(1);
    EXPECT_EQ(one.multiplier, 1 << 30);
    EXPECT_EQ(one.shift, 30);
}

TEST(FixedPoint, IsNearestWithAllBitsUsed) {
    RandomStream random(7, RandomPurpose::testing, 0);
    for (int i = 0; i < 10000; ++i) {
        const int bits = 8 + static_cast<int>(random.below(24));
        const double factor = std::ldexp(1 + random.uniform(), static_cast<int>(random.below(26)) - 24);
        if (factor >= std::ldexp(1.0, bits - 1)) {
            continue;
        }
        const FixedPoint f = fixed_point(factor, bits);
        EXPECT_GE(f.multiplier, 1 << (bits - 2));
        EXPECT_LT(std::int64_t{f.multiplier}, std::int64_t{1} << bits);
        EXPECT_GE(f.shift, 1);
        EXPECT_LE(f.shift, 62);
        EXPECT_LE(std::abs(value_of(f) / factor - 1), std::ldexp(1.0, -bits))
            << factor << " in " << bits << " bits";
    }
}

TEST(FixedPoint, RoundingUpToAPowerOfTwoStaysInRange) {
    const FixedPoint f = fixed_point(1 - 1e-12);
    EXPECT_EQ(f.multiplier, 1 << 30);
    EXPECT_EQ(f.shift, 30);
    EXPECT_GT(fixed_point(std::nextafter(std::ldexp(1.0, 30), 0)).multiplier, 0);
}

TEST(FixedPoint, TinyFactorsLosePrecisionNotSign) {
    EXPECT_EQ(fixed_point(0).multiplier, 0);
    EXPECT_EQ(fixed_point(std::ldexp(1.0, -62)).multiplier, 1);
    EXPECT_EQ(fixed_point(1e-300).multiplier, 0);
    EXPECT_LE(fixed_point(1e-300).shift, 62);
}

TEST(FixedPoint, RefusesWhatHasNoSuchForm) {
    EXPECT_THROW(fixed_point(-1), std::domain_error);
    EXPECT_THROW(fixed_point(std::ldexp(1.0, 30)), std::domain_error);
    EXPECT_THROW(fixed_point(std::nan("")), std::domain_error);
}

}  // namespace
}  // namespace fluence::models
