// Who watches the array's registers changes nothing, and the dump shows what he sees.
#include "sim/accel/register_dump.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "machines.h"
#include "sim/array/array_model.h"
#include "sim/dataflow/registers.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

using traces::SiteKind;

// Keeps every value of one register, and passes the cycles on to the dump.
class Witness : public ArrayObserver {
  public:
    Witness(SiteKind bank, std::int64_t unit, RegisterDump& dump) : bank_(bank), unit_(unit), dump_(dump) {}
    void cycle(traces::Cycle t, const array::ArrayModel& array) override {
        EXPECT_TRUE(seen.empty() || t > seen.rbegin()->first);
        seen[t] = array.read(bank_, unit_);
        dump_.cycle(t, array);
    }
    std::map<traces::Cycle, std::uint32_t> seen;

  private:
    SiteKind bank_;
    std::int64_t unit_;
    RegisterDump& dump_;
};

// The changes of the only signal in front of `code` in a dump of it alone: time → value.
std::map<std::int64_t, std::uint32_t> changes_of(const std::string& text) {
    std::istringstream stream(text.substr(text.find("$enddefinitions")));
    std::map<std::int64_t, std::uint32_t> changes;
    std::string line;
    std::int64_t time = -1;
    while (std::getline(stream, line)) {
        if (line[0] == '#') {
            time = std::stoll(line.substr(1));
        } else if (line[0] == 'b' && line[1] != 'x') {
            changes[time] =
                static_cast<std::uint32_t>(std::stoul(line.substr(1, line.find(' ') - 1), nullptr, 2));
        }
    }
    return changes;
}

TEST(RegisterDump, ShowsEveryChangeOfARegisterAndChangesNothing) {
    RandomStream stream(3, RandomPurpose::testing, 0);
    const workloads::Graph graph = test::random_graph(stream, {3, 6, 7, 5, false});
    const workloads::Codes image = test::random_image(graph, stream);
    AcceleratorConfig config = test::machine("4x4", {});
    config.clock_mhz = 1000;
    const protect::Policy policy = protect::load_policy("none");
    const traces::Timeline timeline = run_machine(graph, config, policy, image).timeline;
    const DetailedRun unwatched = run_detailed(graph, config, policy, timeline, image, {});

    RegisterDump registers(config.array, "array.pe_activation.r0_c0");
    ASSERT_EQ(registers.signals().size(), 1u);
    EXPECT_EQ(registers.signals()[0].path, "array.pe_activation.r0_c0");
    EXPECT_EQ(registers.signals()[0].width, 8);
    traces::TraceContext context;
    context.clock_mhz = config.clock_mhz;
    traces::TimelineVcd dump(timeline, context, "no signal of the timeline", registers.signals());
    std::ostringstream file;
    dump.begin(file);
    registers.write_to(dump);
    Witness witness(SiteKind::pe_activation, 0, registers);
    const DetailedRun watched =
        elaborate_and_run_detailed(graph, config, policy, timeline, image, {}, {}, &witness);
    dump.finish();
    EXPECT_EQ(watched.tensors, unwatched.tensors);

    const std::map<std::int64_t, std::uint32_t> changes = changes_of(file.str());
    EXPECT_GT(changes.size(), 5u);
    for (const auto& [cycle, value] : witness.seen) {
        const auto after = changes.upper_bound(cycle * 1000);  // 1 GHz: 1,000 ps a cycle
        ASSERT_NE(after, changes.begin());
        EXPECT_EQ(std::prev(after)->second, value) << "cycle " << cycle;
    }
}

TEST(RegisterDump, NamesEveryRegisterOfTheArrayOnce) {
    ArrayConfig array = test::machine("4x4", {}).array;
    array.dataflow = "output-stationary";
    array.shadow_weights = false;
    array.multiplier_stages = 2;
    array.skew = Skew::internal;
    std::int64_t units = 0;
    for (const dataflow::RegisterBank& bank : dataflow::register_banks(array)) {
        units += bank.units;
    }
    const RegisterDump all(array, "*");
    EXPECT_EQ(static_cast<std::int64_t>(all.signals().size()), units);
    std::map<std::string, int> paths;
    for (const traces::VcdSignal& signal : all.signals()) {
        EXPECT_EQ(++paths[signal.path], 1) << signal.path;
    }
    EXPECT_EQ(paths.count("array.pe_product.r3_c2_s2"), 1u);
    EXPECT_EQ(paths.count("array.array_skew.u5"), 1u);
    EXPECT_TRUE(RegisterDump(array, "").signals().empty());
}

}  // namespace
}  // namespace fluence::accel
