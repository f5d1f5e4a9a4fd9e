// Upsets of the vector unit's registers in the register-true machine, each case worked out by hand.
#include <gtest/gtest.h>

#include <algorithm>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"
#include "tests/support/upsets.h"

namespace fluence::accel {
namespace {

using test::upset;
using traces::Cycle;
using traces::SiteKind;
using traces::Upset;
using workloads::Codes;

// A convolution of 4 channels and 4×4 pixels with ReLU and a classifier on a 4×4 array, 4 lanes, pipelines of
// 3 cycles: accumulator, biased accumulator, code.
class DetailedVector : public testing::Test {
  protected:
    DetailedVector() : stream_(20261122, RandomPurpose::testing, 0) {
        test::GraphBuilder builder("vector", stream_, {2, 6, 6}, workloads::NumberFormat::u8);
        test::GraphBuilder::ConvOptions options;
        options.window.kernel_h = options.window.kernel_w = 3;
        const TensorId first = builder.conv(builder.input(), 4, options);
        builder.logits(builder.flatten(first), 4);
        graph_ = builder.finish();
        image_ = test::random_image(graph_, stream_);
        config_ = test::machine("4x4", {});
    }

    std::vector<DetailedRun> run(const std::vector<std::vector<Upset>>& lists,
                                 const std::vector<arith::OutputBounds>& bounds = {}) {
        return run_detailed_each(graph_, config_, policy_, timeline_, image_, lists, bounds);
    }
    void time() { timeline_ = run_machine(graph_, config_, policy_, image_).timeline; }
    std::vector<Codes> golden() const { return arith::reference_run(graph_, {}, image_, {}); }
    Codes convolved(const DetailedRun& run) const { return run.tensors[index_of(graph_.layers[0].output)]; }
    // Without the bias.
    std::int32_t accumulator(std::int64_t channel, std::int64_t pixel) const {
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < 18; ++k) {
            const auto code =
                static_cast<std::size_t>(k / 9 * 36 + (pixel / 4 + k % 9 / 3) * 6 + pixel % 4 + k % 3);
            sum += image_[code] * graph_.layers[0].weights[static_cast<std::size_t>(channel * 18 + k)];
        }
        return sum;
    }
    std::int32_t code(std::int64_t channel, std::int32_t biased) const {
        const workloads::Layer& layer = graph_.layers[0];
        const auto c = static_cast<std::size_t>(channel);
        return static_cast<std::int32_t>(std::clamp<std::int64_t>(
            workloads::rescale(biased, layer.multiplier[c], layer.shift[c]), layer.clamp_lo, layer.clamp_hi));
    }
    std::int32_t bias(std::int64_t channel) const {
        return graph_.layers[0].bias[static_cast<std::size_t>(channel)];
    }
    // Of stage `stage` while it holds the element; lanes are read four at a time, without decoding.
    Upset in_stage(std::int64_t element, int stage, int bit, Cycle late = 0) const {
        return upset(SiteKind::vector_pipeline, stage * 4 + element % 4,
                     timeline_.passes[0].begin + element / 4 + 1 + stage + late, bit);
    }

    RandomStream stream_;
    workloads::Graph graph_;
    Codes image_;
    AcceleratorConfig config_;
    protect::Policy policy_;
    traces::Timeline timeline_;
};

TEST_F(DetailedVector, a_register_holds_one_element_for_one_cycle) {
    time();
    constexpr std::int64_t kElement = 2 * 16 + 9;  // channel 2, pixel 9
    ASSERT_EQ(timeline_.passes[0].elements, 64);
    const auto with = [&](std::int64_t element, std::int32_t changed) {
        Codes codes = golden()[index_of(graph_.layers[0].output)];
        codes[static_cast<std::size_t>(element)] = changed;
        return codes;
    };
    const std::int32_t sum = accumulator(2, 9);
    const std::int32_t right = golden()[index_of(graph_.layers[0].output)][kElement];
    ASSERT_EQ(code(2, sum + bias(2)), right);
    const std::vector<DetailedRun> runs =
        run({{in_stage(kElement, 0, 12)},
             {in_stage(kElement, 1, 12)},
             {in_stage(kElement, 2, 6)},
             {in_stage(kElement, 2, 9)},      // no bit of a code of 8
             {in_stage(kElement, 0, 12, 1)},  // the next element of the lane
             {in_stage(63, 2, 6, 1)}});       // nothing is in the pipeline any more
    EXPECT_EQ(convolved(runs[0]), with(kElement, code(2, (sum ^ 1 << 12) + bias(2))));
    EXPECT_EQ(convolved(runs[1]), with(kElement, code(2, (sum + bias(2)) ^ 1 << 12)));
    EXPECT_EQ(convolved(runs[2]), with(kElement, right ^ 1 << 6));
    EXPECT_EQ(runs[3].tensors, golden());
    EXPECT_EQ(convolved(runs[4]), with(kElement + 4, code(2, (accumulator(2, 13) ^ 1 << 12) + bias(2))));
    EXPECT_EQ(runs[5].tensors, golden());
}

// A bias is used when its element is on the way to the second stage.
TEST_F(DetailedVector, a_parameter_counts_for_all_that_use_it_from_then_on) {
    time();
    const Cycle used = timeline_.passes[0].begin + (16 + 8) / 4 + 1;  // channel 1, pixels 8 to 11
    // Biases are the first words of 64 bits: channel 1's is in the upper half of word 0.
    const std::vector<DetailedRun> runs = run({{upset(SiteKind::vector_parameter, 0, used, 32 + 11)},
                                               {upset(SiteKind::vector_parameter, 0, used + 1, 32 + 11)}});
    for (const std::size_t late : {std::size_t{0}, std::size_t{1}}) {
        Codes expected = golden()[index_of(graph_.layers[0].output)];
        for (std::int64_t pixel = 8 + 4 * static_cast<std::int64_t>(late); pixel < 16; ++pixel) {
            expected[static_cast<std::size_t>(16 + pixel)] =
                code(1, accumulator(1, pixel) + (bias(1) ^ 1 << 11));
        }
        EXPECT_EQ(convolved(runs[late]), expected);
    }
}

// y in the first stage of the code, x beside it; one more stage of the code follows.
TEST_F(DetailedVector, the_relu_check_sees_what_differs_beside_it) {
    policy_.relu_check.emplace();
    time();
    const Codes right = golden()[index_of(graph_.layers[0].output)];
    std::int64_t element = 0;  // with a code above zero and below the largest one
    while (right[static_cast<std::size_t>(element)] == 0 || right[static_cast<std::size_t>(element)] == 255) {
        ++element;
    }
    const Upset y = in_stage(element, 2, 3);
    const Upset x = upset(SiteKind::relu_operand, element % 4, y.cycle, 3);
    const Upset early = in_stage(element, 1, 14);
    const Upset behind = in_stage(element, 3, 3);
    const std::vector<DetailedRun> runs = run({{y}, {x}, {y, x}, {early}, {behind}});
    EXPECT_TRUE(runs[0].detected && runs[0].unrepaired);
    EXPECT_TRUE(runs[1].detected && runs[1].unrepaired);
    EXPECT_EQ(runs[1].tensors, golden()) << "a false alarm";
    EXPECT_FALSE(runs[2].detected) << "wrong alike";
    Codes flipped = right;
    flipped[static_cast<std::size_t>(element)] ^= 1 << 3;
    EXPECT_EQ(convolved(runs[0]), flipped);
    EXPECT_EQ(convolved(runs[2]), flipped);
    EXPECT_EQ(convolved(runs[4]), flipped);
    EXPECT_FALSE(runs[3].detected) << "y follows x";
    EXPECT_FALSE(runs[4].detected) << "compared already";
}

// Every filter twice: positions 0 and 1 of the first pass are channel 0 and its copy, 2 and 3 channel 1.
// Accumulators are compared in front of the pipeline, and nothing of a copy goes into it.
TEST_F(DetailedVector, a_copy_leaves_nothing_in_the_pipeline) {
    policy_.duplication.emplace();
    policy_.duplication->plan.fraction = 1;
    policy_.relu_check.emplace();
    time();
    ASSERT_EQ(timeline_.passes[0].elements, 64);
    const Codes right = golden()[index_of(graph_.layers[0].output)];
    std::int64_t pixel = 0;  // of channel 1, neither 0 nor the largest code
    while (right[static_cast<std::size_t>(16 + pixel)] == 0 ||
           right[static_cast<std::size_t>(16 + pixel)] == 255) {
        ++pixel;
        ASSERT_LT(pixel, 16);
    }
    const std::int64_t itself = 2 * 16 + pixel, copy = 3 * 16 + pixel;
    const std::vector<DetailedRun> runs = run({{in_stage(itself, 0, 12)},
                                               {in_stage(copy, 0, 12)},
                                               {in_stage(itself, 2, 3)},
                                               {in_stage(copy, 2, 3)}});
    Codes expected = right;
    expected[static_cast<std::size_t>(16 + pixel)] = code(1, (accumulator(1, pixel) ^ 1 << 12) + bias(1));
    EXPECT_EQ(convolved(runs[0]), expected);
    EXPECT_FALSE(runs[0].detected) << "behind the comparison";
    expected[static_cast<std::size_t>(16 + pixel)] = right[static_cast<std::size_t>(16 + pixel)] ^ 1 << 3;
    EXPECT_EQ(convolved(runs[2]), expected);
    EXPECT_TRUE(runs[2].detected) << "by the ReLU check";
    for (const std::size_t of_copy : {std::size_t{1}, std::size_t{3}}) {
        EXPECT_EQ(runs[of_copy].tensors, golden());
        EXPECT_FALSE(runs[of_copy].detected);
    }
}

// The sum of channel 1 and pixel 6 is kept from edge begin + (2·16 + 6)/4 + 1 on and compared with the copy's
// four cycles later, in lane 2.
TEST_F(DetailedVector, a_flipped_kept_sum_is_a_false_alarm) {
    policy_.duplication.emplace();
    policy_.duplication->plan.fraction = 1;
    time();
    ASSERT_EQ(timeline_.passes[0].elements, 64);
    const Cycle kept = timeline_.passes[0].begin + (2 * 16 + 6) / 4 + 1, compared = kept + 4;
    const Upset word = upset(SiteKind::duplicate_sum, 6, compared - 1, 31);
    const Upset difference = upset(SiteKind::duplicate_compare, 2, compared, 31);
    const std::vector<std::vector<Upset>> seen = {{word},
                                                  {upset(SiteKind::duplicate_sum, 6, kept, 0)},
                                                  {difference}},
                                          unseen = {{},
                                                    {upset(SiteKind::duplicate_sum, 6, kept - 1, 0)},
                                                    {upset(SiteKind::duplicate_sum, 6, compared, 31)},
                                                    {upset(SiteKind::duplicate_sum, 16, compared - 1, 31)},
                                                    {upset(SiteKind::duplicate_compare, 2, compared - 5, 31)},
                                                    {word, word},
                                                    {word, difference}};
    for (const DetailedRun& run : run(seen)) {
        EXPECT_TRUE(run.detected && run.unrepaired);
        EXPECT_EQ(run.tensors, golden()) << "no code is wrong";
    }
    for (const DetailedRun& run : run(unseen)) {
        EXPECT_FALSE(run.detected);
        EXPECT_EQ(run.tensors, golden());
    }
    policy_.zero.emplace();
    Codes expected = golden()[index_of(graph_.layers[0].output)];
    expected[16 + 6] = 0;
    const std::vector<DetailedRun> zeroed = run(seen);
    for (const DetailedRun& run : zeroed) {
        EXPECT_EQ(convolved(run), expected) << "one right output";
        EXPECT_TRUE(run.suppressed);
        EXPECT_FALSE(run.unrepaired);
    }
}

// Bounds of 0 and 250: 250 ^ 2⁷ = 122. With bounds by layer the lane keeps the wrong one to the end of the
// layer, with bounds by channel to the end of the channel.
TEST_F(DetailedVector, a_flipped_bound_alters_right_codes_until_it_is_loaded_anew) {
    std::vector<arith::OutputBounds> bounds(graph_.layers.size());
    bounds[0].lo.assign(4, 0);
    bounds[0].hi.assign(4, 250);
    for (const auto granularity :
         {protect::RangePart::Granularity::layer, protect::RangePart::Granularity::channel}) {
        policy_.range = protect::RangePart{protect::RangePart::Mode::clamp, granularity};
        time();
        constexpr int kLast = 3;  // of the machine's three stages and the one that the part adds
        const Cycle at = timeline_.passes[0].begin + (16 + 4) / 4 + 1 + kLast;  // channel 1, pixels 4 to 7
        const std::vector<DetailedRun> runs = run({{}, {upset(SiteKind::range_bound, 2, at, 8 + 7)}}, bounds);
        Codes expected = convolved(runs[0]);
        const bool by_channel = granularity == protect::RangePart::Granularity::channel;
        const std::size_t end = by_channel ? 32 : 64;
        bool any = false;
        for (std::size_t element = 16 + 4 + 2; element < end; element += 4) {
            any = any || expected[element] > 122;
            expected[element] = std::min(expected[element], 122);
        }
        EXPECT_TRUE(any || by_channel) << "no code shows it";
        EXPECT_EQ(convolved(runs[1]), expected);
        EXPECT_FALSE(runs[1].suppressed) << "the codes were right";
    }
}

}  // namespace
}  // namespace fluence::accel
