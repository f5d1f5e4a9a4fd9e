// What a policy's parts do in the register-true machine, each case worked out by hand: checksum and zero on
// detection, range restriction, recovery from words that cannot be corrected, scrubbing.
#include <gtest/gtest.h>

#include <algorithm>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/core/error.h"
#include "sim/dataflow/checksum_column.h"
#include "sim/dataflow/space_time.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"
#include "tests/support/upsets.h"

namespace fluence::accel {
namespace {

using test::upset;
using traces::Fold;
using traces::SiteKind;
using traces::Upset;
using workloads::Codes;

constexpr std::size_t kLogits = 3;  // the layer behind two convolutions and a flatten

// Two convolutions and a classifier on a 4×4 array: folds of 4 terms and 4 channels.
class DetailedPolicies : public testing::Test {
  protected:
    DetailedPolicies() : stream_(20260904, RandomPurpose::testing, 0) {
        graph_ = test::two_convolutions(stream_);
        image_ = test::random_image(graph_, stream_);
        config_ = test::machine("4x4", {});
    }

    std::vector<DetailedRun> run(const std::vector<std::vector<Upset>>& lists,
                                 const std::vector<arith::OutputBounds>& bounds = {}) {
        timeline_ = run_machine(graph_, config_, policy_, image_).timeline;
        return run_detailed_each(graph_, config_, policy_, timeline_, image_, lists, bounds);
    }
    void time() { timeline_ = run_machine(graph_, config_, policy_, image_).timeline; }
    std::vector<Codes> golden(const std::vector<arith::OutputBounds>& bounds = {}) const {
        return arith::reference_run(graph_, bounds, image_, {});
    }
    const Codes& output(const DetailedRun& run, std::size_t layer) const {
        return run.tensors[index_of(graph_.layers[layer].output)];
    }
    // The first fold of a layer with the given place in the reduction.
    const Fold& fold(std::size_t layer, std::int32_t k_fold) const {
        return *std::find_if(timeline_.folds.begin(), timeline_.folds.end(),
                             [&](const Fold& f) { return index_of(f.layer) == layer && f.k_fold == k_fold; });
    }
    // In the sum of pixel 2 and the block's channel 1, at the last row of the array: bit 20.
    Upset struck_sum(std::size_t layer) const {
        const Fold& f = fold(layer, 0);
        return upset(SiteKind::pe_psum, 3 * 4 + 1,
                     dataflow::SpaceTimeMap(config_.array).psum_cycle(f, layer == kLogits ? 0 : 2, 3, 1), 20);
    }

    RandomStream stream_;
    workloads::Graph graph_;
    Codes image_;
    AcceleratorConfig config_;
    protect::Policy policy_;
    traces::Timeline timeline_;
};

TEST_F(DetailedPolicies, checksum_detects_and_nothing_acts) {
    policy_.checksum.emplace();
    time();
    const std::vector<DetailedRun> runs = run({{}, {struck_sum(0)}});
    EXPECT_EQ(runs[0].tensors, golden());
    EXPECT_FALSE(runs[0].detected || runs[0].unrepaired);
    EXPECT_NE(output(runs[1], 0), output(runs[0], 0));
    EXPECT_TRUE(runs[1].detected && runs[1].unrepaired);
    EXPECT_FALSE(runs[1].suppressed || runs[1].corrected || runs[1].aborted);
}

TEST_F(DetailedPolicies, zero_on_detection_zeroes_the_located_block_alone) {
    policy_.checksum.emplace();
    policy_.zero.emplace();
    time();
    const std::vector<DetailedRun> runs = run({{struck_sum(0)}, {struck_sum(kLogits)}});
    Codes expected = golden()[index_of(graph_.layers[0].output)];
    for (int channel = 0; channel < 4; ++channel) {
        expected[static_cast<std::size_t>(channel * 16 + 2)] = 0;  // of 4×4 outputs, pixel 2
    }
    EXPECT_EQ(output(runs[0], 0), expected);
    EXPECT_TRUE(runs[0].detected && runs[0].suppressed);
    EXPECT_FALSE(runs[0].unrepaired);
    // The logits stay as they are.
    EXPECT_TRUE(runs[1].detected && runs[1].unrepaired);
    EXPECT_FALSE(runs[1].suppressed);
}

TEST_F(DetailedPolicies, checksum_column_alone_sees_an_activation_that_leaves_the_array) {
    policy_.checksum.emplace();
    time();
    // Registers at the output: column 3 has multiplied already when its register is struck.
    const Fold& f = fold(0, 1);
    const Upset leaving = upset(SiteKind::pe_activation, 2 * 4 + 3,
                                dataflow::SpaceTimeMap(config_.array).operand_cycle(f, 5, 2, 3), 6);
    const std::vector<DetailedRun> runs = run({{leaving}});
    EXPECT_EQ(runs[0].tensors, golden());
    EXPECT_TRUE(runs[0].detected && runs[0].unrepaired);
}

// Pixel 2 of the first pass, whose words are the first bank's: the word counts until the last channel of the
// block is subtracted, the comparator's register in the cycle behind that edge alone.
TEST_F(DetailedPolicies, an_upset_of_a_checksum_sum_is_a_false_alarm_until_it_is_compared) {
    policy_.checksum.emplace();
    time();
    const traces::VectorPass& pass = timeline_.passes[0];
    const std::int64_t last = (pass.channels - 1) * pass.pixels + 2;
    const traces::Cycle compared = pass.read_cycle(last) + 1;
    const traces::Cycle begun = dataflow::ChecksumColumn(config_.array).hand_over(fold(0, 0), 2) + 1;
    const auto word = [&](traces::Cycle cycle) { return upset(SiteKind::checksum_sum, 2, cycle, 7); };
    const auto comparator = [&](traces::Cycle cycle) {
        return upset(SiteKind::checksum_compare, last % pass.lanes, cycle, 7);
    };
    const std::vector<DetailedRun> runs = run({{word(begun - 1)},
                                               {word(begun)},
                                               {word(compared - 1)},
                                               {word(compared)},
                                               {comparator(compared - 1)},
                                               {comparator(compared)},
                                               {comparator(compared + 1)},
                                               // Inverted and inverted again.
                                               {word(compared - 1), comparator(compared)},
                                               {word(begun), word(begun)}});
    const std::vector<bool> alarms = {false, true, true, false, false, true, false, true, false};
    for (std::size_t i = 0; i < runs.size(); ++i) {
        EXPECT_EQ(runs[i].tensors, golden()) << i;
        // A register of the comparator holds pixel 2's difference alone, others hold those of other pixels.
        const bool other = i == 4 || i == 6;
        EXPECT_TRUE(other || runs[i].detected == alarms[i]) << i;
        EXPECT_EQ(runs[i].detected, runs[i].unrepaired) << i;
    }
}

TEST_F(DetailedPolicies, a_false_alarm_zeroes_a_correct_block) {
    policy_.checksum.emplace();
    policy_.zero.emplace();
    time();
    const Fold& f = fold(0, 0);
    const dataflow::SpaceTimeMap map(config_.array);
    // What the last row of the column has summed of pixel 2: all four terms of the fold.
    const Upset sum = upset(SiteKind::checksum_psum, 3, map.psum_cycle(f, 2, 3, 4), 20);
    // w̃ of row 1, from pixel 5 on.
    const Upset weight = upset(SiteKind::checksum_weight, 1, map.mac_cycle(f, 5, 1, 4), 9);
    const std::vector<DetailedRun> runs = run({{sum}, {weight}});
    const Codes right = golden()[index_of(graph_.layers[0].output)];
    Codes expected = right;
    for (std::size_t channel = 0; channel < 4; ++channel) {
        expected[channel * 16 + 2] = 0;
    }
    EXPECT_EQ(output(runs[0], 0), expected);
    EXPECT_TRUE(runs[0].detected && runs[0].suppressed);
    // Term 1 is pixel (0, 1) of the window: a code of zero does not show the wrong weight.
    expected = right;
    for (std::size_t pixel = 5; pixel < 16; ++pixel) {
        const std::size_t code = (pixel / 4) * 6 + pixel % 4 + 1;
        for (std::size_t channel = 0; channel < 4 && image_[code] != 0; ++channel) {
            expected[channel * 16 + pixel] = 0;
        }
    }
    EXPECT_EQ(output(runs[1], 0), expected);
}

// The same sum off by as much in the array and in the column: the alarm does not come.
TEST_F(DetailedPolicies, a_struck_checksum_hides_an_error) {
    policy_.checksum.emplace();
    time();
    const Fold f = fold(0, 0);  // run() makes the timeline anew
    const dataflow::SpaceTimeMap map(config_.array);
    const auto partial = [&](std::int64_t pixel, std::int64_t channel) {
        std::int64_t sum = 0;
        for (std::int64_t k = 0; k < 4; ++k) {  // the fold's terms, rows 0 and 1 of a window of 3 × 3
            const auto code = static_cast<std::size_t>((pixel / 4 + k / 3) * 6 + pixel % 4 + k % 3);
            sum += std::int64_t{image_[code]} *
                   graph_.layers[0].weights[static_cast<std::size_t>(channel * 27 + k)];
        }
        return sum;
    };
    int hidden = 0;
    for (std::int64_t pixel = 0; pixel < 16; ++pixel) {
        const std::int64_t all =
            partial(pixel, 0) + partial(pixel, 1) + partial(pixel, 2) + partial(pixel, 3);
        const Upset sum = upset(SiteKind::pe_psum, 3 * 4 + 1, map.psum_cycle(f, pixel, 3, 1), 20);
        const Upset column = upset(SiteKind::checksum_psum, 3, map.psum_cycle(f, pixel, 3, 4), 20);
        const std::vector<DetailedRun> runs = run({{sum, column}, {sum}, {column}});
        const bool same_sign = (partial(pixel, 1) < 0) == (all < 0);
        EXPECT_EQ(runs[0].detected, !same_sign) << pixel;
        EXPECT_TRUE(runs[1].detected && runs[2].detected);
        hidden += same_sign ? 1 : 0;
    }
    EXPECT_GT(hidden, 0);
}

TEST_F(DetailedPolicies, an_array_that_activations_do_not_leave_has_no_checksum_column) {
    policy_.checksum.emplace();
    config_.array.dataflow = "input-stationary";
    EXPECT_THROW(run({{}}), InputError);
}

TEST_F(DetailedPolicies, checksum_is_exact_where_narrow_sums_wrap) {
    policy_.checksum.emplace();
    config_.array.accumulator_bits = 16;
    time();
    const Upset struck = upset(SiteKind::pe_psum, 3 * 4 + 1,
                               dataflow::SpaceTimeMap(config_.array).psum_cycle(fold(0, 0), 2, 3, 1), 15);
    const std::vector<DetailedRun> runs = run({{}, {struck}});
    EXPECT_NE(runs[0].tensors, golden());  // sums did overflow
    EXPECT_FALSE(runs[0].detected);
    EXPECT_TRUE(runs[1].detected && runs[1].unrepaired);
}

TEST_F(DetailedPolicies, sums_that_may_saturate_have_no_checksum_column) {
    policy_.checksum.emplace();
    config_.array.accumulator_bits = 16;
    config_.array.overflow = Overflow::saturate;
    EXPECT_THROW(run({{}}), InputError);
}

TEST_F(DetailedPolicies, range_restriction_counts_where_the_value_was_wrong) {
    policy_.range.emplace();
    std::vector<arith::OutputBounds> bounds(graph_.layers.size());
    const Codes clean = golden()[index_of(graph_.layers[0].output)];
    const std::int32_t highest = *std::max_element(clean.begin(), clean.end());
    bounds[0].lo.assign(6, 0);
    bounds[0].hi.assign(6, highest / 2);  // legitimate values are clamped too, and that is no suppression
    time();
    const std::vector<DetailedRun> runs = run({{}, {struck_sum(0)}}, bounds);
    EXPECT_EQ(runs[0].tensors, golden(bounds));
    EXPECT_FALSE(runs[0].suppressed);
    // 2^20 more saturates the code at 255.
    Codes expected = golden(bounds)[index_of(graph_.layers[0].output)];
    expected[1 * 16 + 2] = highest / 2;
    EXPECT_EQ(output(runs[1], 0), expected);
    EXPECT_TRUE(runs[1].suppressed);
    EXPECT_FALSE(runs[1].detected);
}

TEST_F(DetailedPolicies, a_damaged_word_of_a_buffer_is_fetched_again) {
    for (const Memory memory : {Memory::weight_buffer, Memory::activation_buffer}) {
        policy_.memory[index_of(memory)].code = "secded";
        policy_.memory[index_of(memory)].on_due = protect::DueAction::refetch;
    }
    policy_.memory[index_of(Memory::dram)].code = "parity";
    time();
    const traces::Load& weights = timeline_.loads[static_cast<std::size_t>(fold(0, 0).weight_load)];
    const std::int64_t word = fold(0, 0).weight_word;
    const auto two_bits = [&](SiteKind site, std::int64_t unit, traces::Cycle cycle) {
        Upset struck = upset(site, unit, cycle, 3);
        struck.bits.set(17);
        return struck;
    };
    const Upset in_buffer = two_bits(SiteKind::weight_buffer, word, weights.done());
    const std::int64_t at = word - weights.segments[0].buffer_word + weights.segments[0].dram_word;
    const Upset in_dram = upset(SiteKind::dram, at, weights.done(), 5);
    const traces::Load& inputs = timeline_.loads[static_cast<std::size_t>(fold(0, 0).activation_load)];
    const Upset in_inputs =
        two_bits(SiteKind::activation_buffer, inputs.segments[0].buffer_word, inputs.done());
    const std::vector<DetailedRun> runs = run({{in_buffer}, {in_buffer, in_dram}, {in_inputs}});
    // DRAM's 7 cycles, write, read again with a cycle of decoding.
    for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
        EXPECT_EQ(runs[i].tensors, golden());
        EXPECT_TRUE(runs[i].detected);
        EXPECT_FALSE(runs[i].suppressed || runs[i].corrected || runs[i].aborted);
        EXPECT_EQ(runs[i].recovery_cycles, 7 + 1 + 1 + 1);
    }
    EXPECT_NE(runs[1].tensors, golden());
    EXPECT_TRUE(runs[1].detected && runs[1].suppressed);
    EXPECT_EQ(runs[1].recovery_cycles, 7 + 1 + 1 + 1);
}

TEST_F(DetailedPolicies, a_damaged_sum_is_computed_again) {
    config_.output_buffer.word_bits = 64;  // two sums a word
    policy_.memory[index_of(Memory::output_buffer)].code = "parity";
    policy_.memory[index_of(Memory::output_buffer)].on_due = protect::DueAction::recompute;
    time();
    // Pixels 6 and 7 of channel 0 share a word. All of fold 2 are summed when its last one is; fold 3 reads
    // pixel 6 behind that.
    const dataflow::SpaceTimeMap map(config_.array);
    const Fold& third = fold(0, 2);
    const Fold& fourth = fold(0, 3);
    const traces::Cycle written = map.accumulate_cycle(third, 7, 0, 0) + 1;
    ASSERT_LE(written, map.accumulate_cycle(fourth, 6, 0, 0));
    const Upset struck = upset(SiteKind::output_buffer, (third.accumulator + 6) / 2, written, 9);
    const std::vector<DetailedRun> runs = run({{struck}});
    EXPECT_EQ(runs[0].tensors, golden());
    EXPECT_TRUE(runs[0].detected);
    EXPECT_FALSE(runs[0].suppressed);
    // 2 sums of 12 products, 2 words each at a word a cycle; DRAM's 7 cycles, write, read again.
    EXPECT_EQ(runs[0].recovery_cycles, 7 + 2 * (2 * 12) + 1 + 1);
}

TEST_F(DetailedPolicies, abort_ends_the_inference) {
    policy_.memory[index_of(Memory::dram)].code = "parity";
    policy_.memory[index_of(Memory::dram)].on_due = protect::DueAction::abort;
    time();
    const traces::Load& weights = timeline_.loads[static_cast<std::size_t>(fold(1, 0).weight_load)];
    const std::vector<DetailedRun> runs =
        run({{upset(SiteKind::dram, weights.segments[0].dram_word, 0, 1)}, {}});
    EXPECT_TRUE(runs[0].aborted && runs[0].detected);
    EXPECT_TRUE(std::all_of(output(runs[0], kLogits).begin(), output(runs[0], kLogits).end(),
                            [](std::int32_t code) { return code == 0; }));
    EXPECT_FALSE(runs[1].aborted);
    EXPECT_EQ(runs[1].tensors, golden());
}

TEST_F(DetailedPolicies, scrubbing_keeps_two_upsets_of_a_word_apart) {
    policy_.memory[index_of(Memory::dram)].code = "secded";
    time();
    const traces::Load& weights = timeline_.loads[static_cast<std::size_t>(fold(kLogits, 0).weight_load)];
    const std::int64_t word = weights.segments[0].dram_word;
    ASSERT_GT(weights.begin, word + 10);
    // With period 1 the word is read in cycle word + 1 for the first time, and is clean at the next edge.
    const Upset first = upset(SiteKind::dram, word, 0, 4);
    const std::vector<std::vector<Upset>> lists = {
        {first, upset(SiteKind::dram, word, word + 2, 11)},
        {first, upset(SiteKind::dram, word, word + 1, 11)},
        {first, upset(SiteKind::dram, word, 1, 11)},
    };
    policy_.memory[index_of(Memory::dram)].scrub_period = Cycles(1);
    const std::vector<DetailedRun> scrubbed = run(lists);
    EXPECT_EQ(scrubbed[0].tensors, golden());
    EXPECT_TRUE(scrubbed[0].corrected);
    EXPECT_FALSE(scrubbed[0].detected);
    EXPECT_TRUE(scrubbed[1].detected) << "both struck before the scrubber came";
    EXPECT_TRUE(scrubbed[2].detected);
    policy_.memory[index_of(Memory::dram)].scrub_period = Cycles(0);
    for (const DetailedRun& run_ : run(lists)) {
        EXPECT_TRUE(run_.detected);
    }
}

TEST_F(DetailedPolicies, sites_that_the_machine_does_not_have_are_refused) {
    const auto message = [&](const Upset& wrong) {
        try {
            run({{}, {wrong}});
        } catch (const InputError& error) {
            return std::string(error.what());
        }
        return std::string("nothing");
    };
    EXPECT_EQ(message(upset(SiteKind::pe_drain, 0, 5, 0)),
              "4x4: upsets[0].site: is pe_drain, which this machine does not have");
    EXPECT_EQ(message(upset(SiteKind::pe_psum, 16, 5, 0)),
              "4x4: upsets[0].unit: is 16: pe_psum has 16 (valid: 0 … 15)");
}

// A copy that is outvoted, copies that are wrong alike, and a detected error: the array computes again from
// the edge at which its oldest unfinished fold began.
TEST_F(DetailedPolicies, registers_that_vote_or_compare) {
    policy_.registers.fill({"tmr", protect::RegisterAction::recompute});
    time();
    const Upset sum = struck_sum(0);
    Upset copy = sum;
    copy.bits = WordBits();
    copy.bits.set(32 + 20);
    Upset two = sum;
    two.bits.set(64 + 20);
    std::vector<DetailedRun> runs = run({{sum}, {copy}, {two}});
    for (const std::size_t i : {0u, 1u}) {
        EXPECT_EQ(runs[i].tensors, golden());
        EXPECT_TRUE(runs[i].corrected && !runs[i].detected);
        EXPECT_EQ(runs[i].recovery_cycles, 0);
    }
    EXPECT_NE(output(runs[2], 0), output(runs[0], 0));

    policy_.registers.fill({"dmr", protect::RegisterAction::recompute});
    runs = run({{sum}});
    EXPECT_EQ(runs[0].tensors, golden());
    EXPECT_TRUE(runs[0].detected && !runs[0].corrected && !runs[0].unrepaired);
    EXPECT_EQ(runs[0].recovery_cycles, sum.cycle - fold(0, 0).preload + 1);

    policy_.registers.fill({"dmr", protect::RegisterAction::abort});
    EXPECT_TRUE(run({{sum}})[0].aborted);
}

}  // namespace
}  // namespace fluence::accel
