// The array against a second model, one struct a PE, side by side: every register after every edge, with bits
// inverted in any register at any cycle.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/array/central_array.h"
#include "sim/dataflow/registers.h"
#include "tests/array/fold_sequence.h"
#include "tests/array/naive_array.h"
#include "tests/support/environment.h"

namespace fluence::test {
namespace {

using dataflow::RegisterBank;

struct Flip {
    traces::SiteKind bank{};
    std::int64_t unit = 0;
    std::uint32_t mask = 0;
};

Flip random_flip(RandomStream& random, const std::vector<RegisterBank>& banks) {
    const RegisterBank* bank = nullptr;
    do {
        bank = &banks[random.below(banks.size())];
    } while (bank->units == 0);
    Flip flip;
    flip.bank = bank->kind;
    flip.unit = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(bank->units)));
    flip.mask = std::uint32_t{1} << random.below(static_cast<std::uint64_t>(bank->bits));
    if (random.below(2) == 0) {
        flip.mask |= random.next32() & (~std::uint32_t{0} >> (32 - bank->bits));
    }
    return flip;
}

std::string first_difference(const array::ArrayModel& model, NaiveArray& naive,
                             const std::vector<RegisterBank>& banks) {
    for (const RegisterBank& bank : banks) {
        for (std::int64_t unit = 0; unit < bank.units; ++unit) {
            const std::uint32_t has = model.read(bank.kind, unit);
            const std::uint32_t should = naive.at(bank.kind, unit);
            if (has != should) {
                return std::string(name_of(bank.kind)) + " " + std::to_string(unit) + " holds " +
                       std::to_string(has) + ", should hold " + std::to_string(should);
            }
        }
    }
    return "";
}

// The naive model moves at every edge; the other one is left alone where it says that nothing moves in it.
void step_side_by_side(const FoldSequence& sequence, RandomStream& random, const array::Moves& moves) {
    const std::vector<RegisterBank> banks = dataflow::register_banks(sequence.config);
    array::CentralArray model(sequence.config, moves);
    NaiveArray naive(sequence);
    Feeder feeder(sequence), naive_feeder(sequence);
    for (std::size_t i = 0; i < sequence.folds.size(); ++i) {
        model.enqueue(static_cast<std::int32_t>(i), sequence.folds[i].times, sequence.folds[i].codes);
    }
    const std::uint64_t rarity = 1 + random.below(40);
    for (Cycle t = 0; t <= sequence.end; ++t) {
        feeder.begin_edge(t);
        naive_feeder.begin_edge(t);
        const bool enters = std::any_of(sequence.folds.begin(), sequence.folds.end(),
                                        [&](const GemmFold& f) { return f.times.preload == t; });
        if (enters || !model.idle()) {
            model.edge(t, feeder);
        }
        naive.edge(t, naive_feeder);
        ASSERT_EQ(first_difference(model, naive, banks), "") << "after edge " << t;
        while (random.below(rarity) == 0 && random.below(4) != 0) {
            const Flip flip = random_flip(random, banks);
            model.flip(flip.bank, flip.unit, flip.mask);
            naive.at(flip.bank, flip.unit) ^= flip.mask;
        }
    }
    ASSERT_EQ(feeder.sorted_results(), naive_feeder.sorted_results());
}

TEST(Stepping, EveryRegisterIsThatOfTheNaiveModelUnderAnyUpsets) {
    const std::uint64_t seed = environment("FLUENCE_TEST_SEED", 20261122);
    const std::uint64_t samples = environment("FLUENCE_TEST_ARRAYS", 1200);
    for (std::uint64_t sample = 0; sample < samples && !testing::Test::HasFailure(); ++sample) {
        RandomStream random(seed, RandomPurpose::testing, sample);
        const ArrayConfig config = random_array(random);
        const Operands operands = random.below(2) == 0 ? Operands::codes : Operands::any_bits;
        const FoldSequence sequence = random_sequence(random, config, operands);
        SCOPED_TRACE("FLUENCE_TEST_SEED=" + std::to_string(seed) + " sample " + std::to_string(sample) +
                     ": " + sequence.description());
        step_side_by_side(sequence, random, sample % 4 == 0 ? array::kPortableMoves : array::best_moves());
    }
}

TEST(Stepping, SitesThatTheArrayDoesNotHaveAreRefused) {
    ArrayConfig config;
    config.rows = 3;
    config.cols = 2;
    config.dataflow = "weight-stationary";
    config.operand_register = OperandRegister::input;
    config.accumulator_bits = 20;
    const std::unique_ptr<array::ArrayModel> model = array::make_array(config);
    using traces::SiteKind;
    EXPECT_EQ(model->read(SiteKind::pe_psum, 7), 0U);
    EXPECT_THROW(model->read(SiteKind::pe_psum, 8), std::out_of_range);  // (3 + 1) × 2
    EXPECT_THROW(model->read(SiteKind::pe_weight, 6), std::out_of_range);
    EXPECT_THROW(model->read(SiteKind::pe_weight, -1), std::out_of_range);
    EXPECT_THROW(model->read(SiteKind::pe_weight_shadow, 0), std::out_of_range);
    EXPECT_THROW(model->read(SiteKind::dram, 0), std::out_of_range);
    EXPECT_THROW(model->flip(SiteKind::pe_product, 0, 1), std::out_of_range);
    EXPECT_THROW(model->flip(SiteKind::pe_psum, 0, 1U << 20U), std::out_of_range);
    EXPECT_THROW(model->flip(SiteKind::pe_activation, 0, 256), std::out_of_range);
    model->flip(SiteKind::pe_activation, 5, 255);
    EXPECT_EQ(model->read(SiteKind::pe_activation, 5), 255U);
}

}  // namespace
}  // namespace fluence::test
