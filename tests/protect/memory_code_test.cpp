#include "sim/protect/memory_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "sim/core/random.h"
#include "sim/cost/ecc.h"
#include "sim/protect/parity_check_matrix.h"

namespace {

using fluence::RandomPurpose;
using fluence::RandomStream;
using fluence::WordBits;
using fluence::protect::Decoded;
using fluence::protect::DecodedWord;
using fluence::protect::memory_code;
using fluence::protect::memory_code_names;
using fluence::protect::MemoryCode;

WordBits random_bits(RandomStream& random, int count) {
    WordBits bits;
    for (int i = 0; i < count; ++i) {
        bits[static_cast<std::size_t>(i)] = (random.next32() & 1u) != 0;
    }
    return bits;
}

WordBits flips(std::initializer_list<int> positions) {
    WordBits bits;
    for (const int position : positions) {
        bits.flip(static_cast<std::size_t>(position));
    }
    return bits;
}

WordBits data_mask(int data_bits) {
    return WordBits().set() >> static_cast<std::size_t>(fluence::kMaxWordBits - data_bits);
}

struct Case {
    const char* code;
    int data_bits;
};
void PrintTo(const Case& c, std::ostream* out) {
    *out << c.code << " " << c.data_bits;
}

class MemoryCodes : public testing::TestWithParam<Case> {
  protected:
    const MemoryCode& code() const { return memory_code(GetParam().code); }
    int k() const { return GetParam().data_bits; }
    int n() const { return k() + code().check_bits(k()); }

    // A stored word under `error` reads as the definition says, and as decode_error() says.
    void expect_linear(const WordBits& data, const WordBits& error) const {
        const Decoded by_error = code().decode_error(error, k());
        const DecodedWord read = code().decode(code().encode(data, k()) ^ error, k());
        ASSERT_EQ(read.data, data ^ by_error.residual) << error;
        ASSERT_EQ(read.corrected, by_error.corrected) << error;
        ASSERT_EQ(read.detected, by_error.detected) << error;
    }
};

TEST_P(MemoryCodes, CleanWordsPassUnchanged) {
    RandomStream random(1, RandomPurpose::testing, static_cast<std::uint64_t>(k()));
    for (int i = 0; i < 50; ++i) {
        const WordBits data = random_bits(random, k());
        const WordBits stored = code().encode(data, k());
        EXPECT_EQ(stored & data_mask(k()), data) << "the code is systematic";
        EXPECT_EQ(stored & ~data_mask(n()), WordBits()) << "nothing above the check bits";
        const DecodedWord read = code().decode(stored, k());
        EXPECT_EQ(read.data, data);
        EXPECT_FALSE(read.corrected || read.detected);
    }
}

TEST_P(MemoryCodes, EverySingleFlipIsHandledAsDeclared) {
    RandomStream random(2, RandomPurpose::testing, static_cast<std::uint64_t>(k()));
    for (int i = 0; i < n(); ++i) {
        const WordBits error = flips({i});
        const Decoded read = code().decode_error(error, k());
        if (code().strength().corrects >= 1) {
            EXPECT_EQ(read.residual, WordBits()) << i;
            EXPECT_TRUE(read.corrected && !read.detected) << i;
        } else {
            EXPECT_EQ(read.residual, error & data_mask(k())) << i;
            EXPECT_FALSE(read.corrected) << i;
            EXPECT_EQ(read.detected, code().strength().detects >= 1) << i;
        }
        expect_linear(random_bits(random, k()), error);
    }
}

TEST_P(MemoryCodes, EveryDoubleFlipIsHandledAsDeclared) {
    RandomStream random(3, RandomPurpose::testing, static_cast<std::uint64_t>(k()));
    const WordBits data = random_bits(random, k());
    for (int i = 0; i < n(); ++i) {
        for (int j = i + 1; j < n(); ++j) {
            const WordBits error = flips({i, j});
            expect_linear(data, error);
            if (code().strength().detects >= 2) {
                const Decoded read = code().decode_error(error, k());
                ASSERT_TRUE(read.detected && !read.corrected) << i << " " << j;
                ASSERT_EQ(read.residual, error & data_mask(k())) << "a detected word is left as it is";
            }
        }
    }
}

TEST_P(MemoryCodes, TriplesMayBeMiscorrectedButStayDefined) {
    RandomStream random(4, RandomPurpose::testing, static_cast<std::uint64_t>(k()));
    int miscorrected = 0;
    constexpr int kTrials = 2000;
    for (int trial = 0; trial < kTrials; ++trial) {
        const int a = static_cast<int>(random.below(static_cast<std::uint64_t>(n())));
        const int b = static_cast<int>(random.below(static_cast<std::uint64_t>(n())));
        const int c = static_cast<int>(random.below(static_cast<std::uint64_t>(n())));
        if (a == b || b == c || a == c) {
            continue;
        }
        expect_linear(random_bits(random, k()), flips({a, b, c}));
        const Decoded read = code().decode_error(flips({a, b, c}), k());
        miscorrected += read.corrected ? 1 : 0;
        if (read.corrected) {
            EXPECT_NE(code().strength().corrects, 0);
        }
    }
    // Odd columns: a triple's syndrome is odd, and looks like a single error where its column is used.
    if (code().strength().corrects == 0) {
        EXPECT_EQ(miscorrected, 0);
    } else {
        EXPECT_GT(miscorrected, 0);
    }
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (const char* code : {"none", "parity", "sec", "secded", "secded-exthamming"}) {
        for (const int width : {8, 11, 13, 16, 32, 39, 57, 64, 120, 128}) {
            list.push_back({code, width});
        }
    }
    return list;
}

INSTANTIATE_TEST_SUITE_P(All, MemoryCodes, testing::ValuesIn(cases()), [](const auto& param) {
    std::string name = param.param.code;
    for (char& c : name) {
        c = c == '-' ? '_' : c;
    }
    return name + std::to_string(param.param.data_bits);
});

TEST(MemoryCode, ParityDetectsOddNumbersOfFlipsOnly) {
    RandomStream random(5, RandomPurpose::testing, 0);
    for (int trial = 0; trial < 500; ++trial) {
        const WordBits error = random_bits(random, 65);
        EXPECT_EQ(memory_code("parity").decode_error(error, 64).detected, error.count() % 2 == 1);
    }
}

// Slow reference: the nearest code word, by trying all of them; farther than the code corrects: detected.
void expect_nearest_code_word(const std::string& name) {
    constexpr int k = 8;
    const MemoryCode& code = memory_code(name);
    const int n = k + code.check_bits(k);
    for (unsigned stored = 0; stored < 1u << n; ++stored) {
        const DecodedWord read = code.decode(WordBits(stored), k);
        bool near = false;
        for (unsigned data = 0; data < 1u << k; ++data) {
            const auto distance = (code.encode(WordBits(data), k) ^ WordBits(stored)).count();
            if (distance <= 1) {
                near = true;
                ASSERT_EQ(read.data, WordBits(data)) << stored;
                ASSERT_EQ(read.corrected, distance == 1) << stored;
            }
        }
        ASSERT_EQ(read.detected, !near) << stored;
    }
}

TEST(MemoryCode, HammingDecodesToTheNearestCodeWord) {
    expect_nearest_code_word("sec");
}
TEST(MemoryCode, HsiaoDecodesToTheNearestCodeWord) {
    expect_nearest_code_word("secded");
}
TEST(MemoryCode, ExtendedHammingDecodesToTheNearestCodeWord) {
    expect_nearest_code_word("secded-exthamming");
}

// Every width, every single and every double position, through encoder and decoder with random data.
TEST(MemoryCode, EveryWidthCorrectsEverySingleAndDetectsEveryDouble) {
    RandomStream random(6, RandomPurpose::testing, 0);
    for (const char* name : {"secded", "secded-exthamming"}) {
        const MemoryCode& code = memory_code(name);
        for (int k = 8; k <= 128; ++k) {
            const WordBits data = random_bits(random, k);
            const WordBits stored = code.encode(data, k);
            const int n = k + code.check_bits(k);
            for (int i = 0; i < n; ++i) {
                const DecodedWord single = code.decode(stored ^ flips({i}), k);
                ASSERT_TRUE(single.corrected && !single.detected) << name << " " << k << ": " << i;
                ASSERT_EQ(single.data, data) << name << " " << k << ": " << i;
                for (int j = i + 1; j < n; ++j) {
                    const DecodedWord twice = code.decode(stored ^ flips({i, j}), k);
                    ASSERT_TRUE(twice.detected && !twice.corrected)
                        << name << " " << k << ": " << i << " " << j;
                }
            }
        }
    }
}

TEST(MemoryCode, NumberOfCheckBits) {
    // r is the least number with 2^r ≥ k + r + 1 (Hamming); one more detects doubles.
    const std::vector<std::pair<int, int>> hamming = {{8, 4},  {11, 4}, {12, 5}, {16, 5},  {26, 5},
                                                      {27, 6}, {32, 6}, {64, 7}, {120, 7}, {128, 8}};
    for (const auto& [k, r] : hamming) {
        EXPECT_EQ(memory_code("none").check_bits(k), 0);
        EXPECT_EQ(memory_code("parity").check_bits(k), 1);
        EXPECT_EQ(memory_code("sec").check_bits(k), r) << k;
        EXPECT_EQ(memory_code("secded").check_bits(k), r + 1) << k;
        EXPECT_EQ(memory_code("secded-exthamming").check_bits(k), r + 1) << k;
    }
}

TEST(MemoryCode, UnknownNamesAndWidthsAreRefused) {
    EXPECT_THROW(memory_code("hamming"), std::out_of_range);
    EXPECT_THROW(memory_code("sec").check_bits(7), std::out_of_range);
    EXPECT_THROW(memory_code("sec").check_bits(129), std::out_of_range);
    EXPECT_EQ(memory_code_names().size(), 5u);
}

TEST(ParityCheckMatrix, HsiaoColumnsAreOddDistinctLightestAndBalanced) {
    using namespace fluence::protect;
    for (int k = 8; k <= 128; ++k) {
        const int rows = fluence::cost::hamming_check_bits(k) + 1;
        const std::vector<Column> columns = hsiao_columns(rows, k);
        std::set<Column> distinct(columns.begin(), columns.end());
        EXPECT_EQ(distinct.size(), static_cast<std::size_t>(k));
        int ones = 0;
        std::vector<int> row_weights(static_cast<std::size_t>(rows), 0);
        for (const Column column : columns) {
            EXPECT_EQ(weight_of(column) % 2, 1);
            EXPECT_GE(weight_of(column), 3);
            ones += weight_of(column);
            for (int row = 0; row < rows; ++row) {
                row_weights[static_cast<std::size_t>(row)] += static_cast<int>(column >> row & 1u);
            }
        }
        EXPECT_EQ(ones, fluence::cost::hsiao_ones(k)) << "the cost formula counts the same ones";
        const auto [least, most] = std::minmax_element(row_weights.begin(), row_weights.end());
        EXPECT_LE(*most - *least, 3) << k;
    }
    // Hsiao's (72,64) code: 56 columns of weight 3 and 8 of weight 5.
    EXPECT_EQ(fluence::cost::hsiao_ones(64), 56 * 3 + 8 * 5);
}

TEST(ParityCheckMatrix, CostFormulasCountTheOnesOfTheHammingMatrices) {
    using namespace fluence::protect;
    for (int k = 8; k <= 128; ++k) {
        int hamming = 0;
        for (const Column column : hamming_columns(0, k)) {
            hamming += weight_of(column);
        }
        EXPECT_EQ(hamming, fluence::cost::hamming_ones(k));
    }
}

}  // namespace
