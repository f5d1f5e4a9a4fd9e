// Protected PEs: both fidelities agree, whatever the split, its schedule and the ranking; the region corrects
// what its code declares, and outside it everything is as without.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <tuple>

#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/core/error.h"
#include "sim/dataflow/registers.h"
#include "sim/dataflow/space_time.h"
#include "sim/fault/resolver.h"
#include "sim/fault/sum_rule.h"
#include "sim/protect/ppe.h"
#include "tests/check/agreement.h"

namespace fluence::check {
namespace {

constexpr std::uint64_t kSeed = 20261131;
constexpr int kMachines = 30;
constexpr int kListsPerMachine = 25;

// A setup on which channels have columns.
Setup drawn(RandomStream& random) {
    int refused = 0;
    Setup setup = draw_setup(random, refused);
    while (setup.config.array.dataflow_kind() == DataflowKind::input_stationary) {
        setup = draw_setup(random, refused);
    }
    return setup;
}

struct Counts {
    int lists = 0, corrected = 0, detected = 0, sdc = 0;
};

// Compares one machine.
void compare(RandomStream& random, const check::Setup& setup, const TileLevelRun& run,
             const std::string& where, Counts& counts) {
    const UpsetDraw draw(setup, run.timeline);
    const std::vector<UpsetList> upsets = test::lists_of(kListsPerMachine, [&] { return draw.list(random); });
    for (const Verdict& verdict : test::agreeing(setup, run, upsets, where)) {
        ++counts.lists;
        counts.corrected += verdict.flags.corrected ? 1 : 0;
        counts.detected += verdict.flags.detected ? 1 : 0;
        counts.sdc += verdict.outcome == campaign::Outcome::sdc ? 1 : 0;
    }
}

TEST(ProtectedPes, FastAndDetailedMachineAgree) {
    Counts counts;
    int refused = 0;
    for (int machine = 0; machine < test::machines_of_run(kMachines); ++machine) {
        RandomStream random(kSeed, RandomPurpose::testing, static_cast<std::uint64_t>(machine));
        check::Setup setup = drawn(random);
        draw_ppe(random, setup.graph, setup.config.array.cols, setup.policy);
        try {
            const TileLevelRun run = run_tile_level(setup);
            compare(random, setup, run, test::named(kSeed, machine), counts);
            ASSERT_FALSE(testing::Test::HasFailure());
        } catch (const InputError&) {
            ++refused;  // checksums of sums that may saturate
        }
    }
    std::cout << "seed " << kSeed << ": " << counts.lists << " lists, " << counts.corrected << " corrected, "
              << counts.detected << " detected, " << counts.sdc << " SDC; " << refused << " machines refused"
              << std::endl;
    EXPECT_GT(counts.corrected, counts.lists / 20);
    EXPECT_GT(counts.sdc, 0);
    EXPECT_LT(refused, test::machines_of_run(kMachines) / 3);
}

// A policy of protected PEs alone.
protect::Policy voting(int columns, std::uint64_t seed) {
    protect::Policy policy;
    policy.name = "voting";
    policy.ppe.emplace();
    policy.ppe->split.columns = columns;
    policy.ppe->registers.fill({"register-tmr", protect::RegisterAction::recompute});
    policy.ppe->ranking.by = protect::RankingPart::By::random;
    policy.ppe->ranking.seed = seed;
    return policy;
}

bool same_faults(const fault::Resolution& a, const fault::Resolution& b) {
    const auto all = [](const fault::Resolution& r) {
        std::vector<std::tuple<LayerId, std::int64_t, std::int32_t>> changes;
        for (const arith::LayerFault& fault : r.faults) {
            for (const arith::AccumulatorDelta& delta : fault.accumulators) {
                changes.emplace_back(fault.layer, delta.index, delta.delta);
            }
        }
        return std::tuple(changes, r.dead, r.corrected, r.detected, r.golden_bits, r.faulty_bits, r.layer);
    };
    return all(a) == all(b);
}

// A single upset of a PE register, in and outside the region.
TEST(ProtectedPes, CorrectInTheRegionAndChangeNothingOutside) {
    int inside = 0, outside = 0, live = 0;
    for (int machine = 0; machine < test::machines_of_run(kMachines); ++machine) {
        RandomStream random(kSeed + 1, RandomPurpose::testing, static_cast<std::uint64_t>(machine));
        check::Setup setup = drawn(random);
        const ArrayConfig& array = setup.config.array;
        const int columns = static_cast<int>(random.below(static_cast<std::uint64_t>(array.cols) + 1));
        const protect::Policy protecting = voting(columns, machine);
        const protect::Policy plain = voting(0, machine);
        const traces::Timeline timeline = accel::time_machine(setup.graph, setup.config, protecting);
        ASSERT_EQ(timeline.cycles, accel::time_machine(setup.graph, setup.config, plain).cycles);
        arith::Engine engine(setup.graph, {}, fault::sum_rule(setup.graph, setup.config));
        const arith::GoldenRun golden = engine.run(setup.image);
        const fault::Resolver with(setup.graph, setup.config, protecting, timeline);
        const fault::Resolver without(setup.graph, setup.config, plain, timeline);
        const std::vector<dataflow::RegisterBank> banks = dataflow::register_banks(array);
        for (int i = 0; i < 300; ++i) {
            const dataflow::RegisterBank& bank = banks[random.below(banks.size())];
            if (bank.units == 0) {
                continue;  // skew registers of one row
            }
            traces::Upset upset;
            upset.site = bank.kind;
            upset.unit = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(bank.units)));
            upset.cycle =
                static_cast<traces::Cycle>(random.below(static_cast<std::uint64_t>(timeline.cycles)));
            upset.bits.set(random.below(static_cast<std::uint64_t>(bank.bits)));
            SCOPED_TRACE("seed " + std::to_string(kSeed + 1) + " machine " + std::to_string(machine) +
                         " upset " + std::to_string(i) + " of " + name_of(upset.site) + " " +
                         std::to_string(upset.unit));
            const bool coded = !is_control(bank.kind) && bank.kind != traces::SiteKind::array_skew;
            const bool left =
                bank.kind == traces::SiteKind::pe_drain ? columns > 0 : upset.unit % array.cols < columns;
            const fault::Resolution is = with.resolve({upset}, golden, engine);
            const fault::Resolution was = without.resolve({upset}, golden, engine);
            EXPECT_FALSE(was.corrected);
            live += was.faults.empty() ? 0 : 1;
            if (coded && left) {
                ++inside;
                EXPECT_TRUE(is.corrected && is.faults.empty());
            } else {
                ++outside;
                EXPECT_TRUE(same_faults(is, was));
            }
        }
    }
    std::cout << inside << " inside, " << outside << " outside, " << live << " live without" << std::endl;
    EXPECT_GT(inside, 1000);
    EXPECT_GT(outside, 1000);
    EXPECT_GT(live, 300);
}

// A weight that is wrong in column c of n_fold f changes the channel whose rank is the place of (c, f) in the
// list of columns, each with its folds.
TEST(ProtectedPes, ColumnsComputeTheChannelsOfTheirRanks) {
    int reached = 0;
    for (int machine = 0; machine < test::machines_of_run(kMachines); ++machine) {
        RandomStream random(kSeed + 2, RandomPurpose::testing, static_cast<std::uint64_t>(machine));
        const check::Setup setup = drawn(random);
        const int cols = setup.config.array.cols;
        const protect::Policy policy = voting(1, machine);
        const traces::Timeline timeline = accel::time_machine(setup.graph, setup.config, policy);
        arith::Engine engine(setup.graph, {}, fault::sum_rule(setup.graph, setup.config));
        const arith::GoldenRun golden = engine.run(setup.image);
        const dataflow::SpaceTimeMap map(setup.config.array);
        if (setup.config.array.control == ArrayControl::travelling) {
            continue;
        }
        const protect::Policy unvoted = voting(0, machine);
        const fault::Resolver resolver(setup.graph, setup.config, unvoted, timeline);
        for (const traces::Fold& fold : timeline.folds) {
            const workloads::Layer& layer = setup.graph.layer(fold.layer);
            const workloads::GemmShape gemm = workloads::gemm_shape(setup.graph, layer);
            const auto c = static_cast<int>(random.below(static_cast<std::uint64_t>(fold.used_cols)));
            // By hand: the pairs of column and fold in order, the channels of the group by resilience.
            std::vector<std::pair<std::int64_t, std::int64_t>> places;
            for (std::int64_t n = 0; n < gemm.n; ++n) {
                places.emplace_back(n % cols, n / cols);
            }
            std::sort(places.begin(), places.end());
            const std::vector<double> resilience =
                protect::channel_resilience(policy.ppe->ranking, setup.graph, fold.layer, "");
            std::vector<std::pair<double, std::int64_t>> ranked;
            for (std::int64_t n = 0; n < gemm.n; ++n) {
                const std::int64_t channel = fold.group * gemm.n + n;
                ranked.emplace_back(resilience[static_cast<std::size_t>(channel)], channel);
            }
            std::sort(ranked.begin(), ranked.end());
            const auto place =
                std::find(places.begin(), places.end(), std::pair{std::int64_t{c}, fold.first_n / cols});
            const std::int64_t expected = ranked[static_cast<std::size_t>(place - places.begin())].second;

            traces::Upset upset;
            upset.site = traces::SiteKind::pe_psum;
            const int row = map.output_stationary() ? 0 : map.psum_rows() - 1;
            upset.unit = std::int64_t{row} * cols + c;
            upset.cycle = map.psum_cycle(fold, map.output_stationary() ? map.steps(fold) - 1 : 0, row, c);
            upset.bits.set(3);
            const fault::Resolution resolution = resolver.resolve(upset, golden);
            for (const arith::LayerFault& fault : resolution.faults) {
                EXPECT_EQ(fault.layer, fold.layer);
                for (const arith::AccumulatorDelta& delta : fault.accumulators) {
                    ++reached;
                    EXPECT_EQ(delta.index / gemm.m, expected)
                        << "seed " << kSeed + 2 << " machine " << machine << " column " << c;
                }
            }
        }
    }
    EXPECT_GT(reached, 200);
}

}  // namespace
}  // namespace fluence::check
