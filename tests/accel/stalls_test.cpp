// The waits that a run records are those that its layers count.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/core/error.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

using traces::StallCause;

TEST(Stalls, AddUpToTheLayersCountsAndDoNotOverlap) {
    constexpr std::uint64_t kSeed = 41;
    int ran = 0;
    for (const AcceleratorConfig& config : test::test_machines()) {
        SCOPED_TRACE(config.name + ", seed " + std::to_string(kSeed));
        RandomStream stream(kSeed, RandomPurpose::testing, 0);
        const workloads::Graph graph = test::resnet_like_graph(stream);
        traces::Timeline timeline;
        try {
            timeline =
                run_machine(graph, config, protect::Policy(), test::random_image(graph, stream)).timeline;
        } catch (const InputError&) {
            continue;  // a buffer smaller than a tile
        }
        ++ran;
        std::map<std::pair<std::size_t, StallCause>, std::int64_t> cycles;
        std::map<std::size_t, traces::Cycle> end;
        for (const traces::Stall& stall : timeline.stalls) {
            const std::size_t layer = index_of(stall.layer);
            EXPECT_LT(stall.begin, stall.end);
            EXPECT_GE(stall.begin, std::max(end[layer], timeline.layers[layer].begin));
            EXPECT_LE(stall.end, timeline.layers[layer].end);
            end[layer] = stall.end;
            cycles[{layer, stall.cause}] += stall.end - stall.begin;
        }
        for (std::size_t i = 0; i < timeline.layers.size(); ++i) {
            const traces::LayerStats& layer = timeline.layers[i];
            const std::pair<StallCause, std::int64_t> counts[] = {
                {StallCause::preload, layer.preload_cycles},
                {StallCause::weights, layer.stall_weights},
                {StallCause::activations, layer.stall_activations},
                {StallCause::drain, layer.stall_drain},
                {StallCause::store, layer.stall_store},
                {StallCause::port, layer.stall_port}};
            for (const auto& [cause, count] : counts) {
                const std::int64_t recorded = cycles[{i, cause}];
                EXPECT_EQ(recorded, count) << layer.name << " " << name_of(cause);
            }
        }
    }
    EXPECT_GT(ran, 2);
}

}  // namespace
}  // namespace fluence::accel
