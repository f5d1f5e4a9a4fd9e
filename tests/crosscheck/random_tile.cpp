#include "tests/crosscheck/random_tile.h"

namespace fluence::test {
namespace {

int between(RandomStream& random, int least, int most) {
    return least + static_cast<int>(random.below(static_cast<std::uint64_t>(most - least + 1)));
}

int fitting(RandomStream& random, int edge) {
    return random.below(2) == 0 ? edge : between(random, 1, edge);
}

std::vector<std::int32_t> random_operands(RandomStream& random, std::int64_t count, int bits) {
    std::vector<std::int32_t> values(static_cast<std::size_t>(count));
    for (std::int32_t& value : values) {
        value = static_cast<std::int32_t>(random.next32()) >> (32 - bits);
    }
    return values;
}

ArrayConfig random_array(RandomStream& random, DesignUnderTest design) {
    ArrayConfig array;
    array.rows = between(random, 1, 7);
    array.cols = random.below(8) == 0 ? between(random, 8, 19) : between(random, 1, 7);
    const bool sums_stay =
        design == DesignUnderTest::gemmini_output_stationary || design == DesignUnderTest::axis;
    array.dataflow = sums_stay ? "output-stationary" : "weight-stationary";
    array.control = design == DesignUnderTest::axis ? ArrayControl::central : ArrayControl::travelling;
    const bool mesh = design == DesignUnderTest::gemmini_weight_stationary ||
                      design == DesignUnderTest::gemmini_output_stationary;
    array.operand_register = mesh ? OperandRegister::input : OperandRegister::output;
    array.shadow_weights = design == DesignUnderTest::gemmini_weight_stationary;
    array.operand_bits = mesh && random.below(2) == 0 ? 32 : 8;
    array.accumulator_bits = random.below(3) == 0 ? between(random, 16, 31) : 32;
    if (design == DesignUnderTest::axis) {
        array.skew = Skew::internal;
        array.multiplier_stages = between(random, 1, 4);
        array.accumulator_stages = between(random, 1, 4);
    }
    return array;
}

}  // namespace

std::string name_of(DesignUnderTest design) {
    switch (design) {
        case DesignUnderTest::tiny_tpu:
            return "tiny_tpu";
        case DesignUnderTest::gemmini_weight_stationary:
            return "gemmini_ws";
        case DesignUnderTest::gemmini_output_stationary:
            return "gemmini_os";
        case DesignUnderTest::axis:
            return "axis_os";
    }
    return "";
}

crosscheck::Tile random_tile(RandomStream& random, DesignUnderTest design) {
    crosscheck::Tile tile;
    tile.array = random_array(random, design);
    tile.mirrored = design == DesignUnderTest::axis;
    const int steps = between(random, 1, random.below(2) == 0 ? 4 : 20);
    tile.m = tile.output_stationary() ? fitting(random, tile.array.rows) : steps;
    tile.k = tile.output_stationary() ? steps : fitting(random, tile.array.rows);
    tile.n = fitting(random, tile.array.cols);
    tile.stream = (tile.travelling() ? tile.array.rows : 0) + between(random, 0, 3);
    // Wider registers get wider operands now and then: sums that overflow.
    const int bits = random.below(2) == 0 ? tile.array.operand_bits : 8;
    tile.a = random_operands(random, tile.m * tile.k, bits);
    tile.b = random_operands(random, tile.k * tile.n, bits);
    return tile;
}

std::string description(const crosscheck::Tile& tile) {
    return tile.array.dataflow + " " + std::to_string(tile.array.rows) + "x" +
           std::to_string(tile.array.cols) + " LM " + std::to_string(tile.array.multiplier_stages) + " LA " +
           std::to_string(tile.array.accumulator_stages) + " operands " +
           std::to_string(tile.array.operand_bits) + " sums " + std::to_string(tile.array.accumulator_bits) +
           ", M " + std::to_string(tile.m) + " K " + std::to_string(tile.k) + " N " + std::to_string(tile.n) +
           ", stream at " + std::to_string(tile.stream);
}

}  // namespace fluence::test
