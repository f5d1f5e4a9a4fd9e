// The register-true machine under upsets, against the stepper of tests/fault, which shares no code with it:
// weight stationary, every site, one upset and several.
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <map>
#include <sstream>

#include "sim/accel/machine.h"
#include "sim/core/error.h"
#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/registers.h"
#include "sim/protect/memory_code.h"
#include "tests/fault/schedule.h"
#include "tests/fault/stepper.h"
#include "tests/support/environment.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

using traces::SiteKind;
using traces::Upset;

struct Site {
    SiteKind kind{};
    std::int64_t units = 0;
    int bits = 0;
};

struct Case {
    workloads::Graph graph;
    AcceleratorConfig config;
    protect::Policy policy;
    workloads::Codes image;
    traces::Timeline timeline;
    std::vector<Site> sites;
};

class Draw {
  public:
    explicit Draw(RandomStream& random) : random_(random) {}
    std::int64_t below(std::int64_t bound) {
        return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(bound)));
    }
    int between(int low, int high) { return low + static_cast<int>(below(high - low + 1)); }
    template <class T, std::size_t N>
    T one_of(const std::array<T, N>& values) {
        return values[random_.below(N)];
    }
    bool chance(int in) { return below(in) == 0; }

    AcceleratorConfig machine() {
        AcceleratorConfig config;
        config.name = "random";
        config.clock_mhz = 100;
        config.array.rows = between(1, 6);
        config.array.cols = between(1, 6);
        config.array.dataflow = "weight-stationary";
        config.array.operand_register = chance(2) ? OperandRegister::input : OperandRegister::output;
        config.array.shadow_weights = chance(2);
        config.dram.word_bits = one_of(std::array{8, 16, 32, 64, 128});
        config.dram.bytes_per_cycle = one_of(std::array{1, 2, 4, 8, 12});
        config.dram.latency = Cycles(between(0, 9));
        const auto bytes = [&](int word_bits) { return Bytes(2LL * (word_bits / 8) * between(8, 60)); };
        config.weight_buffer = {bytes(config.dram.word_bits), config.dram.word_bits};
        config.activation_buffer = {bytes(config.dram.word_bits), config.dram.word_bits};
        config.output_buffer.word_bits = one_of(std::array{32, 32, 64, 128});
        config.output_buffer.size = bytes(config.output_buffer.word_bits);
        config.vector_unit.lanes = between(1, 5);
        config.vector_unit.pipeline_depth = Cycles(between(0, 4));
        return config;
    }

    protect::Policy policy() {
        protect::Policy policy;
        policy.name = "random";
        for (const Memory memory : kMemories) {
            policy.memory[index_of(memory)].code =
                one_of(std::array{"none", "parity", "sec", "secded", "secded-exthamming"});
        }
        return policy;
    }

  private:
    RandomStream& random_;
};

std::vector<Site> sites_of(const Case& c) {
    std::vector<Site> sites;
    for (const dataflow::RegisterBank& bank : dataflow::register_banks(c.config.array)) {
        sites.push_back({bank.kind, bank.units, bank.bits});
    }
    const auto memory = [&](SiteKind kind, Memory which, int bits, std::int64_t words) {
        sites.push_back({kind, words, protect::stored_bits(c.policy, which, bits)});
    };
    const auto buffer = [&](SiteKind kind, Memory which, const BufferConfig& config) {
        memory(kind, which, config.word_bits, config.size.count() / config.word_bytes());
    };
    buffer(SiteKind::weight_buffer, Memory::weight_buffer, c.config.weight_buffer);
    buffer(SiteKind::activation_buffer, Memory::activation_buffer, c.config.activation_buffer);
    buffer(SiteKind::output_buffer, Memory::output_buffer, c.config.output_buffer);
    memory(SiteKind::dram, Memory::dram, c.config.dram.word_bits,
           dataflow::MemoryMap(c.graph, c.config).words());
    return sites;
}

bool draw_case(RandomStream& random, Case& c) {
    Draw draw(random);
    test::RandomGraphOptions options;
    options.max_blocks = 3;
    options.max_channels = 7;
    options.max_extent = 6;
    options.max_images = 3;
    c.graph = test::random_graph(random, options);
    c.image = test::random_image(c.graph, random);
    c.config = draw.machine();
    c.policy = draw.policy();
    try {
        c.timeline = draw.chance(2) ? run_machine(c.graph, c.config, c.policy, c.image).timeline
                                    : test::random_schedule(c.graph, c.config, c.policy, random);
    } catch (const InputError&) {
        return false;  // the machine drawn is too small
    }
    c.sites = sites_of(c);
    return true;
}

// Half of them where and when words are moved or sums are made.
Upset draw_upset(RandomStream& random, const Case& c) {
    Draw draw(random);
    const Site& site = c.sites[random.below(c.sites.size())];
    Upset upset;
    upset.site = site.kind;
    upset.unit = draw.below(site.units);
    upset.cycle = draw.below(c.timeline.cycles + 1);
    const traces::Load& load = c.timeline.loads[random.below(c.timeline.loads.size())];
    const traces::Segment& segment = load.segments[random.below(load.segments.size())];
    const std::int64_t word = draw.below(segment.words);
    if (site.kind == SiteKind::dram && !draw.chance(4)) {
        upset.unit = segment.dram_word + word;
        upset.cycle = load.begin - draw.between(-12, 12);
    } else if (!load.to_vector_unit && !draw.chance(3) &&
               (site.kind == SiteKind::weight_buffer || site.kind == SiteKind::activation_buffer)) {
        upset.site =
            load.buffer == Memory::weight_buffer ? SiteKind::weight_buffer : SiteKind::activation_buffer;
        upset.unit = segment.buffer_word + word;
        upset.cycle = load.done() + draw.between(-3, 60);
    } else if (!c.timeline.folds.empty() && !draw.chance(4)) {
        const traces::Fold& fold = c.timeline.folds[random.below(c.timeline.folds.size())];
        upset.cycle = fold.preload + draw.between(-2, static_cast<int>(fold.end - fold.preload) + 8);
        if (site.kind == SiteKind::output_buffer) {
            upset.unit = (fold.accumulator + draw.below(fold.pixels * fold.channels)) * 32 /
                         c.config.output_buffer.word_bits;
        }
    }
    upset.cycle = std::max<traces::Cycle>(upset.cycle, 0);
    const int flips = draw.chance(3) ? draw.between(2, 4) : 1;
    for (int i = 0; i < flips; ++i) {
        upset.bits.flip(random.below(static_cast<std::uint64_t>(site.bits)));
    }
    return upset;
}

std::string describe(const std::vector<Upset>& upsets) {
    std::ostringstream text;
    for (const Upset& upset : upsets) {
        text << name_of(upset.site) << " unit " << upset.unit << " cycle " << upset.cycle << " bits";
        for (std::size_t i = 0; i < upset.bits.size(); ++i) {
            if (upset.bits[i]) {
                text << ' ' << i;
            }
        }
        text << "; ";
    }
    return text.str();
}

std::string describe(const Case& c) {
    std::ostringstream text;
    text << to_json(c.config).dump() << "\ncodes:";
    for (const Memory memory : kMemories) {
        text << ' ' << c.policy.memory[index_of(memory)].code;
    }
    return text.str();
}

struct Tally {
    int upsets = 0, machines = 0, changed = 0, corrected = 0, detected = 0;
};

void compare(const Case& c, const std::vector<Upset>& upsets, const DetailedRun& run,
             const std::vector<workloads::Codes>& fault_free, test::Stepper& stepper, Tally& tally) {
    SCOPED_TRACE(describe(upsets));
    const test::StepperResult expected = stepper.run(upsets);
    ASSERT_EQ(run.tensors.size(), expected.tensors.size());
    for (std::size_t t = 0; t < expected.tensors.size(); ++t) {
        EXPECT_EQ(run.tensors[t], expected.tensors[t]) << "tensor " << c.graph.tensors[t].name;
    }
    EXPECT_EQ(run.corrected, expected.corrected);
    EXPECT_EQ(run.detected, expected.detected);
    EXPECT_EQ(run.suppressed, expected.detected);
    EXPECT_FALSE(run.unrepaired || run.aborted);
    ++tally.upsets;
    tally.changed += run.tensors != fault_free ? 1 : 0;
    tally.corrected += run.corrected ? 1 : 0;
    tally.detected += run.detected ? 1 : 0;
}

TEST(DetailedUpsets, equal_the_stepper_on_every_weight_stationary_site) {
    const std::uint64_t seed = test::environment("FLUENCE_TEST_SEED", 20260901);
    const auto wanted = static_cast<int>(test::environment("FLUENCE_TEST_UPSETS", 1200));
    Tally tally;
    for (std::uint64_t sample = 0; tally.upsets < wanted; ++sample) {
        RandomStream random(seed, RandomPurpose::testing, sample);
        Case c;
        if (!draw_case(random, c)) {
            continue;
        }
        SCOPED_TRACE("FLUENCE_TEST_SEED=" + std::to_string(seed) + " sample " + std::to_string(sample) +
                     "\n" + describe(c));
        std::vector<std::vector<Upset>> lists(30);
        for (std::size_t i = 1; i < lists.size(); ++i) {  // the first list is empty
            const std::size_t upsets = i % 3 == 0 ? 2 + random.below(3) : 1;
            for (std::size_t j = 0; j < upsets; ++j) {
                lists[i].push_back(draw_upset(random, c));
            }
        }
        const std::vector<DetailedRun> runs =
            run_detailed_each(c.graph, c.config, c.policy, c.timeline, c.image, lists);
        ASSERT_EQ(runs.size(), lists.size());
        test::Stepper stepper(c.graph, c.config, c.policy, c.timeline, c.image);
        for (std::size_t i = 0; i < lists.size(); ++i) {
            compare(c, lists[i], runs[i], runs[0].tensors, stepper, tally);
            if (HasFailure()) {
                return;
            }
        }
        ++tally.machines;
    }
    std::cout << "seed " << seed << ": " << tally.upsets << " lists of upsets on " << tally.machines
              << " machines; changed a tensor " << tally.changed << ", corrected " << tally.corrected
              << ", detected " << tally.detected << '\n';
    EXPECT_GT(tally.changed, tally.upsets / 10);
    EXPECT_GT(tally.corrected, 0);
    EXPECT_GT(tally.detected, 0);
}

}  // namespace
}  // namespace fluence::accel
