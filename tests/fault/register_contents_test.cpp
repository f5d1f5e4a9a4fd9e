// What the resolver says a register of the array held is what the register-true machine's register holds.
#include <gtest/gtest.h>

#include <cstring>

#include "sim/accel/child_process.h"
#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/array/array_model.h"
#include "sim/dataflow/registers.h"
#include "sim/fault/resolver.h"
#include "sim/fault/sum_rule.h"
#include "tests/fault/draws.h"

namespace fluence::fault {
namespace {

using test::Case;
using test::Draw;

// Reads the registers in the cycles of the upsets; where nothing moves, in the last one before.
class Witness : public accel::ArrayObserver {
  public:
    explicit Witness(const std::vector<Upset>& upsets) : upsets_(upsets), seen_(upsets.size()) {}
    void cycle(traces::Cycle t, const array::ArrayModel& array) override {
        for (std::size_t i = 0; i < upsets_.size(); ++i) {
            if (upsets_[i].cycle >= t) {
                seen_[i] = array.read(upsets_[i].site, upsets_[i].unit);
            }
        }
    }
    std::string seen() const {
        return {reinterpret_cast<const char*>(seen_.data()), seen_.size() * sizeof(seen_[0])};
    }

  private:
    const std::vector<Upset>& upsets_;
    std::vector<std::uint32_t> seen_;
};

std::vector<std::uint32_t> contents(const Case& c, const std::vector<Upset>& upsets) {
    const std::string bytes = accel::in_child_process([&] {
        Witness witness(upsets);
        accel::elaborate_and_run_detailed(c.graph, c.config, c.policy, c.timeline, c.image, {}, {}, &witness);
        return witness.seen();
    });
    std::vector<std::uint32_t> values(upsets.size());
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

// Under central control: what moves at every edge, so that its content is known in every cycle.
bool always_known(const Case& c, SiteKind site) {
    const DataflowKind flow = c.config.array.dataflow_kind();
    return c.config.array.control == ArrayControl::central &&
           (site == SiteKind::array_skew || site == SiteKind::pe_drain ||
            (site == SiteKind::pe_activation && flow != DataflowKind::input_stationary) ||
            (site == SiteKind::pe_weight && flow != DataflowKind::weight_stationary));
}

void check_machines(ArrayControl control, std::uint64_t stream, int machines, std::size_t upsets_each) {
    const std::uint64_t seed = test::seed_of_run();
    int known = 0;
    for (std::uint64_t sample = stream; machines > 0 && !testing::Test::HasFailure(); ++sample) {
        RandomStream random(seed, RandomPurpose::testing, sample);
        Draw draw(random);
        Case c;
        c.config = control == ArrayControl::central ? draw.any_machine() : draw.travelling_machine();
        c.policy = draw.any_policy(c.config);
        if (!test::draw_case(random, true, c)) {
            continue;
        }
        --machines;
        std::vector<SiteClass> sites;
        for (const SiteClass& site : site_classes(c.graph, c.config, c.policy)) {
            for (const dataflow::RegisterBank& bank : dataflow::register_banks(c.config.array)) {
                if (bank.kind == site.kind && site.units > 0) {
                    sites.push_back(site);
                }
            }
        }
        std::vector<Upset> upsets;
        while (upsets.size() < upsets_each) {
            upsets.push_back(draw_upset(random, c, sites));
        }
        const std::vector<std::uint32_t> held = contents(c, upsets);
        arith::Engine engine(c.graph, {}, sum_rule(c.graph, c.config));
        const arith::GoldenRun golden = engine.run(c.image);
        const Resolver resolver(c.graph, c.config, c.policy, c.timeline);
        for (std::size_t i = 0; i < upsets.size(); ++i) {
            SCOPED_TRACE("FLUENCE_TEST_SEED=" + std::to_string(seed) + " sample " + std::to_string(sample) +
                         "\n" + c.text + test::describe(upsets[i]));
            const Resolution resolution = resolver.resolve(upsets[i], golden);
            if (resolution.dead == DeadReason::absent) {
                continue;
            }
            if (resolution.golden_bits != resolution.faulty_bits) {
                ++known;
                ASSERT_EQ(resolution.golden_bits, held[i]);
            }
            ASSERT_TRUE(resolution.golden_bits != resolution.faulty_bits || !always_known(c, upsets[i].site));
        }
    }
    EXPECT_GT(known, 100);
}

TEST(RegisterContents, AreKnownUnderCentralControl) {
    check_machines(ArrayControl::central, 1ull << 44, 20, 300);
}

TEST(RegisterContents, AreKnownUnderTravellingControl) {
    check_machines(ArrayControl::travelling, 1ull << 45, 4, 60);
}

}  // namespace
}  // namespace fluence::fault
