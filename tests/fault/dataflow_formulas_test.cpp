// Upsets of array registers against formulas of every dataflow, register by register and cycle by cycle,
// worked out by hand from the definitions: PE(r,c), step t of the fold, s the edge at which the first operand
// is sampled, LM and LA the multiplier's and the accumulator's stages, in = 1 for operand registers in front
// of the MAC.
#include <gtest/gtest.h>

#include <map>

#include "tests/fault/bare_machine.h"
#include "tests/support/upsets.h"

namespace fluence::fault {
namespace {

using test::BareMachine;
using traces::Cycle;
using Place = std::pair<std::int64_t, std::int64_t>;  // (m, n)
using Deltas = std::map<Place, std::int64_t>;

constexpr Cycle s = BareMachine::kStream;
constexpr Cycle p = BareMachine::kPreload;
constexpr int R = 3, C = 4;

// Of a register of `bits` bits that holds `value`, with one bit inverted.
std::int64_t change_of(std::int64_t value, int bit, int bits) {
    const std::int64_t weight = std::int64_t{1} << bit;
    const bool is_set = (value & weight) != 0;
    const bool sign = bit == bits - 1;
    return is_set == sign ? weight : -weight;
}

std::uint64_t raw(std::int64_t value, int bits) {
    return static_cast<std::uint64_t>(value) & ((std::uint64_t{1} << bits) - 1);
}

class DataflowFormulas : public testing::TestWithParam<ArrayConfig> {
  protected:
    DataflowFormulas()
        : array(GetParam()),
          in(array.operand_register == OperandRegister::input ? 1 : 0),
          lm(array.multiplier_stages),
          la(array.accumulator_stages),
          weights_stay(array.dataflow_kind() == DataflowKind::weight_stationary),
          inputs_stay(array.dataflow_kind() == DataflowKind::input_stationary),
          sums_stay(array.dataflow_kind() == DataflowKind::output_stationary),
          steps(5),
          machine(array,
                  inputs_stay ? C
                  : sums_stay ? R
                              : steps,
                  sums_stay ? steps : R, inputs_stay ? steps : C),
          resolver(machine.graph, machine.config, machine.policy, machine.timeline) {}

    struct Held {
        bool something = false;  // a value whose place in the formulas is known
        std::int64_t value = 0;
        bool zero = false;  // moves at every edge, and nothing but zero is there
    };

    bool within(Cycle t) const { return t >= 0 && t < steps; }
    std::int64_t a(std::int64_t m, std::int64_t k) const { return machine.a(m, static_cast<int>(k)); }
    std::int64_t b(std::int64_t k, std::int64_t n) const {
        return machine.b(static_cast<int>(k), static_cast<int>(n));
    }
    // What the row operand of step t in row r is, and the product of PE(r,c) with it.
    std::int64_t row_operand(Cycle t, int r) const {
        return weights_stay ? a(t, r) : inputs_stay ? b(r, t) : a(r, t);
    }
    std::int64_t other_operand(Cycle t, int r, int c) const {
        return weights_stay ? b(r, c) : inputs_stay ? a(c, r) : b(t, c);
    }
    Place output(Cycle t, int r, int c) const {
        return weights_stay ? Place(t, c) : inputs_stay ? Place(c, t) : Place(r, c);
    }

    template <class Body>
    void each_register(int units, const Body& body) const {
        for (int unit = 0; unit < units; ++unit) {
            for (Cycle e = s - 3; e < s + 30; ++e) {
                body(unit, unit / C, unit % C, e);
            }
        }
    }

    // `changed`: outputs and by what their change is a multiple of the register's change.
    void expect(SiteKind site, std::int64_t unit, Cycle e, int bits, const Held& held,
                const Deltas& multiples) const {
        SCOPED_TRACE(testing::Message() << name_of(site) << ' ' << unit << " cycle " << e);
        const int bit = static_cast<int>((7 * e + unit) % bits);
        const Resolution resolution = resolver.resolve(test::upset(site, unit, e, bit), machine.golden);
        Deltas found;
        for (const arith::LayerFault& fault : resolution.faults) {
            for (const arith::AccumulatorDelta& d : fault.accumulators) {
                found[{d.index % machine.pixels, d.index / machine.pixels}] = d.delta;
            }
        }
        Deltas expected;
        for (const auto& [at, multiple] : multiples) {
            const std::int64_t delta = multiple * change_of(held.value, bit, bits);
            if (delta != 0) {
                expected[at] = static_cast<std::int32_t>(delta);
            }
        }
        EXPECT_EQ(found, expected);
        if (held.something || held.zero) {
            EXPECT_EQ(resolution.golden_bits, raw(held.value, bits));
            EXPECT_EQ(resolution.faulty_bits, raw(held.value, bits) ^ std::uint64_t{1} << bit);
        }
        EXPECT_EQ(resolution.dead == DeadReason::idle, !held.something);
    }

    void row_operands() const {
        const SiteKind site = inputs_stay ? SiteKind::pe_weight : SiteKind::pe_activation;
        each_register(R * C, [&](int unit, int r, int c, Cycle e) {
            const Cycle t = e - s - r - c;
            Deltas multiples;
            Held held{false, 0, true};
            if (within(t)) {
                held = {true, row_operand(t, r), false};
                for (int j = c + 1 - in; j < C; ++j) {
                    multiples[output(t, r, j)] = other_operand(t, r, j);
                }
            }
            expect(site, unit, e, 8, held, multiples);
        });
    }

    void products() const {
        each_register(lm * R * C, [&](int unit, int row, int c, Cycle e) {
            const int j = row / R + 1, r = row % R;
            const Cycle t = e - s - r - c + 1 - in - j;
            Deltas multiples;
            Held held{false, 0, true};
            if (within(t)) {
                held = {true, row_operand(t, r) * other_operand(t, r, c), false};
                multiples[output(t, r, c)] = 1;
            }
            expect(SiteKind::pe_product, unit, e, 16, held, multiples);
        });
    }

    void skew_registers() const {
        if (array.skew == Skew::external) {
            return;
        }
        int unit = 0;
        for (const bool rows : {true, false}) {
            for (int lane = 0; lane < (rows ? R : sums_stay ? C : 0); ++lane) {
                for (int i = 0; i < lane; ++i, ++unit) {
                    for (Cycle e = s - 3; e < s + 20; ++e) {
                        const Cycle t = e - s - i;
                        Deltas multiples;
                        Held held{false, 0, true};
                        if (within(t)) {
                            held = {true, rows ? row_operand(t, lane) : b(t, lane), false};
                            for (int x = 0; x < (rows ? C : R); ++x) {
                                multiples[rows ? output(t, lane, x) : output(t, x, lane)] =
                                    rows ? other_operand(t, lane, x) : a(x, t);
                            }
                        }
                        expect(SiteKind::array_skew, unit, e, 8, held, multiples);
                    }
                }
            }
        }
    }

    const ArrayConfig array;
    const int in, lm, la;
    const bool weights_stay, inputs_stay, sums_stay;
    const int steps;
    const BareMachine machine;
    const Resolver resolver;
};

TEST_P(DataflowFormulas, OperandsThatMove) {
    row_operands();
    skew_registers();
    if (sums_stay) {
        each_register(R * C, [&](int unit, int r, int c, Cycle e) {
            const Cycle t = e - s - r - c;
            Deltas multiples;
            Held held{false, 0, true};
            if (within(t)) {
                held = {true, b(t, c), false};
                for (int i = r + 1 - in; i < R; ++i) {
                    multiples[{i, c}] = a(i, t);
                }
            }
            expect(SiteKind::pe_weight, unit, e, 8, held, multiples);
        });
    }
}

TEST_P(DataflowFormulas, Products) {
    products();
}

TEST_P(DataflowFormulas, SumsThatMove) {
    if (sums_stay) {
        return;
    }
    each_register((R + in) * C, [&](int unit, int q, int c, Cycle e) {
        const Cycle t = e - s - q - c - lm;
        Deltas multiples;
        Held held;
        if (within(t)) {
            held.something = true;
            for (int r = 0; r < q + 1 - in; ++r) {
                held.value += row_operand(t, r) * other_operand(t, r, c);
            }
            multiples[output(t, 0, c)] = 1;
        }
        expect(SiteKind::pe_psum, unit, e, 32, held, multiples);
    });
}

TEST_P(DataflowFormulas, OperandsThatStay) {
    if (sums_stay) {
        return;
    }
    const SiteKind active = inputs_stay ? SiteKind::pe_activation : SiteKind::pe_weight;
    const SiteKind shadow = inputs_stay ? SiteKind::pe_activation_shadow : SiteKind::pe_weight_shadow;
    // The word of stationary row `home`, wrong for the steps that PE(home,c) multiplies in cycle `from` or
    // later.
    const auto wrong_from = [&](int home, int c, Cycle from) {
        Deltas multiples;
        for (Cycle t = 0; t < steps; ++t) {
            if (s + t + home + c - 1 + in >= from) {
                multiples[output(t, home, c)] = row_operand(t, home);
            }
        }
        return multiples;
    };
    for (int unit = 0; unit < R * C; ++unit) {
        const int r = unit / C, c = unit % C;
        const Cycle swap = s + r + c - 1 + in;
        for (int i = 0; i < R; ++i) {  // on its way down the chain
            const int home = R - 1 - i + r;
            const bool here = r <= i;
            expect(array.shadow_weights ? shadow : active, unit, p + i, 8,
                   {here, here ? other_operand(0, home, c) : 0, false},
                   here ? wrong_from(home, c, p) : Deltas{});
        }
        for (Cycle e = p + R; e < s + 20; ++e) {
            const Held own{true, other_operand(0, r, c), false};
            if (!array.shadow_weights) {
                expect(active, unit, e, 8, own, wrong_from(r, c, e));
                continue;
            }
            expect(shadow, unit, e, 8, own, e < swap ? wrong_from(r, c, p) : Deltas{});
            expect(active, unit, e, 8, {e >= swap, e >= swap ? own.value : 0, false},
                   e >= swap ? wrong_from(r, c, e) : Deltas{});
        }
    }
}

TEST_P(DataflowFormulas, SumsThatStay) {
    if (!sums_stay) {
        return;
    }
    const auto sum_of = [&](int r, int c, Cycle terms) {
        std::int64_t sum = 0;
        for (Cycle k = 0; k < terms; ++k) {
            sum += a(r, k) * b(k, c);
        }
        return sum;
    };
    each_register(la * R * C, [&](int unit, int row, int c, Cycle e) {
        const int j = row / R, r = row % R;  // the accumulator, then LA − 1 stages
        const Cycle k = e - s - r - c - lm - in - j;
        Deltas multiples;
        Held held;
        if (within(k)) {
            held = {true, sum_of(r, c, k + 1), false};
            if (j == 0 || k == steps - 1) {
                multiples[{r, c}] = 1;
            }
        }
        expect(j == 0 ? SiteKind::pe_psum : SiteKind::pe_psum_stage, j == 0 ? unit : unit - R * C, e, 32,
               held, multiples);
    });
    if (array.drain == Drain::parallel) {
        return;
    }
    each_register(R * C, [&](int unit, int r, int c, Cycle e) {
        const Cycle copied = s + steps - 1 + r + c + lm + la + in;
        const Cycle all = s + steps - 1 + (R - 1) + (C - 1) + lm + la + in;
        const Cycle from = e <= all ? c : c - (e - all);  // whose sum has moved here
        Deltas multiples;
        Held held{false, 0, true};
        if (e >= copied && from >= 0) {
            held = {true, sum_of(r, static_cast<int>(from), steps), false};
            multiples[{r, from}] = 1;
        }
        expect(SiteKind::pe_drain, unit, e, 32, held, multiples);
    });
}

std::vector<ArrayConfig> conventions() {
    std::vector<ArrayConfig> all;
    for (const char* dataflow : {"weight-stationary", "input-stationary", "output-stationary"}) {
        for (int variant = 0; variant < 8; ++variant) {
            ArrayConfig array;
            array.rows = R;
            array.cols = C;
            array.dataflow = dataflow;
            const bool sums_stay = array.dataflow_kind() == DataflowKind::output_stationary;
            array.operand_register = variant % 2 == 0 ? OperandRegister::output : OperandRegister::input;
            array.shadow_weights = !sums_stay && variant / 2 % 2 == 0;
            array.drain = variant / 2 % 2 == 0 ? Drain::shift : Drain::parallel;
            array.multiplier_stages = variant / 4 * 2;
            array.accumulator_stages = sums_stay && variant % 4 != 0 ? 3 : 1;
            array.skew = variant < 3 ? Skew::external : Skew::internal;
            all.push_back(array);
        }
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(Conventions, DataflowFormulas, testing::ValuesIn(conventions()),
                         [](const testing::TestParamInfo<ArrayConfig>& one) {
                             std::string name = one.param.dataflow + "_" + std::to_string(one.index % 8);
                             name[name.find('-')] = '_';
                             return name;
                         });

}  // namespace
}  // namespace fluence::fault
