// Every row of the reference areas against the formulas.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "sim/cost/sram.h"
#include "sim/cost/units.h"

namespace {

using fluence::cost::sram_macro_um2;
using fluence::cost::unit_cost;
using fluence::cost::UnitCost;

constexpr double kLogicTolerance = 0.15;
constexpr double kSramTolerance = 0.10;

std::vector<std::vector<std::string>> rows_of(const std::string& file) {
    std::ifstream stream(std::string(FLUENCE_TEST_DATA) + "/area/" + file);
    EXPECT_TRUE(stream) << file;
    std::vector<std::vector<std::string>> rows;
    std::string line;
    std::getline(stream, line);  // headings
    while (std::getline(stream, line)) {
        std::istringstream cells(line);
        rows.emplace_back();
        for (std::string cell; std::getline(cells, cell, ',');) {
            rows.back().push_back(cell);
        }
    }
    return rows;
}

TEST(ReferenceArea, EveryUnitIsWithinFifteenPercentOfSynthesis) {
    const auto rows = rows_of("area_units_nangate45.csv");
    EXPECT_GT(rows.size(), 70u);
    for (const auto& row : rows) {
        const UnitCost cost = unit_cost(row[0], std::stoi(row[1]));
        const double reference = std::stod(row[3]);
        EXPECT_NEAR(cost.area.count() / reference, 1.0, kLogicTolerance) << row[0] << " " << row[1];
        EXPECT_EQ(cost.flipflops, std::stoi(row[4])) << row[0] << " " << row[1];
    }
}

// Units of tests/data/area_rtl at widths that the formulas were not fitted to: (unit, width, nand2_eq, ffs).
TEST(ReferenceArea, OtherWidthsAreWithinFifteenPercentOfSynthesis) {
    const auto rows = rows_of("../area_rtl/areas.csv");
    EXPECT_GT(rows.size(), 15u);
    for (const auto& row : rows) {
        const UnitCost cost = unit_cost(row[0], std::stoi(row[1]));
        EXPECT_NEAR(cost.area.count() / std::stod(row[2]), 1.0, kLogicTolerance) << row[0] << " " << row[1];
        EXPECT_EQ(cost.flipflops, std::stoi(row[3])) << row[0] << " " << row[1];
    }
}

TEST(ReferenceArea, EverySramMacroIsWithinTenPercent) {
    const auto rows = rows_of("sram_macros_130nm.csv");
    EXPECT_GE(rows.size(), 18u);
    for (const auto& row : rows) {
        EXPECT_NEAR(sram_macro_um2(std::stoll(row[1]), std::stoi(row[2])) / std::stod(row[4]), 1.0,
                    kSramTolerance)
            << row[0];
    }
}

}  // namespace
