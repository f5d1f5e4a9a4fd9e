// The formulas against the stepped registers: two answers to the same upset that share no code.
#include <gtest/gtest.h>

#include <map>

#include "sim/crosscheck/tile_formulas.h"
#include "sim/dataflow/registers.h"
#include "tests/crosscheck/random_tile.h"
#include "tests/support/environment.h"

namespace fluence::test {
namespace {

using crosscheck::Tile;
using crosscheck::TileUpset;
using traces::Cycle;

constexpr std::uint64_t kSeed = 20261121;
constexpr int kUpsets = 16;  // a tile

class Formulas : public testing::TestWithParam<DesignUnderTest> {
  protected:
    RandomStream stream(std::uint64_t sample) const {
        return {seed_ + static_cast<std::uint64_t>(GetParam()), RandomPurpose::testing, sample};
    }

    const std::uint64_t seed_ = environment("FLUENCE_TEST_SEED", kSeed);
    const std::uint64_t tiles_ = environment("FLUENCE_TEST_TILES", 2000);  // a design
};

TileUpset random_upset(RandomStream& random, const Tile& tile) {
    const std::vector<dataflow::RegisterBank> banks = dataflow::register_banks(tile.array);
    TileUpset upset;
    const dataflow::RegisterBank* bank = nullptr;
    do {
        bank = &banks[random.below(banks.size())];
    } while (bank->units == 0 || traces::is_control(bank->kind));
    upset.bank = bank->kind;
    upset.unit = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(bank->units)));
    upset.mask = 1U << random.below(static_cast<std::uint64_t>(bank->bits));
    if (random.below(4) == 0) {  // several bits
        upset.mask |= random.next32() & (~0U >> (32 - bank->bits));
    }
    upset.cycle = static_cast<Cycle>(random.below(static_cast<std::uint64_t>(tile.fold().end + 3)));
    return upset;
}

TEST_P(Formulas, PredictWhatTheSteppedRegistersDo) {
    std::map<traces::SiteKind, int> alive;
    for (std::uint64_t sample = 0; sample < tiles_; ++sample) {
        RandomStream random = stream(sample);
        const Tile tile = random_tile(random, GetParam());
        const crosscheck::Product golden = plain_product(tile);
        for (int i = 0; i < kUpsets; ++i) {
            const TileUpset upset = random_upset(random, tile);
            const crosscheck::SteppedTile stepped = step_tile(tile, upset);
            alive[upset.bank] += stepped.product != golden ? 1 : 0;
            ASSERT_EQ(predicted_product(tile, upset), stepped.product)
                << "FLUENCE_TEST_SEED=" << seed_ << " sample " << sample << ": " << description(tile) << "; "
                << traces::name_of(upset.bank) << " unit " << upset.unit << " mask " << upset.mask
                << " cycle " << upset.cycle;
        }
    }
    // Every bank that can change anything did so.
    for (const auto& [bank, count] : alive) {
        const bool dead =
            GetParam() == DesignUnderTest::gemmini_weight_stationary && bank == traces::SiteKind::pe_bank_1;
        const bool dead_too =
            GetParam() == DesignUnderTest::gemmini_output_stationary && bank == traces::SiteKind::pe_bank_2;
        EXPECT_EQ(count > 0, !dead && !dead_too) << traces::name_of(bank);
    }
}

TEST_P(Formulas, FaultFreeTilesAreProducts) {
    for (std::uint64_t sample = 0; sample < 300; ++sample) {
        RandomStream random = stream(sample + tiles_);
        const Tile tile = random_tile(random, GetParam());
        ASSERT_EQ(step_tile(tile).product, plain_product(tile)) << description(tile);
    }
}

// The published formulas of the four designs for R×C arrays.
TEST_P(Formulas, LatenciesAreThePublishedOnes) {
    for (std::uint64_t sample = 0; sample < 300; ++sample) {
        RandomStream random = stream(sample + 2 * tiles_);
        const Tile tile = random_tile(random, GetParam());
        const Cycle rows = tile.array.rows, cols = tile.array.cols;
        Cycle streamed = 0, preloaded = rows;
        switch (GetParam()) {
            case DesignUnderTest::tiny_tpu:
                streamed = tile.m + (rows - 1) + (cols - 1);
                break;
            case DesignUnderTest::gemmini_weight_stationary:
                streamed = tile.m + rows + (cols - 1);
                break;
            case DesignUnderTest::gemmini_output_stationary:
                streamed = tile.k + 2 * rows + (cols - 1);
                break;
            case DesignUnderTest::axis:
                streamed = tile.k + rows + 2 * cols - 3 + tile.array.multiplier_stages +
                           tile.array.accumulator_stages;
                preloaded = 0;
                break;
        }
        const crosscheck::SteppedTile stepped = step_tile(tile);
        const crosscheck::TileLatency predicted = predicted_latency(tile);
        EXPECT_EQ(stepped.last_result - tile.stream + 1, streamed) << description(tile);
        EXPECT_EQ(tile.fold().end - tile.stream, streamed) << description(tile);
        EXPECT_EQ(predicted.stream, streamed) << description(tile);
        EXPECT_EQ(predicted.total, streamed + preloaded) << description(tile);
    }
}

TEST(ControlBits, HaveNoFormula) {
    RandomStream random(kSeed, RandomPurpose::testing, 0);
    const Tile tile = random_tile(random, DesignUnderTest::gemmini_weight_stationary);
    EXPECT_FALSE(predicted_product(tile, {traces::SiteKind::pe_valid, 0, 1, 3}).has_value());
    EXPECT_FALSE(predicted_product(tile, {traces::SiteKind::pe_propagate, 0, 1, 3}).has_value());
}

INSTANTIATE_TEST_SUITE_P(Designs, Formulas,
                         testing::Values(DesignUnderTest::tiny_tpu,
                                         DesignUnderTest::gemmini_weight_stationary,
                                         DesignUnderTest::gemmini_output_stationary, DesignUnderTest::axis),
                         [](const auto& design) { return name_of(design.param); });

}  // namespace
}  // namespace fluence::test
