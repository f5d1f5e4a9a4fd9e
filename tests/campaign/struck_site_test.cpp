// What the site lookup says a register or word holds, against the resolver's own answer: two closed forms,
// derived apart from each other.
#include "sim/campaign/struck_site.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/accel/machine.h"
#include "sim/core/config_search.h"
#include "sim/core/random.h"
#include "sim/fault/resolver.h"
#include "sim/fault/sites.h"
#include "sim/protect/ppe.h"
#include "tests/support/random_graph.h"

namespace fluence::campaign {
namespace {

constexpr std::uint64_t kSeed = 77;

struct Machine {
    std::string dataflow;
    OperandRegister registers;
    bool shadow;
    int rows, cols;
    int multiplier_stages = 0, accumulator_stages = 1;
    Drain drain = Drain::shift;
    Skew skew = Skew::external;
};

class StruckSites : public testing::TestWithParam<Machine> {};

std::uint64_t raw(std::int64_t value, int bits) {
    const std::uint64_t mask = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    return static_cast<std::uint64_t>(value) & mask;
}

// Whether some read of the site reaches the accumulator of (group, m, n).
bool reached(const StruckSite& site, std::int32_t layer, std::int64_t group, std::int64_t m, std::int64_t n) {
    for (const Macs& macs : site.reads) {
        if (macs.layer == layer && macs.group == group && m >= macs.m.first && m <= macs.m.last &&
            n >= macs.n.first && n <= macs.n.last) {
            return true;
        }
    }
    return false;
}

TEST_P(StruckSites, HoldWhatTheResolverSaysAndReachWhatItChanges) {
    const Machine& machine = GetParam();
    AcceleratorConfig config = read_accelerator(find_config("accelerators", "tiny-8x8"));
    config.array.rows = machine.rows;
    config.array.cols = machine.cols;
    config.array.dataflow = machine.dataflow;
    config.array.operand_register = machine.registers;
    config.array.shadow_weights = machine.shadow;
    config.array.multiplier_stages = machine.multiplier_stages;
    config.array.accumulator_stages = machine.accumulator_stages;
    config.array.drain = machine.drain;
    config.array.skew = machine.skew;
    RandomStream stream(kSeed, RandomPurpose::testing, 0);
    const workloads::Graph graph = test::random_graph(stream, {3, 6, 7, 5, false});
    const workloads::Codes image = test::random_image(graph, stream);
    // Where channels have columns, in another order.
    const bool ranked = config.array.dataflow_kind() != DataflowKind::input_stationary;
    protect::Policy policy = protect::load_policy(ranked ? "ppe" : "none");
    if (ranked) {
        policy.ppe->split = {};  // no column is protected
    }
    const dataflow::ChannelOrders orders = protect::channel_orders(policy, graph, config);
    const traces::Timeline timeline = accel::run_machine(graph, config, policy, image).timeline;
    const arith::GoldenRun golden = arith::Engine(graph, {}).run(image);
    const fault::Resolver resolver(graph, config, policy, timeline);
    auto sites = fault::site_classes(graph, config, policy);
    // Of the vector unit it says nothing more than that.
    sites.erase(std::remove_if(sites.begin(), sites.end(),
                               [](const auto& site) { return traces::is_unit_state(site.kind); }),
                sites.end());
    const dataflow::MemoryMap places(graph, config, orders);
    int held = 0, changed = 0;
    for (int i = 0; i < 4000; ++i) {
        const fault::SiteClass& kind = sites[stream.below(sites.size())];
        const traces::Fold& fold = timeline.folds[stream.below(timeline.folds.size())];
        traces::Upset upset;
        upset.site = kind.kind;
        upset.unit = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(kind.units)));
        upset.cycle =
            fold.preload +
            static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(fold.end - fold.preload + 2)));
        upset.bits[stream.below(static_cast<std::uint64_t>(kind.bits))] = true;
        SCOPED_TRACE("seed " + std::to_string(kSeed) + " upset " + std::to_string(i) + " " +
                     name_of(upset.site) + " unit " + std::to_string(upset.unit) + " cycle " +
                     std::to_string(upset.cycle));
        const StruckSite site = struck_site({graph, config, timeline, golden, orders}, upset);
        const fault::Resolution resolution = resolver.resolve(upset, golden);
        if (!resolution.faults.empty()) {
            ++changed;
            ASSERT_FALSE(site.held.empty());
        }
        if (!site.held.empty() && resolution.golden_bits != resolution.faulty_bits) {
            ++held;
            EXPECT_EQ(raw(site.held[0].before, site.held[0].bits), resolution.golden_bits);
            EXPECT_EQ(raw(site.held[0].after, site.held[0].bits), resolution.faulty_bits);
        }
        const bool operand = !site.held.empty() && (site.held[0].kind == HeldKind::weight ||
                                                    site.held[0].kind == HeldKind::activation ||
                                                    site.held[0].kind == HeldKind::padding);
        for (const arith::LayerFault& fault : resolution.faults) {
            const workloads::Layer& layer = graph.layer(fault.layer);
            const bool moves =
                upset.site == traces::SiteKind::dram || upset.site == traces::SiteKind::pe_product;
            if (!operand || !layer.has_macs() || moves) {
                continue;
            }
            const workloads::GemmShape gemm = workloads::gemm_shape(graph, layer);
            for (const arith::AccumulatorDelta& delta : fault.accumulators) {
                const std::int64_t channel = delta.index / gemm.m;
                EXPECT_TRUE(reached(site, static_cast<std::int32_t>(fault.layer), channel / gemm.n,
                                    delta.index % gemm.m, places.position(fault.layer, channel)));
            }
        }
    }
    EXPECT_GT(held, 100);
    EXPECT_GT(changed, 50);
}

INSTANTIATE_TEST_SUITE_P(Conventions, StruckSites,
                         testing::Values(Machine{"weight-stationary", OperandRegister::output, true, 8, 8},
                                         Machine{"weight-stationary", OperandRegister::input, true, 5, 3},
                                         Machine{"weight-stationary", OperandRegister::output, false, 3, 6},
                                         Machine{"weight-stationary", OperandRegister::input, false, 8, 8, 2,
                                                 1, Drain::shift, Skew::internal},
                                         Machine{"input-stationary", OperandRegister::output, true, 4, 5},
                                         Machine{"input-stationary", OperandRegister::input, false, 8, 3, 1},
                                         Machine{"output-stationary", OperandRegister::output, false, 5, 4},
                                         Machine{"output-stationary", OperandRegister::input, false, 4, 4, 2,
                                                 3, Drain::parallel, Skew::internal}));

}  // namespace
}  // namespace fluence::campaign
