// Timelines of the machine obey their rules (timeline_rules.h) for all networks, machines and policies.
#include "traces/timeline.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <map>
#include <set>
#include <sstream>
#include <string>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/core/error.h"
#include "tests/support/random_graph.h"
#include "tests/support/resnet18.h"
#include "timeline_rules.h"

namespace fluence::accel {
namespace {

constexpr std::uint64_t kSeed = 7;

using test::check;
using traces::Timeline;

std::string bytes_of(const Timeline& timeline) {
    std::ostringstream stream;
    traces::write(stream, timeline);
    return stream.str();
}

TEST(MachineTimeline, obeys_its_rules_on_random_graphs) {
    protect::Policy secded = test::with_codes("secded");
    secded.checksum.emplace();
    int ran = 0;
    for (const AcceleratorConfig& config : test::test_machines()) {
        for (std::uint64_t sample = 0; sample < 12; ++sample) {
            SCOPED_TRACE(config.name + ", seed " + std::to_string(kSeed) + ", sample " +
                         std::to_string(sample));
            RandomStream stream(kSeed, RandomPurpose::testing, sample);
            const workloads::Graph graph = test::random_graph(stream, test::with_batches());
            const workloads::Codes image = test::random_image(graph, stream);
            try {
                check(
                    graph, config,
                    run_machine(graph, config, sample % 3 == 0 ? secded : protect::Policy{}, image).timeline);
                ++ran;
            } catch (const InputError&) {
                // Too small a machine; values_test checks the message.
            }
            ASSERT_FALSE(HasFailure());
        }
    }
    EXPECT_GE(ran, 70);
}

// Every dataflow under every convention; timed without values too, with the same result.
TEST(MachineTimeline, obeys_its_rules_on_random_machines) {
    const protect::Policy secded = test::with_codes("secded");
    std::map<std::string, int> ran;
    for (std::uint64_t sample = 1000; sample < 1300; ++sample) {
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const AcceleratorConfig config = test::random_machine(stream);
        SCOPED_TRACE("seed " + std::to_string(kSeed) + ", sample " + std::to_string(sample) + ", " +
                     to_json(config).dump());
        const workloads::Graph graph = test::random_graph(stream, test::with_batches());
        const workloads::Codes image = test::random_image(graph, stream);
        const protect::Policy policy = sample % 3 == 0 ? secded : protect::Policy{};
        try {
            const Timeline timeline = time_machine(graph, config, policy);
            check(graph, config, timeline);
            if (sample % 4 == 0) {
                EXPECT_EQ(bytes_of(timeline), bytes_of(run_machine(graph, config, policy, image).timeline));
            }
            ++ran[config.array.dataflow];
        } catch (const InputError&) {
            // Too small a machine; values_test checks the message.
        }
        ASSERT_FALSE(HasFailure());
    }
    for (const char* dataflow : {"weight-stationary", "output-stationary", "input-stationary"}) {
        EXPECT_GE(ran[dataflow], 60) << dataflow;
    }
}

// A network of real size: its timing takes a fraction of a second of processor time. The bound leaves room
// for slow machines and for builds with sanitizers.
TEST(MachineTimeline, of_resnet18_is_quick) {
    RandomStream stream(kSeed, RandomPurpose::testing, 2000);
    const workloads::Graph graph = test::resnet18_graph(stream);
    AcceleratorConfig config = test::machine("32x32", {32, 32, 1 << 18, 1 << 20, 1 << 20, 128, 64, 64});
    for (const char* dataflow : {"weight-stationary", "output-stationary", "input-stationary"}) {
        config.array.dataflow = dataflow;
        config.array.shadow_weights = config.array.dataflow != "output-stationary";
        rusage before{};
        getrusage(RUSAGE_CHILDREN, &before);
        const Timeline timeline = time_machine(graph, config, {});
        rusage after{};
        getrusage(RUSAGE_CHILDREN, &after);
        EXPECT_LT(after.ru_utime.tv_sec - before.ru_utime.tv_sec, 10) << dataflow;
        // 1.8 thousand million MACs on 1,024 PEs.
        EXPECT_GT(timeline.cycles, 1'771'000) << dataflow;
        EXPECT_LT(timeline.cycles, 2 * 1'771'000) << dataflow;
    }
}

TEST(MachineTimeline, does_not_depend_on_the_image) {
    RandomStream stream(kSeed, RandomPurpose::testing, 500);
    const workloads::Graph graph = test::lenet_like_graph(stream);
    const AcceleratorConfig config = test::test_machines()[2];
    const Timeline a = run_machine(graph, config, {}, test::random_image(graph, stream)).timeline;
    const Timeline b = run_machine(graph, config, {}, test::random_image(graph, stream)).timeline;
    EXPECT_EQ(a.cycles, b.cycles);
    EXPECT_EQ(a.loads.size(), b.loads.size());
}

// With halves that hold any layer, every word moves once.
TEST(MachineTimeline, traffic_is_unique_where_everything_fits) {
    AcceleratorConfig config = test::machine("large", {8, 8, 1 << 20, 1 << 20, 1 << 20, 64, 32, 8});
    for (std::uint64_t sample = 600; sample < 610; ++sample) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + ", sample " + std::to_string(sample));
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const workloads::Graph graph = test::random_graph(stream, test::with_batches());
        const MachineRun run = run_machine(graph, config, {}, test::random_image(graph, stream));
        for (std::size_t i = 0; i < graph.layers.size(); ++i) {
            const traces::LayerStats& stats = run.timeline.layers[i];
            const bool twice =
                graph.layers[i].inputs.size() > 1 &&
                std::set<TensorId>(graph.layers[i].inputs.begin(), graph.layers[i].inputs.end()).size() <
                    graph.layers[i].inputs.size();
            if (!twice) {
                EXPECT_EQ(stats.dram_read_words + stats.dram_write_words, stats.unique_words) << stats.name;
            }
        }
    }
}

}  // namespace
}  // namespace fluence::accel
