// When an upset matters: in the cycle of the last read it does, one cycle later it does not. One fold on a
// 3×4 array with cycles chosen by hand (tests/fault/bare_machine.h): weights are read from DRAM from cycle 10
// on, preload p = 60, stream s = 100, the vector unit reads from 200, the store begins at 300. No code: a
// read takes no decode cycles.
#include <gtest/gtest.h>

#include <limits>

#include "sim/accel/machine.h"
#include "tests/fault/bare_machine.h"

namespace fluence::accel {
namespace {

using test::BareMachine;
using traces::SiteKind;

class DetailedTiming : public testing::TestWithParam<std::tuple<OperandRegister, bool>> {
  protected:
    // Results of 32 bits, so that no change saturates.
    DetailedTiming() : machine_(std::get<0>(GetParam()), std::get<1>(GetParam())) {
        machine_.config.clock_mhz = 100;
        workloads::Layer& layer = machine_.graph.layers[0];
        layer.clamp_lo = std::numeric_limits<std::int32_t>::min();
        layer.clamp_hi = std::numeric_limits<std::int32_t>::max();
        machine_.graph.tensors[1].format = workloads::NumberFormat::s32;
        const dataflow::MemoryMap map(machine_.graph, machine_.config);
        const dataflow::Region& output = map.activations(machine_.graph.logits);
        machine_.timeline.stores[0].segments = {{output.first_word, 0, output.words}};
        machine_.golden = arith::Engine(machine_.graph).run(machine_.image);
    }
    int at_input() const { return std::get<0>(GetParam()) == OperandRegister::input ? 1 : 0; }
    bool shadow() const { return std::get<1>(GetParam()); }

    // The upset changes the result at `cycle`, and no longer one cycle later.
    void expect_last_cycle(SiteKind site, std::int64_t unit, int bit, traces::Cycle cycle) {
        traces::Upset upset;
        upset.site = site;
        upset.unit = unit;
        upset.bits.set(static_cast<std::size_t>(bit));
        std::vector<std::vector<traces::Upset>> lists(3);
        upset.cycle = cycle;
        lists[1] = {upset};
        upset.cycle = cycle + 1;
        lists[2] = {upset};
        const std::vector<DetailedRun> runs = run_detailed_each(
            machine_.graph, machine_.config, machine_.policy, machine_.timeline, machine_.image, lists);
        const std::size_t output = index_of(machine_.graph.logits);
        EXPECT_EQ(runs[0].tensors[output], machine_.golden.tensors[output]);
        EXPECT_NE(runs[1].tensors[output], runs[0].tensors[output])
            << name_of(site) << ' ' << unit << " cycle " << cycle;
        EXPECT_EQ(runs[2].tensors[output], runs[0].tensors[output])
            << name_of(site) << ' ' << unit << " cycle " << cycle + 1;
    }

    BareMachine machine_;
};

constexpr traces::Cycle kP = BareMachine::kPreload, kS = BareMachine::kStream;
constexpr int kM = BareMachine::kPixels;

TEST_P(DetailedTiming, weight_register) {
    // PE(r,c) multiplies its last pixel in cycle s + M−1 + r + c − 1 + in.
    expect_last_cycle(SiteKind::pe_weight, 1 * 4 + 2, 3, kS + kM - 1 + 1 + 2 - 1 + at_input());
}

TEST_P(DetailedTiming, shadow_register) {
    if (shadow()) {
        // It is handed over at edge s + r + c − 1 + in.
        expect_last_cycle(SiteKind::pe_weight_shadow, 1 * 4 + 2, 3, kS + 1 + 2 - 1 + at_input() - 1);
    }
}

TEST_P(DetailedTiming, activation_register) {
    // The last pixel is in register (r,c) in cycle s + M−1 + r + c.
    expect_last_cycle(SiteKind::pe_activation, 2 * 4 + 1, 4, kS + kM - 1 + 2 + 1);
}

TEST_P(DetailedTiming, partial_sum_register) {
    // The same of register (q,c).
    expect_last_cycle(SiteKind::pe_psum, 2 * 4 + 3, 5, kS + kM - 1 + 2 + 3);
}

TEST_P(DetailedTiming, weight_buffer) {
    // A row of 4 weights takes a word; row r is read in cycle p + (R−1−r) − 1.
    for (const int row : {0, 1, 2}) {
        expect_last_cycle(SiteKind::weight_buffer, row, 8 * 1 + 2, kP + (2 - row) - 1);
    }
}

TEST_P(DetailedTiming, activation_buffer) {
    // Row k's pixels take a word; pixel m is read in cycle s + m + k − 1.
    expect_last_cycle(SiteKind::activation_buffer, 2, 8 * 3 + 4, kS + 3 + 2 - 1);
}

TEST_P(DetailedTiming, output_buffer) {
    // The vector unit reads accumulator 7 (channel 1, pixel 2) in cycle 200 + ⌊7/4⌋.
    expect_last_cycle(SiteKind::output_buffer, 7, 5, BareMachine::kDrain + 1);
}

TEST_P(DetailedTiming, dram_word) {
    // The second weight word leaves DRAM in cycle 10 + 1.
    expect_last_cycle(SiteKind::dram, 1, 8 * 1 + 2, 10 + 1);
}

INSTANTIATE_TEST_SUITE_P(Conventions, DetailedTiming,
                         testing::Combine(testing::Values(OperandRegister::output, OperandRegister::input),
                                          testing::Bool()));

}  // namespace
}  // namespace fluence::accel
