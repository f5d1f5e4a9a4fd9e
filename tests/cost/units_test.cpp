#include "sim/cost/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/core/error.h"
#include "sim/cost/ecc.h"
#include "sim/cost/logic.h"
#include "sim/cost/sram.h"

namespace {

using fluence::GateEquivalents;
using fluence::InputError;
using fluence::cost::unit_cost;
using fluence::cost::unit_registry;
using fluence::cost::UnitInfo;

// A name of the row with its parameter 16 and the width in place.
std::string sample_name(const UnitInfo& row, int width) {
    std::string name;
    for (const char* c = row.pattern; *c != '\0'; ++c) {
        name += *c == '#' ? "16" : *c == 'W' ? std::to_string(width) : std::string(1, *c);
    }
    return name;
}

// Where a Hsiao code gets its next check bit its columns become lighter: the word costs less, in gates.
bool may_shrink(const UnitInfo& row) {
    return std::string(row.pattern).rfind("secded_hsiao", 0) == 0;
}

TEST(Units, AreasAreSmoothAndGrowWithTheWidth) {
    for (const UnitInfo& row : unit_registry()) {
        double before = 0;
        for (int width = row.min_width; width <= std::min(row.max_width, 200); ++width) {
            const double area = unit_cost(sample_name(row, width), width).area.count();
            EXPECT_GT(area, may_shrink(row) ? 0.8 * before : before) << row.pattern << " " << width;
            if (width > 8 && row.max_width > row.min_width) {
                EXPECT_LT(area / before, 1.35) << row.pattern << " " << width << ": no steps";
            }
            before = area;
        }
    }
}

TEST(Units, WidthsOutsideTheTableWork) {
    // A bit of a register is a flip-flop, whatever the width.
    EXPECT_NEAR(unit_cost("dff", 100).area.count(), 100 * unit_cost("dff", 1).area.count(), 1e-9);
    // A multiplier grows with the square, an adder linearly; within what the ends of both take away.
    EXPECT_NEAR(unit_cost("mul_s32x32", 32).area / unit_cost("mul_s16x16", 16).area, 4.0, 0.1);
    EXPECT_NEAR(unit_cost("adder", 128).area / unit_cost("adder", 64).area, 2.0, 0.05);
    // The width that is asked for counts, not the one in the name.
    EXPECT_EQ(unit_cost("csum_tree_16x32", 24).area.count(), unit_cost("csum_tree_16x24", 24).area.count());
}

TEST(Units, AdderTreeCountsItsAdders) {
    // Three inputs of 8 bits: one adder of 8 bits, then one of 9.
    const double bit = fluence::cost::adder_tree(2, 1).count();
    EXPECT_NEAR(fluence::cost::adder_tree(3, 8).count(), bit * 17, 1e-9);
    EXPECT_NEAR(fluence::cost::adder_tree(4, 8).count(), bit * (2 * 8 + 9), 1e-9);
    EXPECT_EQ(fluence::cost::adder_tree(1, 8).count(), 0);
}

TEST(Units, UnknownNamesListTheValidOnes) {
    try {
        unit_cost("alu", 8);
        FAIL() << "no error";
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("\"alu\""));
        EXPECT_THAT(error.what(), testing::HasSubstr("pe_ws_int8_acc#"));
    }
    EXPECT_THROW(unit_cost("dff", 0), InputError);
    EXPECT_THROW(unit_cost("fp32_mul", 16), InputError);
    EXPECT_THROW(unit_cost("pe_ws_int8_acc0", 8), InputError);
    EXPECT_THROW(unit_cost("secded_hsiao_enc", 129), InputError);
}

TEST(Sram, CheckColumnsCostLessThanProportionally) {
    const double narrow = fluence::cost::sram(256, 32).count();
    const double wide = fluence::cost::sram(256, 48).count();
    EXPECT_GT(wide / narrow, 1.3);
    EXPECT_LT(wide / narrow, 1.5);
}

TEST(Sram, DeepMemoriesAreMadeOfSeveralMacros) {
    EXPECT_NEAR(fluence::cost::sram(16384, 32) / fluence::cost::sram(8192, 32), 2.0, 1e-9);
    EXPECT_EQ(fluence::cost::sram(0, 32).count(), 0);
    EXPECT_NEAR(fluence::cost::sram(8192, 32).count() * 7.2576, 939914.93, 0.1 * 939914.93);
}

TEST(Ecc, CheckBitsAreTheLeastThatHold) {
    for (int k = 4; k <= 128; ++k) {
        const int r = fluence::cost::hamming_check_bits(k);
        EXPECT_GE(1 << r, k + r + 1);
        EXPECT_LT(1 << (r - 1), k + r);
    }
}

}  // namespace
