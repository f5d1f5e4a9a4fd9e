// Words under selective ECC against nearest code words, found by trying all of them.
#include "sim/protect/selective_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bitset>
#include <optional>

#include "sim/core/error.h"
#include "sim/core/random.h"
#include "sim/protect/area.h"
#include "sim/protect/policy.h"

namespace {

using fluence::Memory;
using fluence::RandomPurpose;
using fluence::RandomStream;
using fluence::WordBits;
using fluence::protect::SelectiveCode;
using fluence::protect::Signature;
using nlohmann::json;
using testing::HasSubstr;

constexpr int kWords[] = {8, 16, 32, 64, 128};

// Hamming (Bell Syst. Tech. J. 1950): check bit r is the parity of the positions, powers of two left out,
// whose bit r is one.
unsigned hamming_check(unsigned data, int bits) {
    unsigned check = 0;
    unsigned position = 0;
    for (int i = 0; i < bits; ++i) {
        do {
            ++position;
        } while ((position & (position - 1)) == 0);
        check ^= (data >> i & 1u) != 0 ? position : 0;
    }
    return check;
}

// Data of the only code word that is at most one bit away; nothing where there is none.
std::optional<unsigned> nearest(unsigned data, unsigned check, int data_bits) {
    const auto distance = [&](unsigned candidate) {
        return std::bitset<32>(candidate ^ data).count() +
               std::bitset<32>(hamming_check(candidate, data_bits) ^ check).count();
    };
    for (unsigned flip = 0; flip <= static_cast<unsigned>(data_bits); ++flip) {
        const unsigned candidate = flip == 0 ? data : data ^ 1u << (flip - 1);
        if (distance(candidate) <= 1) {
            return candidate;
        }
    }
    return std::nullopt;
}

unsigned extract(const WordBits& word, int first, int count) {
    unsigned value = 0;
    for (int i = 0; i < count; ++i) {
        value |= unsigned{word[static_cast<std::size_t>(first + i)]} << i;
    }
    return value;
}

int least_check_bits(int k) {
    int r = 1;
    while ((1 << r) < k + r + 1) {
        ++r;
    }
    return r;
}

// By the layout of selective_code.h.
SelectiveCode::Read read_by_hand(const WordBits& stored, int data_bits, int slots) {
    const int n = data_bits / 8;
    const int s = least_check_bits(n);
    SelectiveCode::Read read;
    const unsigned kept = extract(stored, data_bits, n);
    const unsigned kept_check = extract(stored, data_bits + n, s);
    const std::optional<unsigned> signature = nearest(kept, kept_check, n);
    if (!signature) {
        read.detected = true;
        return read;
    }
    read.signature = *signature;
    read.corrected = hamming_check(kept, n) != kept_check;
    int slot = 0;
    for (int i = 0; i < n; ++i) {
        unsigned byte = extract(stored, 8 * i, 8);
        if ((*signature >> i & 1u) != 0 && slot < slots) {
            const unsigned check = extract(stored, data_bits + n + s + 4 * slot++, 4);
            const std::optional<unsigned> right = nearest(byte, check, 8);
            read.corrected = read.corrected || (right && hamming_check(byte, 8) != check);
            read.detected = read.detected || !right;
            byte = right.value_or(0);
        }
        for (int b = 0; b < 8; ++b) {
            read.data[static_cast<std::size_t>(8 * i + b)] = (byte >> b & 1u) != 0;
        }
    }
    return read;
}

WordBits random_word(RandomStream& random, int bits) {
    WordBits word;
    for (int i = 0; i < bits; ++i) {
        word[static_cast<std::size_t>(i)] = random.below(2) != 0;
    }
    return word;
}

Signature random_signature(RandomStream& random, int parameters) {
    return static_cast<Signature>(random.below(std::uint64_t{1} << parameters));
}

TEST(SelectiveCode, AWordHasTheCellsThatThePlanAsksFor) {
    // 8 bytes, 8 + 4 bits of signature (2⁴ ≥ 8 + 4 + 1), 4 check bits a protected byte.
    EXPECT_EQ(SelectiveCode(64).stored_bits(0), 76);
    EXPECT_EQ(SelectiveCode(64).stored_bits(3), 88);
    EXPECT_EQ(SelectiveCode(8).stored_bits(1), 8 + 1 + 2 + 4);
    EXPECT_EQ(SelectiveCode(128).stored_bits(16), 128 + 16 + 5 + 64);
    EXPECT_LE(SelectiveCode(128).stored_bits(16), fluence::kMaxWordBits);
    EXPECT_THROW(SelectiveCode(12), std::out_of_range);
    EXPECT_THROW(SelectiveCode(136), std::out_of_range);
    EXPECT_EQ(SelectiveCode::fitted(0b10110, 2), 0b00110u);
    EXPECT_EQ(SelectiveCode::fitted(0b10110, 0), 0u);
    EXPECT_EQ(SelectiveCode::fitted(0b10110, 8), 0b10110u);
}

TEST(SelectiveCode, AnyErrorIsReadAsNearestCodeWordsSay) {
    RandomStream random(41, RandomPurpose::testing, 0);
    int corrected = 0, detected = 0, wrong_signature = 0;
    for (int trial = 0; trial < 20000; ++trial) {
        const int data_bits = kWords[random.below(5)];
        const SelectiveCode code(data_bits);
        const int slots = static_cast<int>(random.below(static_cast<std::uint64_t>(code.parameters()) + 1));
        const Signature signature = SelectiveCode::fitted(random_signature(random, code.parameters()), slots);
        const WordBits data = random_word(random, data_bits);
        WordBits stored = code.encode(data, signature);
        const auto flips = random.below(5);
        for (std::uint64_t i = 0; i < flips; ++i) {
            stored.flip(random.below(static_cast<std::uint64_t>(code.stored_bits(slots))));
        }
        const SelectiveCode::Read expected = read_by_hand(stored, data_bits, slots);
        const SelectiveCode::Read read = code.decode(stored, slots);
        ASSERT_EQ(read.data, expected.data) << "seed 41, trial " << trial;
        ASSERT_EQ(read.signature, expected.signature) << trial;
        ASSERT_EQ(read.corrected, expected.corrected) << trial;
        ASSERT_EQ(read.detected, expected.detected) << trial;
        if (flips == 0) {
            ASSERT_EQ(read.data, data);
            ASSERT_FALSE(read.corrected || read.detected);
        }
        corrected += read.corrected ? 1 : 0;
        detected += read.detected ? 1 : 0;
        wrong_signature += read.signature != signature ? 1 : 0;
    }
    EXPECT_GT(corrected, 1000);
    EXPECT_GT(detected, 100);
    EXPECT_GT(wrong_signature, 100);
}

// One wrong bit: of a protected parameter, of check bits, of the signature, it is corrected; of others it
// stays.
TEST(SelectiveCode, OneWrongBitIsCorrectedWhereThePlanSaysSo) {
    RandomStream random(42, RandomPurpose::testing, 0);
    for (const int data_bits : kWords) {
        const SelectiveCode code(data_bits);
        const Signature signature = random_signature(random, code.parameters());
        const auto slots = static_cast<int>(std::bitset<32>(signature).count());
        const WordBits data = random_word(random, data_bits);
        for (int bit = 0; bit < code.stored_bits(slots); ++bit) {
            WordBits stored = code.encode(data, signature);
            stored.flip(static_cast<std::size_t>(bit));
            const SelectiveCode::Read read = code.decode(stored, slots);
            const bool open = bit < data_bits && (signature >> bit / 8 & 1u) == 0;
            EXPECT_EQ(read.corrected, !open) << data_bits << " bits, bit " << bit;
            EXPECT_FALSE(read.detected);
            EXPECT_EQ(read.data, open ? WordBits(data).flip(static_cast<std::size_t>(bit)) : data);
            EXPECT_EQ(read.signature, signature);
        }
    }
}

// Traiola et al.: check bits of 0.740 % of the memory in fxp32 leave a gain of 79.384 %, 9.926 % in fp32 one
// of 30.396 %. They are shares of the memory, so the protected share is m/r times as large.
TEST(SelectiveOverhead, ThePublishedGainsComeOut) {
    using fluence::protect::selective_overhead;
    EXPECT_NEAR(100 * selective_overhead(0.00740 * 32 / 6, 32).gain, 79.384, 0.005);
    EXPECT_NEAR(100 * selective_overhead(0.09926 * 32 / 6, 32).gain, 30.396, 0.005);
    EXPECT_DOUBLE_EQ(selective_overhead(0, 32).all, 6.0 / 32);
    EXPECT_DOUBLE_EQ(selective_overhead(0, 16).all, 5.0 / 16);
    EXPECT_DOUBLE_EQ(selective_overhead(0, 8).all, 4.0 / 8);
    EXPECT_DOUBLE_EQ(selective_overhead(0.3, 8).selective, 0.3 * 4 / 8 + 1.0 / 8);
    EXPECT_LT(selective_overhead(1, 8).gain, 0) << "everything protected, and signatures besides";
}

fluence::protect::Policy parsed(const char* part) {
    const json value = {{"name", "p"}, {"memory", json::parse(part)}};
    return fluence::protect::parse_policy(value, "policy.json");
}

void expect_error(const char* parts, const char* words) {
    try {
        parsed(parts);
        ADD_FAILURE() << "no error for " << parts;
    } catch (const fluence::InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr(words)) << parts;
    }
}

TEST(SelectivePolicy, WhatMakesNoSenseIsRefused) {
    const std::string plan = R"("plan": {"by": "random", "fraction": 0.1})";
    const auto part = [&](const std::string& rest) {
        return R"([{"part": "selective-ecc", )" + plan + rest + "}]";
    };
    expect_error(part(R"(, "words": ["weight_buffer"])").c_str(), "from where signatures come");
    expect_error(part(R"(, "words": ["output_buffer"])").c_str(), "keeps no weights");
    expect_error(part(R"(, "on_due": "refetch")").c_str(), "zero, abort");
    expect_error(part(R"(, "check_slots": 17)").c_str(), "check_slots");
    expect_error(part(R"(, "scrub_period_cycles": -1)").c_str(), "scrub_period_cycles");
    expect_error(R"([{"part": "selective-ecc"}])", "plan: is missing");
    expect_error(R"([{"part": "selective-ecc", "plan": {"by": "macs", "fraction": 0.1}}])",
                 "random, magnitude");
    expect_error(R"([{"part": "selective-ecc", "plan": {"by": "random"}}])", "fraction");
    expect_error(R"([{"part": "selective-ecc", "plan": {"by": "random", "fraction": 1.5}}])", "fraction");
    expect_error(R"([{"part": "selective-ecc", "plan": {"file": "nowhere.json"}}])", "no such file");
    const std::string sec = R"({"part": "sec", "words": ["weight_buffer"]})";
    const std::string selective = R"({"part": "selective-ecc", )" + plan + "}";
    expect_error(("[" + sec + "," + selective + "]").c_str(), "it has sec already");
    expect_error(("[" + selective + "," + sec + "]").c_str(), "it has selective-ecc already");
    expect_error(("[" + selective + "," + selective + "]").c_str(), "given twice");
}

TEST(SelectivePolicy, StatesItsCellsCyclesAndShare) {
    const auto policy = parsed(R"([{"part": "selective-ecc", "plan": {"by": "random", "fraction": 0.25},
                                   "check_slots": 3, "on_due": "abort"}])");
    EXPECT_EQ(stored_bits(policy, Memory::dram, 64), 64 + 12 + 32);
    EXPECT_EQ(stored_bits(policy, Memory::weight_buffer, 64), 64 + 12 + 12);
    EXPECT_EQ(stored_bits(policy, Memory::weight_buffer, 8), 8 + 3 + 4) << "one parameter has one slot";
    EXPECT_EQ(stored_bits(policy, Memory::activation_buffer, 64), 64);
    EXPECT_EQ(policy.memory[index_of(Memory::dram)].scrub_period, fluence::Cycles(0));
    EXPECT_EQ(timing_of(policy).decode_cycles, (std::array<std::int32_t, 4>{2, 2, 0, 0}));
    fluence::AcceleratorConfig config;
    config.dram.word_bits = 64;
    EXPECT_DOUBLE_EQ(fluence::protect::dram_check_share(config, policy), 0.25 * 4 / 8 + 1.0 / 8 + 4.0 / 64);
}

TEST(SelectivePolicy, ScrubsTheMemoriesThatItCodes) {
    for (const bool buffer : {false, true}) {
        const std::string words = buffer ? R"(["dram", "weight_buffer"])" : R"(["dram"])";
        const auto policy = parsed((R"([{"part": "selective-ecc", "plan": {"by": "random", "fraction": 0.25},
                                         "words": )" +
                                    words + R"(, "scrub_period_cycles": 700}])")
                                       .c_str());
        EXPECT_EQ(policy.memory[index_of(Memory::dram)].scrub_period, fluence::Cycles(700));
        EXPECT_EQ(policy.memory[index_of(Memory::weight_buffer)].scrub_period,
                  fluence::Cycles(buffer ? 700 : 0));
        EXPECT_EQ(policy.memory[index_of(Memory::activation_buffer)].scrub_period, fluence::Cycles(0));
        const json written = to_json(policy);
        EXPECT_EQ(to_json(fluence::protect::parse_policy(written, "again")), written);
        EXPECT_EQ(written["memory"][0]["scrub_period_cycles"], 700);
    }
}

}  // namespace
