// Upsets of array registers against the formulas that hold for weight-stationary arrays, both ways round:
// operand registers behind the MAC (as in TinyTPU-like designs) and in front of it.
#include <gtest/gtest.h>

#include <map>

#include "tests/fault/bare_machine.h"

namespace fluence::fault {
namespace {

using test::BareMachine;
using traces::Cycle;
using Deltas = std::map<std::pair<std::int64_t, int>, std::int32_t>;  // (pixel, channel) → difference

Deltas deltas_of(const Resolution& resolution) {
    Deltas deltas;
    for (const arith::LayerFault& fault : resolution.faults) {
        for (const arith::AccumulatorDelta& d : fault.accumulators) {
            deltas[{d.index % BareMachine::kPixels, static_cast<int>(d.index / BareMachine::kPixels)}] =
                d.delta;
        }
    }
    return deltas;
}

void drop_zeros(Deltas& deltas) {
    for (auto it = deltas.begin(); it != deltas.end();) {
        it = it->second == 0 ? deltas.erase(it) : std::next(it);
    }
}

std::int32_t flipped(std::int32_t code, int bit) {
    return static_cast<std::int8_t>(code ^ (1 << bit));
}

struct Convention {
    OperandRegister operand_register;
    bool shadow;
};

class RegisterFormulas : public testing::TestWithParam<Convention> {
  protected:
    bool output() const { return GetParam().operand_register == OperandRegister::output; }
    BareMachine machine{GetParam().operand_register, GetParam().shadow};
    static constexpr Cycle s = BareMachine::kStream;
};

// C[m][j] += d·B[r][j] for the columns behind the register; m = e − s − r − c.
TEST_P(RegisterFormulas, Activation) {
    for (int r = 0; r < machine.r; ++r) {
        for (int c = 0; c < machine.c; ++c) {
            for (Cycle e = s - 2; e < s + 15; ++e) {
                SCOPED_TRACE(testing::Message() << r << ' ' << c << ' ' << e);
                const int bit = static_cast<int>(e) % 8;
                const Resolution resolution =
                    machine.resolve(SiteKind::pe_activation, r * machine.c + c, e, bit);
                const std::int64_t m = e - s - r - c;
                Deltas expected;
                if (m >= 0 && m < BareMachine::kPixels) {
                    const std::int32_t d = flipped(machine.a(m, r), bit) - machine.a(m, r);
                    for (int j = output() ? c + 1 : c; j < machine.c; ++j) {
                        expected[{m, j}] = d * machine.b(r, j);
                    }
                    EXPECT_EQ(resolution.golden_bits, static_cast<std::uint8_t>(machine.a(m, r)));
                    EXPECT_EQ(resolution.dead == DeadReason::never_read, output() && c == machine.c - 1);
                } else {
                    EXPECT_EQ(resolution.dead, DeadReason::idle);
                }
                drop_zeros(expected);
                EXPECT_EQ(deltas_of(resolution), expected);
            }
        }
    }
}

// C[m][c] += d, the sign by the bit's value in the sum so far.
TEST_P(RegisterFormulas, PartialSum) {
    const int rows = output() ? machine.r : machine.r + 1;
    for (int q = 0; q < rows; ++q) {
        for (int c = 0; c < machine.c; ++c) {
            for (Cycle e = s - 2; e < s + 15; ++e) {
                SCOPED_TRACE(testing::Message() << q << ' ' << c << ' ' << e);
                const int bit = static_cast<int>(e * 7 % 32);
                const Resolution resolution = machine.resolve(SiteKind::pe_psum, q * machine.c + c, e, bit);
                const std::int64_t m = e - s - q - c;
                Deltas expected;
                if (m >= 0 && m < BareMachine::kPixels) {
                    std::int32_t sum = 0;
                    for (int k = 0; k < (output() ? q + 1 : q); ++k) {
                        sum += machine.a(m, k) * machine.b(k, c);
                    }
                    const std::uint32_t mask = std::uint32_t{1} << bit;
                    const bool is_set = (static_cast<std::uint32_t>(sum) & mask) != 0;
                    expected[{m, c}] = static_cast<std::int32_t>(is_set ? 0 - mask : mask);
                    EXPECT_EQ(resolution.golden_bits, static_cast<std::uint32_t>(sum));
                } else {
                    EXPECT_EQ(resolution.dead, DeadReason::idle);
                }
                EXPECT_EQ(deltas_of(resolution), expected);
            }
        }
    }
}

// C[m][c] += d·A[m][r] for every m with s + m + r + c ≥ e (in front of the MAC), ≥ e + 1 (behind it).
TEST_P(RegisterFormulas, WeightOnceInPlace) {
    const Cycle in_place = GetParam().shadow ? s + 6 : BareMachine::kPreload + machine.r - 1;
    for (int r = 0; r < machine.r; ++r) {
        for (int c = 0; c < machine.c; ++c) {
            for (Cycle e = in_place; e < s + 15; ++e) {
                SCOPED_TRACE(testing::Message() << r << ' ' << c << ' ' << e);
                const int bit = static_cast<int>(e) % 8;
                const Resolution resolution = machine.resolve(SiteKind::pe_weight, r * machine.c + c, e, bit);
                Deltas expected;
                bool read = false;
                for (std::int64_t m = 0; m < BareMachine::kPixels; ++m) {
                    if (s + m + r + c >= (output() ? e + 1 : e)) {
                        read = true;
                        expected[{m, c}] =
                            (flipped(machine.b(r, c), bit) - machine.b(r, c)) * machine.a(m, r);
                    }
                }
                drop_zeros(expected);
                EXPECT_EQ(deltas_of(resolution), expected);
                EXPECT_EQ(resolution.dead == DeadReason::never_read, !read);
                EXPECT_EQ(resolution.golden_bits, static_cast<std::uint8_t>(machine.b(r, c)));
            }
        }
    }
}

// While the chain fills, the struck word goes on to the row it belongs to and is wrong for every pixel.
TEST_P(RegisterFormulas, ChainCarriesTheStruckWordDown) {
    const SiteKind site = GetParam().shadow ? SiteKind::pe_weight_shadow : SiteKind::pe_weight;
    for (int i = 0; i < machine.r; ++i) {
        for (int r = 0; r < machine.r; ++r) {
            for (int c = 0; c < machine.c; ++c) {
                SCOPED_TRACE(testing::Message() << i << ' ' << r << ' ' << c);
                const Resolution resolution =
                    machine.resolve(site, r * machine.c + c, BareMachine::kPreload + i, 3);
                if (r > i) {
                    EXPECT_EQ(resolution.dead, DeadReason::idle);
                    continue;
                }
                const int home = machine.r - 1 - i + r;
                Deltas expected;
                for (std::int64_t m = 0; m < BareMachine::kPixels; ++m) {
                    expected[{m, c}] =
                        (flipped(machine.b(home, c), 3) - machine.b(home, c)) * machine.a(m, home);
                }
                drop_zeros(expected);
                EXPECT_EQ(deltas_of(resolution), expected);
            }
        }
    }
}

// A shadow register counts until its value is taken over, to the cycle.
TEST_P(RegisterFormulas, ShadowIsReadOnce) {
    if (!GetParam().shadow) {
        EXPECT_EQ(machine.resolve(SiteKind::pe_weight_shadow, 0, s, 0).dead, DeadReason::absent);
        return;
    }
    for (int r = 0; r < machine.r; ++r) {
        for (int c = 0; c < machine.c; ++c) {
            const Cycle swap = s + r + c - (output() ? 1 : 0);
            const std::int64_t unit = r * machine.c + c;
            EXPECT_FALSE(machine.resolve(SiteKind::pe_weight_shadow, unit, swap - 1, 6).faults.empty());
            EXPECT_EQ(machine.resolve(SiteKind::pe_weight_shadow, unit, swap, 6).dead,
                      DeadReason::never_read);
            EXPECT_EQ(machine.resolve(SiteKind::pe_weight, unit, swap - 1, 6).dead, DeadReason::idle);
            EXPECT_EQ(deltas_of(machine.resolve(SiteKind::pe_weight, unit, swap, 6)).size(),
                      static_cast<std::size_t>(BareMachine::kPixels));
        }
    }
}

std::string name_of_case(const testing::TestParamInfo<Convention>& one) {
    const bool output = one.param.operand_register == OperandRegister::output;
    return std::string(output ? "output" : "input") + (one.param.shadow ? "_shadow" : "");
}

INSTANTIATE_TEST_SUITE_P(Conventions, RegisterFormulas,
                         testing::Values(Convention{OperandRegister::output, false},
                                         Convention{OperandRegister::output, true},
                                         Convention{OperandRegister::input, false},
                                         Convention{OperandRegister::input, true}),
                         name_of_case);

}  // namespace
}  // namespace fluence::fault
