// One faulty inference: aborted ones have no answer, and a runner's tensors are those by the definition.
#include "sim/campaign/inference.h"

#include <gtest/gtest.h>

#include "sim/accel/machine.h"
#include "sim/core/config_search.h"
#include "tests/accel/machines.h"
#include "tests/support/random_graph.h"
#include "workloads/batch.h"

namespace fluence::campaign {
namespace {

TEST(Inference, AbortedHasNoAnswerAndIsDue) {
    PolicyFlags flags;
    flags.detected = flags.aborted = true;
    fault::Resolution resolution;
    resolution.dead = fault::DeadReason::no_effect;
    const Inference inference = conclude({1, 2}, resolution, flags, {});
    EXPECT_EQ(inference.outcome, Outcome::due);
    EXPECT_TRUE(inference.logits.empty());
    EXPECT_EQ(inference.dead, fault::DeadReason::none);
}

TEST(Inference, WithoutAChangedValueIsMaskedAndHadNoEffect) {
    const Inference inference = conclude({1, 2}, {}, {}, {});
    EXPECT_EQ(inference.outcome, Outcome::masked);
    EXPECT_EQ(inference.dead, fault::DeadReason::no_effect);
    EXPECT_EQ(inference.logits, (workloads::Codes{1, 2}));
}

TEST(Inference, RestrictedValuesCountAsSuppressed) {
    arith::FaultyRun run;
    run.changed_values = 1;
    run.restricted_values = 1;
    run.logits = {{0, 5}};
    const Inference inference = conclude({1, 2}, {}, {}, run);
    EXPECT_TRUE(inference.flags.suppressed);
    EXPECT_EQ(inference.outcome, Outcome::sdc);
    EXPECT_EQ(inference.logits, (workloads::Codes{5, 2}));
}

// The fast machine's side of tests/accel/batch_test.cpp: PE(0,0) multiplies image i in cycle 22 + i − 1, so
// that a weight inverted at cycle t is wrong for the images from t − 21 on.
TEST(InferenceRunner, AStruckWeightIsWrongForTheImagesStillToCome) {
    RandomStream stream(1, RandomPurpose::testing, 0);
    test::GraphBuilder builder("linear", stream, {3, 1, 1}, workloads::NumberFormat::s8);
    builder.logits(builder.input(), 2);
    const workloads::Graph graph = workloads::batched(builder.finish(), 3, "linear");
    const AcceleratorConfig config = test::machine("hand", {});
    const protect::Policy policy;
    const traces::Timeline timeline = accel::time_machine(graph, config, policy);
    InferenceRunner runner(graph, config, policy, timeline, {}, {10, 20, 30, 1, 2, 3, 4, 5, 6});
    const workloads::Shape& shape = graph.tensor(graph.logits).shape;
    for (int cycle = 21; cycle <= 24; ++cycle) {
        fault::Upset upset;
        upset.site = fault::SiteKind::pe_weight;
        upset.cycle = cycle;
        upset.bits.set(6);
        const workloads::Codes logits = runner.run({upset}).result.logits;
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(workloads::image_of(logits, shape, i) !=
                          workloads::image_of(runner.golden_logits(), shape, i),
                      i >= cycle - 21)
                << "cycle " << cycle << ", image " << i;
        }
    }
}

// Tensors by the engine with the runner's changes on top = every layer again by plain loops.
TEST(InferenceRunner, TensorsAreThoseByTheDefinition) {
    constexpr std::uint64_t kSeed = 20;
    RandomStream stream(kSeed, RandomPurpose::testing, 0);
    const workloads::Graph graph = test::random_graph(stream, {3, 6, 7, 5, false});
    const workloads::Codes image = test::random_image(graph, stream);
    const AcceleratorConfig config = read_accelerator(find_config("accelerators", "tiny-8x8"));
    const protect::Policy policy = protect::load_policy("checksum-zero");
    const traces::Timeline timeline = accel::run_machine(graph, config, policy, image).timeline;
    InferenceRunner runner(graph, config, policy, timeline, {}, image);
    int changed = 0;
    for (int i = 0; i < 300; ++i) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + " upset " + std::to_string(i));
        const traces::Fold& fold = timeline.folds[stream.below(timeline.folds.size())];
        fault::Upset upset;
        upset.site = i % 2 == 0 ? fault::SiteKind::pe_psum : fault::SiteKind::pe_activation;
        upset.unit = static_cast<std::int64_t>(stream.below(64));
        upset.cycle = fold.stream + static_cast<std::int64_t>(
                                        stream.below(static_cast<std::uint64_t>(fold.end - fold.stream)));
        upset.bits[stream.below(8)] = true;
        const TracedInference traced = runner.run({upset});
        const auto expected = arith::reference_run(graph, {}, image, traced.resolution.faults);
        EXPECT_EQ(runner.tensors_of(traced), expected);
        EXPECT_EQ(traced.result.logits, expected[index_of(graph.logits)]);
        changed += traced.layers.empty() ? 0 : 1;
    }
    EXPECT_GT(changed, 10);
}

}  // namespace
}  // namespace fluence::campaign
