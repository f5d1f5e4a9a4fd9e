// Compute cycles against the closed forms of two other simulators, and against a fold at a time.
#include "sim/dataflow/compute_cycles.h"

#include <gtest/gtest.h>

#include "sim/core/config_search.h"
#include "sim/core/cycle_numbering.h"
#include "sim/core/random.h"

namespace fluence::dataflow {
namespace {

constexpr std::uint64_t kSeed = 41;

AcceleratorConfig preset(const std::string& name) {
    return read_accelerator(find_config("accelerators", name));
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

// Draws extents around the size of the array, where partial folds are, and far above.
std::int64_t extent(RandomStream& stream) {
    const std::uint64_t limit = stream.below(2) == 0 ? 40 : 3000;
    return 1 + static_cast<std::int64_t>(stream.below(limit));
}

// SCALE-Sim: ⌈Sr/R⌉·⌈Sc/C⌉ full folds of 2R + C + T − 2 (weights or inputs stay) or T + R + C − 2 (sums
// stay).
TEST(ComputeCycles, of_scale_sim_are_its_closed_form) {
    AcceleratorConfig config = preset("scale-sim");
    EXPECT_EQ(read_first_cycle(find_config("accelerators", "scale-sim")), 0);
    for (std::uint64_t sample = 0; sample < 300; ++sample) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + ", sample " + std::to_string(sample));
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const Gemm g{extent(stream), extent(stream), extent(stream)};
        const auto r = static_cast<std::int64_t>(1 + stream.below(40));
        const auto c = static_cast<std::int64_t>(1 + stream.below(40));
        config.array.rows = static_cast<int>(r);
        config.array.cols = static_cast<int>(c);
        config.array.dataflow = "weight-stationary";
        ComputeCycles result = compute_cycles(config.array, g);
        EXPECT_EQ(result.folds, ceil_div(g.k, r) * ceil_div(g.n, c));
        EXPECT_EQ(result.cycles, result.folds * (2 * r + c + g.m - 2));
        config.array.dataflow = "input-stationary";
        result = compute_cycles(config.array, g);
        EXPECT_EQ(result.folds, ceil_div(g.k, r) * ceil_div(g.m, c));
        EXPECT_EQ(result.cycles, result.folds * (2 * r + c + g.n - 2));
        config.array.dataflow = "output-stationary";
        result = compute_cycles(config.array, g);
        EXPECT_EQ(result.folds, ceil_div(g.m, r) * ceil_div(g.n, c));
        EXPECT_EQ(result.cycles, result.folds * (g.k + r + c - 2));
    }
}

// STONNE: a fold of r rows and c columns in use takes K + r + c + 3, less 1 where r = 1 or c = 1.
TEST(ComputeCycles, of_stonne_are_summed_over_actual_folds) {
    AcceleratorConfig config = preset("stonne-os");
    EXPECT_EQ(read_first_cycle(find_config("accelerators", "stonne-os")), 1);
    for (std::uint64_t sample = 0; sample < 200; ++sample) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + ", sample " + std::to_string(sample));
        RandomStream stream(kSeed, RandomPurpose::testing, 1000 + sample);
        const Gemm g{1 + static_cast<std::int64_t>(stream.below(90)),
                     1 + static_cast<std::int64_t>(stream.below(90)), extent(stream)};
        const auto rows = static_cast<std::int64_t>(1 + stream.below(20));
        const auto cols = static_cast<std::int64_t>(1 + stream.below(20));
        config.array.rows = static_cast<int>(rows);
        config.array.cols = static_cast<int>(cols);
        std::int64_t expected = 0;
        for (std::int64_t m = 0; m < g.m; m += rows) {
            for (std::int64_t n = 0; n < g.n; n += cols) {
                const std::int64_t r = std::min(rows, g.m - m);
                const std::int64_t c = std::min(cols, g.n - n);
                expected += g.k + r + c + 3 - (r == 1 || c == 1 ? 1 : 0);
            }
        }
        EXPECT_EQ(compute_cycles(config.array, g).cycles, expected);
    }
}

// By hand: 4×4, shadow weights, registers at the output; 8 terms × 4 channels: two folds of 10 pixels.
// First: preload 0, stream 5. Second: preload 5 + 4 + 4 − 2 = 11, stream max(16, 5 + 10) = 16,
// end 16 + 9 + 3 + 3 + 1 = 32.
TEST(ComputeCycles, overlap_hides_the_preload) {
    ArrayConfig array{4, 4, "weight-stationary", OperandRegister::output, true};
    EXPECT_EQ(compute_cycles(array, {10, 4, 8}).cycles, 32);
    EXPECT_EQ(compute_cycles(array, {10, 4, 8}).folds, 2);
    // Long streams hide it whole: the second fold streams when the first one has, at 5 + 100.
    EXPECT_EQ(compute_cycles(array, {100, 4, 8}).cycles, 105 + 99 + 3 + 3 + 1);
    array.preload = Preload::serial;
    EXPECT_EQ(compute_cycles(array, {10, 4, 8}).cycles, 2 * (5 + 9 + 3 + 3 + 1));
}

}  // namespace
}  // namespace fluence::dataflow
