// The array of words: its results against plain loops, its control against that of the array of codes (words
// of 16 bits and small sums look alike in both), and what single upsets do to floats, worked by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "sim/array/central_array.h"
#include "sim/array/word_array.h"
#include "sim/dataflow/registers.h"
#include "sim/dataflow/space_time.h"
#include "tests/array/fold_sequence.h"
#include "tests/array/word_feeder.h"
#include "tests/support/environment.h"

namespace fluence::test {
namespace {

using array::WordArray;
using dataflow::RegisterBank;
using traces::SiteKind;

std::uint32_t word_of(float value) {
    std::uint32_t word = 0;
    std::memcpy(&word, &value, sizeof word);
    return word;
}

float float_of(std::uint32_t word) {
    float value = 0;
    std::memcpy(&value, &word, sizeof value);
    return value;
}

ArrayConfig random_word_array(RandomStream& random) {
    ArrayConfig config = random_array(random);
    const OperandFormat formats[] = {OperandFormat::fxp16, OperandFormat::fxp32, OperandFormat::bf16,
                                     OperandFormat::fp32};
    config.format = formats[random.below(4)];
    config.operand_bits = 8 * stored_widths(config.format).operand;
    if (is_float(config.format)) {
        config.accumulator_bits = 32;
        config.overflow = Overflow::wrap;
    } else {  // twice the operand's bits, up to four times
        const int least = 2 * config.operand_bits;
        const int choices[] = {least, 2 * least,
                               least + static_cast<int>(random.below(static_cast<std::uint64_t>(least)))};
        config.accumulator_bits = choices[random.below(3)];
    }
    return config;
}

// Words in place of the sequence's codes. Fixed point: large ones, so that sums overflow. Floats: some of any
// bits.
void give_words(FoldSequence& sequence, RandomStream& random) {
    const bool extreme = random.below(3) == 0;
    const int bits = sequence.config.operand_bits;
    const auto word = [&]() -> std::uint32_t {
        if (is_float(sequence.config.format)) {
            const std::uint32_t wide = extreme && random.below(4) == 0
                                           ? random.next32()
                                           : word_of(static_cast<float>(random.normal()));
            return wide >> (32 - bits);
        }
        const std::uint32_t most = (std::uint32_t{1} << (bits - 1)) - 1;
        return extreme ? (random.below(6) == 0 ? most : most + 1) : random.next32() >> (32 - bits);
    };
    for (GemmFold& f : sequence.folds) {
        for (std::vector<std::int32_t>* codes : {&f.a, &f.b}) {
            for (std::int32_t& code : *codes) {
                code = static_cast<std::int32_t>(word());
            }
        }
    }
}

// Σ_k a·b from zero, k ascending; stationary operands: zero products of the unused rows behind.
WideBits plain_sum(const FoldSequence& sequence, const GemmFold& f, std::int64_t m, std::int64_t n) {
    const ArrayConfig& config = sequence.config;
    const std::int64_t products = sequence.output_stationary() ? f.times.terms : config.rows;
    const auto a = [&](std::int64_t k) {
        return k < f.times.terms ? static_cast<std::uint32_t>(f.a_at(m, k)) : 0U;
    };
    const auto b = [&](std::int64_t k) {
        return k < f.times.terms ? static_cast<std::uint32_t>(f.b_at(k, n)) : 0U;
    };
    const int unused = 32 - config.operand_bits;
    if (is_float(config.format)) {
        float sum = 0;
        for (std::int64_t k = 0; k < products; ++k) {
            const float product = float_of(a(k) << unused) * float_of(b(k) << unused);
            sum += product;
        }
        return std::isnan(sum) ? 0x7fc00000U : word_of(sum);
    }
    const auto number = [&](std::uint32_t word) {
        return std::int64_t{static_cast<std::int32_t>(word << unused) >> unused};
    };
    WideInteger sum = 0;
    for (std::int64_t k = 0; k < products; ++k) {
        sum += number(a(k)) * number(b(k));
        if (config.overflow == Overflow::saturate && config.accumulator_bits < 128) {
            const WideInteger range = WideInteger{1} << (config.accumulator_bits - 1);
            sum = std::clamp<WideInteger>(sum, -range, range - 1);
        }
    }
    const WideBits mask =
        config.accumulator_bits == 128 ? ~WideBits{0} : (WideBits{1} << config.accumulator_bits) - 1;
    return static_cast<WideBits>(sum) & mask;
}

std::vector<WordResult> expected_results(const FoldSequence& sequence) {
    const dataflow::SpaceTimeMap map(sequence.config);
    std::vector<WordResult> results;
    for (std::size_t i = 0; i < sequence.folds.size(); ++i) {
        const GemmFold& f = sequence.folds[i];
        for (std::int64_t m = 0; m < f.times.pixels; ++m) {
            for (std::int64_t n = 0; n < f.times.channels; ++n) {
                WordResult result;
                result.fold = static_cast<std::int32_t>(i);
                result.step = map.result_step(f.times, m, n);
                result.row = map.result_row(m);
                result.col = map.result_column(m, n);
                result.cycle = map.accumulate_cycle(f.times, result.step, result.row, result.col);
                result.sum = plain_sum(sequence, f, m, n);
                results.push_back(result);
            }
        }
    }
    std::sort(results.begin(), results.end(),
              [](const WordResult& x, const WordResult& y) { return x.place() < y.place(); });
    return results;
}

struct Flip {
    Cycle cycle = 0;
    SiteKind bank{};
    std::int64_t unit = 0;
    WideBits mask = 0;
};

std::vector<WordResult> run(const FoldSequence& sequence, const std::vector<Flip>& flips, bool skipping) {
    WordArray model(sequence.config);
    WordFeeder feeder(sequence);
    for (std::size_t i = 0; i < sequence.folds.size(); ++i) {
        model.enqueue(static_cast<std::int32_t>(i), sequence.folds[i].times);
    }
    for (Cycle t = 0; t <= sequence.end; ++t) {
        const bool enters = std::any_of(sequence.folds.begin(), sequence.folds.end(),
                                        [&](const GemmFold& f) { return f.times.preload == t; });
        if (!skipping || enters || !model.idle()) {
            feeder.begin_edge(t);
            model.edge(t, feeder);
        }
        for (const Flip& flip : flips) {
            if (flip.cycle == t) {
                model.flip(flip.bank, flip.unit, flip.mask);
            }
        }
    }
    EXPECT_TRUE(model.idle());
    return feeder.sorted_results();
}

TEST(WordArrays, ResultsAreMatrixProductsInTheMapsCycles) {
    const std::uint64_t seed = environment("FLUENCE_TEST_SEED", 20261122);
    const std::uint64_t samples = environment("FLUENCE_TEST_ARRAYS", 2000);
    for (std::uint64_t sample = 0; sample < samples && !testing::Test::HasFailure(); ++sample) {
        RandomStream random(seed, RandomPurpose::testing, sample);
        FoldSequence sequence = random_sequence(random, random_word_array(random), Operands::any_bits);
        give_words(sequence, random);
        SCOPED_TRACE("FLUENCE_TEST_SEED=" + std::to_string(seed) + " sample " + std::to_string(sample) +
                     ": " + name_of(sequence.config.format) + " " + sequence.description());
        ASSERT_EQ(run(sequence, {}, sample % 2 == 1), expected_results(sequence));
    }
}

// An array of codes in 16-bit registers, and sums of 32 bits, computes with words as one of fxp16 does; its
// product registers have 16 bits, so that behind a multiplier's stages products must be small.
class SideBySide {
  public:
    explicit SideBySide(RandomStream& random) : random_(random) {
        ArrayConfig config = random_array(random);
        config.operand_bits = 16;
        config.accumulator_bits = 32;
        small_ = config.multiplier_stages > 0;
        codes_ = random_sequence(random, config, small_ ? Operands::codes : Operands::any_bits);
        words_ = codes_;
        words_.config.format = OperandFormat::fxp16;
        for (GemmFold& f : codes_.folds) {
            f.codes = array::ActivationCodes::signed_codes;
            if (small_) {  // −128 … 127, also with bits of theirs inverted
                for (std::int32_t& code : f.a) {
                    code = static_cast<std::int8_t>(code);
                }
            }
        }
        for (std::size_t i = 0; i < codes_.folds.size(); ++i) {
            words_.folds[i].a = codes_.folds[i].a;
        }
        banks_ = dataflow::register_banks(codes_.config);
    }
    std::string description() const { return codes_.description(); }

    void run() {
        array::CentralArray codes(codes_.config);
        WordArray words(words_.config);
        Feeder feeder(codes_);
        WordFeeder word_feeder(words_);
        for (std::size_t i = 0; i < codes_.folds.size(); ++i) {
            codes.enqueue(static_cast<std::int32_t>(i), codes_.folds[i].times, codes_.folds[i].codes);
            words.enqueue(static_cast<std::int32_t>(i), words_.folds[i].times);
        }
        const std::uint64_t rarity = 1 + random_.below(40);
        for (Cycle t = 0; t <= codes_.end; ++t) {
            feeder.begin_edge(t);
            word_feeder.begin_edge(t);
            codes.edge(t, feeder);
            words.edge(t, word_feeder);
            ASSERT_EQ(codes.idle(), words.idle()) << "after edge " << t;
            compare(codes, words, t);
            while (random_.below(rarity) == 0 && random_.below(4) != 0) {
                const Flip flip = random_flip();
                codes.flip(flip.bank, flip.unit, static_cast<std::uint32_t>(flip.mask));
                words.flip(flip.bank, flip.unit, flip.mask);
                ASSERT_EQ(codes.idle(), words.idle());
            }
        }
        std::vector<WordResult> expected;
        for (const Result& r : feeder.sorted_results()) {
            expected.push_back({r.cycle, r.fold, r.step, r.row, r.col, static_cast<std::uint32_t>(r.sum)});
        }
        ASSERT_EQ(word_feeder.sorted_results(), expected);
    }

  private:
    Flip random_flip() {
        const RegisterBank* bank = nullptr;
        do {
            bank = &banks_[random_.below(banks_.size())];
        } while (bank->units == 0);
        Flip flip;
        flip.bank = bank->kind;
        flip.unit = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(bank->units)));
        const bool operand = bank->bits == 16 && bank->kind != SiteKind::pe_product;
        const int bits = bank->kind == SiteKind::pe_product ? 15 : operand && small_ ? 7 : bank->bits;
        flip.mask = WideBits{1} << random_.below(static_cast<std::uint64_t>(bits));
        if (random_.below(2) == 0) {
            flip.mask |= random_.next32() & low_wide_bits(bits);
        }
        return flip;
    }

    void compare(const array::CentralArray& codes, const WordArray& words, Cycle t) const {
        for (const RegisterBank& bank : banks_) {
            for (std::int64_t unit = 0; unit < bank.units; ++unit) {
                std::uint32_t should = codes.read(bank.kind, unit);
                if (bank.kind == SiteKind::pe_product) {
                    should = static_cast<std::uint32_t>(static_cast<std::int16_t>(should));
                }
                ASSERT_TRUE(words.read(bank.kind, unit) == should)
                    << name_of(bank.kind) << " " << unit << " after edge " << t;
            }
        }
    }

    RandomStream& random_;
    bool small_ = false;
    FoldSequence codes_, words_;
    std::vector<RegisterBank> banks_;
};

TEST(WordArrays, RegistersMoveAsThoseOfCodesUnderAnyUpsets) {
    const std::uint64_t seed = environment("FLUENCE_TEST_SEED", 20261123);
    const std::uint64_t samples = environment("FLUENCE_TEST_ARRAYS", 800);
    for (std::uint64_t sample = 0; sample < samples && !testing::Test::HasFailure(); ++sample) {
        RandomStream random(seed, RandomPurpose::testing, sample);
        SideBySide pair(random);
        SCOPED_TRACE("FLUENCE_TEST_SEED=" + std::to_string(seed) + " sample " + std::to_string(sample) +
                     ": " + pair.description());
        pair.run();
    }
}

// 1.5·2 + 2·3 = 9 on an array of floats, two terms in one column (or one PE), streaming from edge 5.
struct TwoTerms {
    static constexpr Cycle kStream = 5;
    FoldSequence sequence;

    explicit TwoTerms(const char* dataflow, std::pair<float, float> a = {1.5F, 2.0F}, int rows = 2,
                      OperandFormat format = OperandFormat::fp32) {
        ArrayConfig& config = sequence.config;
        config.dataflow = dataflow;
        config.format = format;
        config.operand_bits = 8 * stored_widths(format).operand;
        config.accumulator_bits = 32;
        config.rows = sequence.output_stationary() ? 1 : rows;
        config.cols = 1;
        GemmFold f;
        f.times.pixels = f.times.channels = 1;
        f.times.terms = 2;
        f.times.used_rows = sequence.output_stationary() ? 1 : 2;
        f.times.used_cols = 1;
        f.times.preload = 1;
        f.times.stream = kStream;
        for (const float value : {a.first, a.second}) {
            f.a.push_back(static_cast<std::int32_t>(word_of(value) >> (32 - config.operand_bits)));
        }
        for (const float value : {2.0F, 3.0F}) {
            f.b.push_back(static_cast<std::int32_t>(word_of(value) >> (32 - config.operand_bits)));
        }
        sequence.folds = {f};
        sequence.end = 20;
    }
    std::uint32_t sum(const std::vector<Flip>& flips) const {
        const std::vector<WordResult> results = run(sequence, flips, true);
        EXPECT_EQ(results.size(), 1U);
        return static_cast<std::uint32_t>(results.at(0).sum);
    }
};

constexpr std::uint32_t kNan = 0x7fc00000U;

TEST(WordArrays, AFlippedExponentBitOfAMovingSumDoublesIt) {
    const TwoTerms two("weight-stationary");
    EXPECT_EQ(two.sum({}), word_of(9));
    // Row 0's register holds 1.5·2 = 3 = 1.1₂·2¹ in cycle 5; exponent 128 → 129. Row 1 adds 6 at edge 6.
    EXPECT_EQ(two.sum({{5, SiteKind::pe_psum, 0, 1U << 23}}), word_of(12));
    EXPECT_EQ(two.sum({{5, SiteKind::pe_psum, 0, 1U << 31}}), word_of(3));  // −3 + 6
    EXPECT_EQ(two.sum({{6, SiteKind::pe_psum, 0, 1U << 23}}), word_of(9));  // it has moved on
    // 9 = 1.001₂·2³ in row 1, with bits of the fraction and below.
    EXPECT_EQ(two.sum({{6, SiteKind::pe_psum, 1, 1U << 22}}), word_of(13));
    EXPECT_EQ(two.sum({{7, SiteKind::pe_psum, 1, 1U << 22}}), word_of(9));  // handed over in cycle 6
}

TEST(WordArrays, InfinitiesAndNansOfFlippedOperandsAndSums) {
    // The weight 2.0 (exponent 128) becomes ∞, or a signalling NaN with its lowest bit.
    constexpr std::uint32_t kInfinite = 0x3f800000U;
    const Flip to_infinity = {4, SiteKind::pe_weight, 0, kInfinite};
    EXPECT_EQ(TwoTerms("weight-stationary").sum({to_infinity}), 0x7f800000U);
    EXPECT_EQ(TwoTerms("weight-stationary", {-1.0F, 2.0F}).sum({to_infinity}), 0xff800000U);
    EXPECT_EQ(TwoTerms("weight-stationary", {0.0F, 2.0F}).sum({to_infinity}), kNan);
    EXPECT_EQ(TwoTerms("weight-stationary").sum({{4, SiteKind::pe_weight, 0, kInfinite | 1U}}), kNan);
    // A NaN in a sum keeps its bits while it moves, and is the one NaN behind an addition: 9 → 0x7f900001.
    const std::uint32_t to_nan = word_of(9) ^ 0x7f900001U;
    EXPECT_EQ(TwoTerms("weight-stationary").sum({{6, SiteKind::pe_psum, 1, to_nan}}), 0x7f900001U);
    EXPECT_EQ(TwoTerms("weight-stationary", {1.5F, 2.0F}, 3).sum({{6, SiteKind::pe_psum, 1, to_nan}}), kNan);
    // Output stationary: 9 is in the accumulator in cycle 6, in the drain register in cycle 7.
    EXPECT_EQ(TwoTerms("output-stationary").sum({{6, SiteKind::pe_psum, 0, to_nan}}), 0x7f900001U);
    EXPECT_EQ(TwoTerms("output-stationary").sum({{7, SiteKind::pe_drain, 0, to_nan}}), 0x7f900001U);
    EXPECT_EQ(TwoTerms("output-stationary").sum({{5, SiteKind::pe_psum, 0, word_of(3) ^ 0x7f900001U}}), kNan);
}

// Operands of 16 bits, products and sums of 32: (1 + 2⁻⁷)² = 1 + 2⁻⁶ + 2⁻¹⁴ is no bf16 number.
TEST(WordArrays, ProductsAndSumsOfBf16AreWordsOfFp32) {
    TwoTerms two("weight-stationary", {1.5F, 2.0F}, 2, OperandFormat::bf16);
    EXPECT_EQ(two.sum({}), word_of(9));
    EXPECT_EQ(two.sum({{4, SiteKind::pe_weight, 0, 1U << 15}}), word_of(3));  // 1.5·−2 + 6
    EXPECT_EQ(two.sum({{4, SiteKind::pe_weight, 0, 1U << 7}}), word_of(12));  // 1.5·4 + 6
    EXPECT_EQ(two.sum({{5, SiteKind::pe_psum, 0, 1}}), word_of(9));           // 2⁻²² is lost in 9
    EXPECT_EQ(two.sum({{6, SiteKind::pe_psum, 1, 1}}), word_of(9) ^ 1U);
    two.sequence.config.multiplier_stages = 1;
    const float exact = 1 + 0x1p-6F + 0x1p-14F;
    two.sequence.folds[0].a = {0, 0x3f81};
    two.sequence.folds[0].b = {0, 0x3f81};
    EXPECT_EQ(two.sum({}), word_of(exact));
    // Row 1's product is made at edge 6 and added at edge 7.
    EXPECT_EQ(two.sum({{6, SiteKind::pe_product, 1, 1U << 31}}), word_of(-exact));
    EXPECT_EQ(two.sum({{6, SiteKind::pe_product, 1, 1}}), word_of(exact) ^ 1U);
    WordArray array(two.sequence.config);
    EXPECT_THROW(array.flip(SiteKind::pe_weight, 0, 1U << 16), std::out_of_range);
    EXPECT_THROW(array.flip(SiteKind::pe_product, 0, WideBits{1} << 32), std::out_of_range);
}

// −0 is what negative zero products add up to, but that every sum starts from +0; unused rows add +0 too.
TEST(WordArrays, SumsStartFromPositiveZero) {
    for (const char* dataflow : {"weight-stationary", "input-stationary", "output-stationary"}) {
        EXPECT_EQ(TwoTerms(dataflow, {-0.0F, -0.0F}).sum({}), 0U) << dataflow;
    }
    // A −0 that an upset makes of the last sum stays; in front of an unused row +0 is added to it.
    const Flip sign = {6, SiteKind::pe_psum, 1, 1U << 31};
    EXPECT_EQ(TwoTerms("weight-stationary", {0.0F, 0.0F}).sum({sign}), 1U << 31);
    EXPECT_EQ(TwoTerms("weight-stationary", {0.0F, 0.0F}, 3).sum({sign}), 0U);
}

TEST(WordArrays, WhatIsNotModelledIsRefused) {
    ArrayConfig config = TwoTerms("weight-stationary").sequence.config;
    config.control = ArrayControl::travelling;
    EXPECT_THROW(WordArray{config}, std::invalid_argument);
    ArrayConfig codes;
    codes.rows = codes.cols = 2;
    codes.dataflow = "weight-stationary";
    EXPECT_THROW(WordArray{codes}, std::invalid_argument);
    config.control = ArrayControl::central;
    WordArray array(config);
    EXPECT_THROW(array.flip(SiteKind::pe_psum, 0, WideBits{1} << 32), std::out_of_range);
    EXPECT_THROW(array.read(SiteKind::pe_psum, 2), std::out_of_range);
    EXPECT_THROW(array.read(SiteKind::pe_product, 0), std::out_of_range);
    // Registers of up to 128 bits.
    config.format = OperandFormat::fxp32;
    config.accumulator_bits = 128;
    config.multiplier_stages = 1;
    WordArray wide(config);
    wide.flip(SiteKind::pe_psum, 1, WideBits{1} << 127);
    EXPECT_TRUE(wide.read(SiteKind::pe_psum, 1) == WideBits{1} << 127);
    EXPECT_THROW(wide.flip(SiteKind::pe_product, 0, WideBits{1} << 64), std::out_of_range);
    wide.flip(SiteKind::pe_product, 0, WideBits{1} << 63);
}

}  // namespace
}  // namespace fluence::test
