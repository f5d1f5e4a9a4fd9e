// Arrays with travelling control: what their registers do beyond single tiles, which tests/crosscheck holds
// against measurements.
#include <gtest/gtest.h>

#include "sim/array/gemmini_array.h"
#include "sim/array/tiny_tpu_array.h"
#include "sim/dataflow/registers.h"
#include "sim/dataflow/space_time.h"
#include "tests/array/fold_sequence.h"

namespace fluence::test {
namespace {

using traces::SiteKind;

constexpr std::uint64_t kSeed = 20261123;

std::unique_ptr<array::ArrayModel> array_with(const ArrayConfig& config,
                                              const array::TravellingMoves& moves) {
    if (config.operand_register == OperandRegister::input) {
        return std::make_unique<array::GemminiArray>(config, moves);
    }
    return std::make_unique<array::TinyTpuArray>(config, moves);
}

TEST(Travelling, BothSetsOfLoopsMoveEveryRegisterAlikeUnderAnyUpsets) {
    for (std::uint64_t sample = 0; sample < 300 && !testing::Test::HasFailure(); ++sample) {
        RandomStream random(kSeed, RandomPurpose::testing, sample);
        const FoldSequence sequence =
            random_sequence(random, random_travelling_array(random), Operands::any_bits);
        SCOPED_TRACE("seed " + std::to_string(kSeed) + " sample " + std::to_string(sample) + ": " +
                     sequence.description());
        const auto plain = array_with(sequence.config, array::kPortableTravellingMoves);
        const auto best = array_with(sequence.config, array::best_travelling_moves());
        for (std::size_t i = 0; i < sequence.folds.size(); ++i) {
            for (array::ArrayModel* model : {plain.get(), best.get()}) {
                model->enqueue(static_cast<std::int32_t>(i), sequence.folds[i].times,
                               sequence.folds[i].codes);
            }
        }
        const std::vector<dataflow::RegisterBank> banks = dataflow::register_banks(sequence.config);
        Feeder plain_feeder(sequence), best_feeder(sequence);
        for (Cycle t = 0; t <= sequence.end; ++t) {
            plain_feeder.begin_edge(t);
            best_feeder.begin_edge(t);
            plain->edge(t, plain_feeder);
            best->edge(t, best_feeder);
            for (const dataflow::RegisterBank& bank : banks) {
                const auto struck =
                    static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(bank.units)));
                const std::uint32_t mask = random.below(8) == 0 ? 1U << random.below(bank.bits) : 0;
                for (std::int64_t unit = 0; unit < bank.units; ++unit) {
                    ASSERT_EQ(plain->read(bank.kind, unit), best->read(bank.kind, unit))
                        << name_of(bank.kind) << " " << unit << " after edge " << t;
                    ASSERT_EQ(plain->read(bank.kind, unit) & ~(~0U >> (32 - bank.bits)), 0U);
                }
                plain->flip(bank.kind, struck, mask);
                best->flip(bank.kind, struck, mask);
            }
        }
        ASSERT_EQ(plain_feeder.sorted_results(), best_feeder.sorted_results());
    }
}

// Gemmini: from the first preloaded row to the last result, F folds of T ≥ R steps take R + F·T + R + C − 1
// cycles: every preload but the first rides behind the stream before. Worked out by hand for 4×4 and T = 6.
TEST(Travelling, PreloadsRideBehindTheStreamBefore) {
    ArrayConfig config;
    config.rows = config.cols = 4;
    config.dataflow = "weight-stationary";
    config.control = ArrayControl::travelling;
    config.operand_register = OperandRegister::input;
    config.shadow_weights = true;
    const dataflow::SpaceTimeMap map(config);
    traces::Fold f;
    f.pixels = 6;
    f.terms = f.channels = f.used_rows = f.used_cols = 4;
    f.preload = 0;
    f.stream = map.stream_after_preload(0);
    EXPECT_EQ(f.stream, 4);
    for (int folds = 2; folds <= 3; ++folds) {
        const traces::Fold before = f;
        f.preload = map.preload_after(before);
        EXPECT_EQ(f.preload, before.stream + 2);
        f.stream = std::max(map.stream_after_preload(f.preload), map.stream_after(before, 6));
        EXPECT_EQ(f.stream, before.stream + 6);
    }
    EXPECT_EQ(map.fold_end(f, false), 4 + 3 * 6 + 4 + 4 - 1);
}

// tiny-tpu: the first row's weights may change when its last column has multiplied for the last time.
TEST(Travelling, WithoutShadowsThePreloadFollowsTheStreamDiagonally) {
    ArrayConfig config;
    config.rows = 3;
    config.cols = 5;
    config.dataflow = "weight-stationary";
    config.control = ArrayControl::travelling;
    const dataflow::SpaceTimeMap map(config);
    traces::Fold f;
    f.pixels = 7;
    f.stream = 10;
    EXPECT_EQ(map.preload_after(f), 10 + 7 - 1 + 5 - 1);
    EXPECT_EQ(map.stream_after_preload(20), 23);
}

// One PE: 200·3, with one bit of the operand inverted while the PE multiplies it.
std::int32_t product_with_flip(const char* dataflow, array::ActivationCodes codes, SiteKind bank,
                               std::uint32_t mask) {
    FoldSequence sequence;
    ArrayConfig& config = sequence.config;
    config.rows = config.cols = 1;
    config.dataflow = dataflow;
    config.control = ArrayControl::travelling;
    config.operand_register = OperandRegister::input;
    config.shadow_weights = true;
    GemmFold f;
    f.codes = codes;
    f.a = {codes == array::ActivationCodes::unsigned_codes ? 200 : -56};
    f.b = {3};
    f.times.pixels = f.times.terms = f.times.channels = 1;
    f.times.used_rows = f.times.used_cols = 1;
    f.times.preload = 1;
    f.times.stream = 2;
    sequence.folds = {f};
    const std::unique_ptr<array::ArrayModel> model = array::make_array(config);
    model->enqueue(0, f.times, f.codes);
    Feeder feeder(sequence);
    for (Cycle t = 0; t <= 6; ++t) {
        feeder.begin_edge(t);
        model->edge(t, feeder);
        if (t == 2) {
            EXPECT_EQ(model->read(bank, 0), 200U);
            model->flip(bank, 0, mask);
        }
    }
    const std::vector<Result> results = feeder.sorted_results();
    return results.size() == 1 ? results[0].sum : -1;
}

TEST(Travelling, EightBitRegistersHoldRawCodes) {
    const auto raw = array::ActivationCodes::unsigned_codes;
    const auto with_sign = array::ActivationCodes::signed_codes;
    for (const auto& [dataflow, bank] : {std::pair("weight-stationary", SiteKind::pe_activation),
                                         std::pair("input-stationary", SiteKind::pe_bank_2)}) {
        EXPECT_EQ(product_with_flip(dataflow, raw, bank, 0), 600);
        EXPECT_EQ(product_with_flip(dataflow, raw, bank, 1), 603);
        EXPECT_EQ(product_with_flip(dataflow, raw, bank, 128), 72 * 3);
        EXPECT_EQ(product_with_flip(dataflow, with_sign, bank, 0), -168);
        EXPECT_EQ(product_with_flip(dataflow, with_sign, bank, 1), -165);
        EXPECT_EQ(product_with_flip(dataflow, with_sign, bank, 128), 72 * 3);
    }
}

TEST(Travelling, SitesThatTheArrayDoesNotHaveAreRefused) {
    ArrayConfig config;
    config.rows = 3;
    config.cols = 2;
    config.dataflow = "output-stationary";
    config.control = ArrayControl::travelling;
    config.operand_register = OperandRegister::input;
    const std::unique_ptr<array::ArrayModel> model = array::make_array(config);
    EXPECT_EQ(model->read(SiteKind::pe_chain, 7), 0U);                    // out_c
    EXPECT_THROW(model->read(SiteKind::pe_chain, 8), std::out_of_range);  // (3 + 1) × 2
    EXPECT_THROW(model->read(SiteKind::pe_bank_1, 6), std::out_of_range);
    EXPECT_THROW(model->read(SiteKind::pe_psum, 0), std::out_of_range);
    EXPECT_THROW(model->flip(SiteKind::pe_valid, 0, 2), std::out_of_range);
    EXPECT_THROW(model->flip(SiteKind::pe_activation, 0, 256), std::out_of_range);
}

}  // namespace
}  // namespace fluence::test
