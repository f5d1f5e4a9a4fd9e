#include "sim/core/units.h"

#include <gtest/gtest.h>

#include <type_traits>
#include <utility>

namespace {

using fluence::Bytes;
using fluence::Cycles;

template <class A, class B, class = void>
struct CanAdd : std::false_type {};
template <class A, class B>
struct CanAdd<A, B, std::void_t<decltype(std::declval<A>() + std::declval<B>())>> : std::true_type {};

TEST(Units, AddWithinOneUnitOnly) {
    EXPECT_EQ((Cycles(2) + Cycles(3)).count(), 5);
    static_assert(CanAdd<Cycles, Cycles>::value, "cycles add");
    static_assert(!CanAdd<Cycles, Bytes>::value, "cycles and bytes do not");
    static_assert(!CanAdd<Cycles, int>::value, "nor cycles and plain numbers");
}

TEST(Units, RatioIsAPlainNumber) {
    EXPECT_DOUBLE_EQ(Cycles(3) / Cycles(4), 0.75);
}

}  // namespace
