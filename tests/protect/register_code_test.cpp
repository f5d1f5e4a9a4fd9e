// Codes of PE registers, over all single and double flips of their stored bits.
#include "sim/protect/register_code.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "sim/core/error.h"
#include "sim/protect/policy.h"

namespace {

using fluence::WordBits;
using fluence::protect::parse_policy;
using fluence::protect::register_code;
using fluence::protect::register_code_names;
using fluence::protect::RegisterAction;
using fluence::protect::RegisterCode;
using fluence::protect::RegisterVerdict;

constexpr int kWidths[] = {8, 9, 16, 17, 24, 32};

WordBits flips(int a, int b = -1) {
    WordBits bits;
    bits.flip(static_cast<std::size_t>(a));
    if (b >= 0) {
        bits.flip(static_cast<std::size_t>(b));
    }
    return bits;
}

std::uint32_t data_bit(int bit, int width) {
    return bit < width ? std::uint32_t{1} << bit : 0;
}

TEST(RegisterCode, no_error_is_no_verdict) {
    for (const std::string& name : register_code_names()) {
        for (const int width : kWidths) {
            const RegisterVerdict verdict = register_code(name).judge({}, width);
            EXPECT_EQ(verdict.residual, 0u);
            EXPECT_FALSE(verdict.corrected || verdict.detected);
        }
    }
    EXPECT_THROW(register_code("crc"), std::out_of_range);
}

TEST(RegisterCode, plain_registers_pass_what_was_struck) {
    const RegisterVerdict verdict = register_code("none").judge(flips(3, 7), 8);
    EXPECT_EQ(verdict.residual, 0x88u);
    EXPECT_FALSE(verdict.corrected || verdict.detected);
    EXPECT_EQ(register_code("none").stored_bits(8), 8);
}

TEST(RegisterCode, parity_sees_odd_numbers_of_wrong_bits) {
    const RegisterCode& code = register_code("register-parity");
    for (const int width : kWidths) {
        ASSERT_EQ(code.stored_bits(width), width + 1);
        for (int a = 0; a <= width; ++a) {
            EXPECT_TRUE(code.judge(flips(a), width).detected);
            for (int b = a + 1; b <= width; ++b) {
                const RegisterVerdict verdict = code.judge(flips(a, b), width);
                EXPECT_FALSE(verdict.detected || verdict.corrected);
                EXPECT_EQ(verdict.residual, data_bit(a, width) | data_bit(b, width));
            }
        }
    }
}

TEST(RegisterCode, secded_corrects_one_and_detects_two) {
    const RegisterCode& code = register_code("register-secded");
    for (const int width : kWidths) {
        const int stored = code.stored_bits(width);
        // 2^(r−1) ≥ k + r: Hsiao's r check bits.
        EXPECT_GE(1 << (stored - width - 1), stored);
        for (int a = 0; a < stored; ++a) {
            const RegisterVerdict one = code.judge(flips(a), width);
            EXPECT_TRUE(one.corrected && !one.detected);
            EXPECT_EQ(one.residual, 0u);
            for (int b = a + 1; b < stored; ++b) {
                const RegisterVerdict two = code.judge(flips(a, b), width);
                EXPECT_TRUE(two.detected && !two.corrected);
            }
        }
    }
}

// The vote is bit by bit: two copies that are wrong in the same bit win, in different bits they lose.
TEST(RegisterCode, three_copies_vote) {
    for (const char* name : {"register-tmr", "tmr"}) {
        const RegisterCode& code = register_code(name);
        for (const int width : kWidths) {
            ASSERT_EQ(code.stored_bits(width), 3 * width);
            for (int a = 0; a < 3 * width; ++a) {
                const RegisterVerdict one = code.judge(flips(a), width);
                EXPECT_TRUE(one.corrected && !one.detected);
                EXPECT_EQ(one.residual, 0u);
                for (int b = a + 1; b < 3 * width; ++b) {
                    const RegisterVerdict two = code.judge(flips(a, b), width);
                    EXPECT_TRUE(two.corrected && !two.detected);
                    EXPECT_EQ(two.residual, a % width == b % width ? data_bit(a % width, width) : 0u);
                }
            }
        }
    }
    WordBits all;
    all.flip(1).flip(9).flip(17);  // the same bit of all copies of an 8-bit register: nobody disagrees
    const RegisterVerdict verdict = register_code("tmr").judge(all, 8);
    EXPECT_EQ(verdict.residual, 2u);
    EXPECT_FALSE(verdict.corrected || verdict.detected);
}

TEST(RegisterCode, two_copies_disagree_unless_both_are_wrong_alike) {
    const RegisterCode& code = register_code("dmr");
    for (const int width : kWidths) {
        ASSERT_EQ(code.stored_bits(width), 2 * width);
        for (int a = 0; a < 2 * width; ++a) {
            EXPECT_TRUE(code.judge(flips(a), width).detected);
            for (int b = a + 1; b < 2 * width; ++b) {
                const RegisterVerdict verdict = code.judge(flips(a, b), width);
                EXPECT_EQ(verdict.detected, a % width != b % width);
                EXPECT_EQ(verdict.residual, a % width == b % width ? data_bit(a % width, width) : 0u);
                EXPECT_FALSE(verdict.corrected);
            }
        }
    }
}

nlohmann::json with_pe(const char* parts) {
    return {{"name", "p"}, {"pe", nlohmann::json::parse(parts)}};
}

TEST(RegisterParts, several_codes_on_registers_of_their_own) {
    const auto policy = parse_policy(with_pe(R"([
        {"part": "register-secded", "registers": ["weight"]},
        {"part": "register-parity", "registers": ["psum"], "on_due": "abort"}])"),
                                     "p.json");
    EXPECT_EQ(policy.registers[0].code, "register-secded");
    EXPECT_EQ(policy.registers[1].code, "none");
    EXPECT_EQ(policy.registers[2].code, "register-parity");
    EXPECT_EQ(policy.registers[2].on_due, RegisterAction::abort);
    EXPECT_EQ(parse_policy(to_json(policy), "again").registers[2].code, "register-parity");
    using fluence::RegisterRole;
    EXPECT_EQ(stored_bits(policy, RegisterRole::weight, 8), 13);
    EXPECT_EQ(stored_bits(policy, RegisterRole::activation, 8), 8);
    EXPECT_EQ(stored_bits(policy, RegisterRole::psum, 32), 33);
}

TEST(RegisterParts, refuses_two_owners_and_unknown_keys) {
    for (const char* parts :
         {R"([{"part": "tmr"}, {"part": "register-parity", "registers": ["psum"]}])",
          R"([{"part": "register-parity"}, {"part": "dmr"}])", R"([{"part": "tmr", "registers": ["psum"]}])",
          R"([{"part": "register-tmr", "on_due": "abort"}])", R"([{"part": "dmr", "on_due": "zero"}])",
          R"([{"part": "register-tmr", "registers": []}])",
          R"([{"part": "register-tmr", "registers": ["valid"]}])"}) {
        EXPECT_THROW(parse_policy(with_pe(parts), "p.json"), fluence::InputError) << parts;
    }
}

}  // namespace
