// The resolver against the register-true machine: every dataflow and convention of arrays with central
// control, one upset and several in one inference, codes, scrubbing and recovery.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <tuple>

#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/fault/resolver.h"
#include "sim/fault/sum_rule.h"
#include "sim/protect/checksum.h"
#include "tests/fault/draws.h"

namespace fluence::fault {
namespace {

using test::Case;
using test::Draw;
using workloads::Codes;

struct Tally {
    std::map<std::string, std::map<std::string, int>> by_site;  // site → reason → count
    int lists = 0, machines = 0, recovered = 0, aborted = 0;
};

class Fast {
  public:
    explicit Fast(const Case& c)
        : c_(c),
          engine_(c.graph, {}, sum_rule(c.graph, c.config)),
          golden_(engine_.run(c.image)),
          resolver_(c.graph, c.config, c.policy, c.timeline) {}

    // As the detailed machine states it.
    accel::DetailedRun run(const std::vector<Upset>& upsets, DeadReason& dead) {
        const bool alone = upsets.size() == 1 && c_.config.array.control == ArrayControl::central;
        Resolution resolution =
            alone ? resolver_.resolve(upsets[0], golden_) : resolver_.resolve(upsets, golden_, engine_);
        accel::DetailedRun run;
        run.corrected = resolution.corrected;
        run.detected = resolution.detected;
        run.suppressed = resolution.zeroed;
        run.aborted = resolution.aborted;
        run.recovery_cycles = resolution.recovery_cycles;
        for (arith::LayerFault& fault : resolution.faults) {
            const auto verdict = protect::apply_checksum(c_.policy, c_.graph, c_.config, fault);
            run.detected = run.detected || verdict.detected;
            run.suppressed = run.suppressed || verdict.suppressed;
            run.unrepaired = run.unrepaired || (verdict.detected && !verdict.suppressed);
        }
        run.tensors = golden_.tensors;
        engine_.propagate(golden_, resolution.faults,
                          [&](LayerId layer, const std::vector<arith::ValueChange>& changes) {
                              Codes& output = run.tensors[index_of(c_.graph.layer(layer).output)];
                              for (const arith::ValueChange& change : changes) {
                                  output[static_cast<std::size_t>(change.index)] = change.code;
                              }
                          });
        dead = resolution.dead;
        return run;
    }

  private:
    const Case& c_;
    arith::Engine engine_;
    arith::GoldenRun golden_;
    Resolver resolver_;
};

bool equal(const accel::DetailedRun& fast, const accel::DetailedRun& detailed) {
    const auto of = [](const accel::DetailedRun& run) {
        return std::tuple(run.aborted, run.corrected, run.detected, run.recovery_cycles);
    };
    return of(fast) == of(detailed) &&
           (detailed.aborted || (fast.suppressed == detailed.suppressed &&
                                 fast.unrepaired == detailed.unrepaired && fast.tensors == detailed.tensors));
}

void expect_equal(const Case& c, const accel::DetailedRun& fast, const accel::DetailedRun& detailed) {
    EXPECT_EQ(fast.aborted, detailed.aborted);
    EXPECT_EQ(fast.corrected, detailed.corrected);
    EXPECT_EQ(fast.detected, detailed.detected);
    EXPECT_EQ(fast.recovery_cycles, detailed.recovery_cycles);
    EXPECT_EQ(fast.suppressed, detailed.suppressed);
    EXPECT_EQ(fast.unrepaired, detailed.unrepaired);
    for (std::size_t t = 0; t < fast.tensors.size(); ++t) {
        EXPECT_EQ(fast.tensors[t], detailed.tensors[t]) << "tensor " << c.graph.tensors[t].name;
    }
}

// The fewest of the upsets on which the two still differ.
void report(const Case& c, Fast& fast, std::vector<Upset> upsets) {
    DeadReason dead{};
    const auto detailed = [&](const std::vector<Upset>& list) {
        return accel::run_detailed(c.graph, c.config, c.policy, c.timeline, c.image, list);
    };
    for (std::size_t i = 0; i < upsets.size();) {
        std::vector<Upset> fewer = upsets;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
        if (equal(fast.run(fewer, dead), detailed(fewer))) {
            ++i;
        } else {
            upsets = fewer;
        }
    }
    std::string text;
    for (const Upset& upset : upsets) {
        text += test::describe(upset) + "\n";
    }
    SCOPED_TRACE(text);
    expect_equal(c, fast.run(upsets, dead), detailed(upsets));
    ADD_FAILURE() << "the two differ";
}

bool check_case(std::uint64_t seed, std::uint64_t sample, ArrayControl control, Tally& tally) {
    RandomStream random(seed, RandomPurpose::testing, sample);
    Draw draw(random);
    Case c;
    c.config = control == ArrayControl::central ? draw.any_machine() : draw.travelling_machine();
    c.policy = draw.any_policy(c.config);
    if (!test::draw_case(random, true, c)) {
        return true;
    }
    ++tally.machines;
    std::vector<SiteClass> sites = site_classes(c.graph, c.config, c.policy);
    sites.erase(std::remove_if(sites.begin(), sites.end(), [](const SiteClass& s) { return s.units == 0; }),
                sites.end());
    std::vector<std::vector<Upset>> lists(30);  // the first one is empty
    for (std::size_t i = 1; i < lists.size(); ++i) {
        lists[i].push_back(draw_upset(random, c, sites));
        for (int more = i % 2 == 0 ? draw.between(1, 3) : 0; more > 0; --more) {
            lists[i].push_back(draw_companion(random, c, sites, lists[i][random.below(lists[i].size())]));
        }
    }
    SCOPED_TRACE("FLUENCE_TEST_SEED=" + std::to_string(seed) + " sample " + std::to_string(sample) + "\n" +
                 c.text);
    const std::vector<accel::DetailedRun> detailed =
        accel::run_detailed_each(c.graph, c.config, c.policy, c.timeline, c.image, lists);
    Fast fast(c);
    for (std::size_t i = 0; i < lists.size(); ++i) {
        DeadReason dead{};
        const accel::DetailedRun run = fast.run(lists[i], dead);
        if (!equal(run, detailed[i])) {
            report(c, fast, lists[i]);
            return false;
        }
        tally.recovered += run.recovery_cycles > 0 ? 1 : 0;
        tally.aborted += run.aborted ? 1 : 0;
        ++tally.lists;
        if (lists[i].size() == 1) {
            ++tally.by_site[name_of(lists[i][0].site)][name_of(dead)];
        }
    }
    return true;
}

void run_cases(ArrayControl control, std::uint64_t stream, int lists) {
    const std::uint64_t seed = test::seed_of_run();
    Tally tally;
    const char* first = std::getenv("FLUENCE_TEST_SAMPLE");  // as a failure prints it
    stream = first != nullptr ? std::strtoull(first, nullptr, 10) : stream;
    for (std::uint64_t sample = stream; tally.lists < lists; ++sample) {
        ASSERT_TRUE(check_case(seed, sample, control, tally));
    }
    std::cout << "seed " << seed << ": " << tally.lists << " lists of upsets on " << tally.machines
              << " machines, " << tally.recovered << " recovered, " << tally.aborted << " aborted\n";
    for (const auto& [site, reasons] : tally.by_site) {
        std::cout << "  " << site << ':';
        int upsets = 0;
        for (const auto& [reason, count] : reasons) {
            std::cout << ' ' << reason << ' ' << count;
            upsets += count;
        }
        std::cout << '\n';
        // Some sites only few of the machines have.
        EXPECT_TRUE(upsets < 60 || reasons.count("none") > 0) << site << " never changed anything";
    }
    EXPECT_GT(tally.recovered, 0);
    EXPECT_GT(tally.aborted, 0);
}

TEST(DetailedEquivalence, EveryCentralConvention) {
    run_cases(ArrayControl::central, 1ull << 42, test::upsets_of_run() / 2);
}

TEST(DetailedEquivalence, TravellingControl) {
    run_cases(ArrayControl::travelling, 1ull << 43, test::upsets_of_run() / 4);
}

}  // namespace
}  // namespace fluence::fault
