// The resolver against the stepper: what an upset does in closed form is what it does edge by edge.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/core/error.h"
#include "sim/core/random.h"
#include "sim/dataflow/im2col.h"
#include "sim/fault/resolver.h"
#include "sim/fault/sampler.h"
#include "tests/fault/schedule.h"
#include "tests/fault/stepper.h"
#include "tests/fault/stepper_memory.h"
#include "tests/support/random_graph.h"

namespace fluence::fault {
namespace {

using test::Cycle;
using workloads::Graph;

struct Case {
    Graph graph;
    AcceleratorConfig config;
    protect::Policy policy;
    workloads::Codes image;
    traces::Timeline timeline;
    std::string text;
};

class Draw {
  public:
    explicit Draw(RandomStream& random) : random_(random) {}
    int between(int low, int high) { return low + static_cast<int>(random_.below(high - low + 1)); }
    template <class T, std::size_t N>
    T one_of(const std::array<T, N>& values) {
        return values[random_.below(N)];
    }
    bool chance(int in) { return random_.below(in) == 0; }

    AcceleratorConfig machine() {
        AcceleratorConfig config;
        config.name = "random";
        config.clock_mhz = 100;
        config.array.rows = between(1, 6);
        config.array.cols = between(1, 6);
        config.array.dataflow = "weight-stationary";
        config.array.operand_register = chance(2) ? OperandRegister::input : OperandRegister::output;
        config.array.shadow_weights = chance(2);
        config.dram.word_bits = one_of(std::array{8, 16, 32, 64});
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
            policy.memory[index_of(memory)].code = one_of(std::array{"none", "parity", "sec", "secded"});
        }
        if (chance(3)) {
            policy.checksum.emplace();
        }
        return policy;
    }

  private:
    RandomStream& random_;
};

std::string describe(const AcceleratorConfig& config, const protect::Policy& policy) {
    std::ostringstream text;
    text << to_json(config).dump() << "\ncodes:";
    for (const Memory memory : kMemories) {
        text << ' ' << policy.memory[index_of(memory)].code;
    }
    text << (policy.checksum ? " checksum" : "");
    return text.str();
}

// A case whose layers all fit the machine; false where the machine drawn is too small.
bool draw_case(RandomStream& random, bool real_machine, Case& out) {
    Draw draw(random);
    test::RandomGraphOptions options;
    options.max_blocks = 3;
    options.max_channels = 7;
    options.max_extent = 6;
    out.graph = test::random_graph(random, options);
    out.image = test::random_image(out.graph, random);
    out.config = draw.machine();
    out.policy = draw.policy();
    out.text = describe(out.config, out.policy);
    try {
        out.timeline = real_machine
                           ? accel::run_machine(out.graph, out.config, out.policy, out.image).timeline
                           : test::random_schedule(out.graph, out.config, out.policy, random);
    } catch (const InputError&) {
        return false;
    }
    return true;
}

// Half of the upsets anywhere, half of them where and when something is going on.
Upset draw_upset(RandomStream& random, const Case& c, const std::vector<SiteClass>& sites) {
    Draw draw(random);
    Upset upset;
    const SiteClass& site = sites[random.below(sites.size())];
    upset.site = site.kind;
    upset.unit = static_cast<std::int64_t>(random.below(site.units));
    upset.cycle = static_cast<Cycle>(random.below(c.timeline.cycles));
    const bool aimed = !draw.chance(4);
    const bool buffer = site.kind == SiteKind::weight_buffer || site.kind == SiteKind::activation_buffer;
    if (aimed && (buffer || site.kind == SiteKind::dram)) {
        const traces::Load& load = c.timeline.loads[random.below(c.timeline.loads.size())];
        const auto word = static_cast<std::int64_t>(random.below(load.words()));
        std::int64_t left = word;
        for (const traces::Segment& segment : load.segments) {
            if (left < segment.words) {
                upset.unit = (buffer ? segment.buffer_word : segment.dram_word) + left;
                break;
            }
            left -= segment.words;
        }
        if (buffer) {
            upset.site =
                load.buffer == Memory::weight_buffer ? SiteKind::weight_buffer : SiteKind::activation_buffer;
            upset.cycle = load.write_cycle(word) + draw.between(-2, 60);
            for (const traces::VectorPass& pass : c.timeline.passes) {
                for (const std::int32_t operands : pass.operand_loads) {
                    if (operands >= 0 && &c.timeline.loads[static_cast<std::size_t>(operands)] == &load) {
                        // While the vector unit reads it.
                        upset.cycle = pass.read_cycle(random.below(pass.elements)) + draw.between(-1, 1);
                    }
                }
            }
        } else {
            upset.cycle = load.read_cycle(word) + draw.between(-20, 2);
        }
        if (load.to_vector_unit && buffer) {
            upset.unit = 0;
        }
    } else if (aimed && !c.timeline.folds.empty()) {
        const traces::Fold& fold = c.timeline.folds[random.below(c.timeline.folds.size())];
        const auto length = static_cast<int>(fold.end - fold.preload);
        upset.cycle = fold.preload + draw.between(-2, length + 8);
        if (site.kind == SiteKind::pe_activation || site.kind == SiteKind::pe_psum) {
            // The diagonal of the array that some pixel of the fold is on.
            upset.cycle = fold.stream + upset.unit / c.config.array.cols + upset.unit % c.config.array.cols +
                          draw.between(-1, static_cast<int>(fold.pixels));
        }
        if (site.kind == SiteKind::output_buffer) {
            const std::int64_t accumulator = fold.accumulator + random.below(fold.pixels * fold.used_cols);
            upset.unit = accumulator * 32 / c.config.output_buffer.word_bits;
        }
    }
    upset.cycle = std::min(std::max<Cycle>(upset.cycle, 0), c.timeline.cycles - 1);
    const int flips = draw.chance(3) ? draw.between(2, 4) : 1;
    for (int i = 0; i < flips; ++i) {
        // Now and then a check bit that this policy does not have.
        upset.bits.flip(random.below(site.bits + (draw.chance(20) ? 3 : 0)));
    }
    if (upset.bits.none()) {
        upset.bits.set(0);
    }
    return upset;
}

std::string describe(const Upset& upset) {
    std::ostringstream text;
    text << name_of(upset.site) << " unit " << upset.unit << " cycle " << upset.cycle << " bits";
    for (std::size_t i = 0; i < upset.bits.size(); ++i) {
        if (upset.bits[i]) {
            text << ' ' << i;
        }
    }
    return text.str();
}

struct Tally {
    std::map<std::string, std::map<std::string, int>> by_site;  // site → reason → count
    int upsets = 0;
    int machines = 0;
};

std::uint64_t seed_of_run() {
    const char* given = std::getenv("FLUENCE_TEST_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : 20240817;
}

int upsets_of_run() {
    const char* given = std::getenv("FLUENCE_TEST_UPSETS");
    return given != nullptr ? std::atoi(given) : 2500;
}

using Checksums = decltype(test::StepperResult::checksums);

std::uint64_t bits_of(const WordBits& word, int bit, int width) {
    return test::get_bits(word, bit, width);
}

// The struck field before and after, as the resolver names it, is what the stepper saw in the site.
void check_bits(const Case& c, const Upset& upset, const Resolution& resolution,
                const test::StepperResult& stepped) {
    const WordBits flipped = stepped.struck ^ stepped.struck_after;
    int bit = 0;
    int width = 32;
    int value_bit = 0;
    if (upset.site == SiteKind::output_buffer) {
        // Struck accumulators that hold no sum are passed over; the stepper cannot tell which do.
        const auto named = [&](int at) {
            return bits_of(flipped, at, 32) != 0 &&
                   bits_of(stepped.struck, at, 32) == resolution.golden_bits &&
                   bits_of(stepped.struck_after, at, 32) == resolution.faulty_bits;
        };
        while (bit + 32 < c.config.output_buffer.word_bits && !named(bit)) {
            bit += 32;
        }
    } else if (upset.site == SiteKind::dram) {
        const std::vector<dataflow::Field> fields = dataflow::MemoryMap(c.graph, c.config).fields(upset.unit);
        const auto struck = std::find_if(fields.begin(), fields.end(), [&](const dataflow::Field& field) {
            return bits_of(flipped, field.bit, field.width) != 0;
        });
        if (struck == fields.end()) {
            return;
        }
        bit = struck->bit;
        width = struck->width;
        value_bit = struck->value_bit;
    } else if (upset.site >= SiteKind::weight_buffer) {
        return;
    }
    if (resolution.golden_bits != resolution.faulty_bits) {
        const std::uint64_t mask = (std::uint64_t{1} << width) - 1;
        EXPECT_EQ(resolution.golden_bits >> value_bit & mask, bits_of(stepped.struck, bit, width));
        EXPECT_EQ(resolution.faulty_bits >> value_bit & mask, bits_of(stepped.struck_after, bit, width));
    }
}

// The sum over a block's channels that the layer's actual inputs give, without bias.
std::int64_t true_checksum(const Case& c, const Checksums::key_type& key,
                           const std::vector<workloads::Codes>& tensors) {
    const auto& [id, pixel, first_channel] = key;
    const workloads::Layer& layer = c.graph.layers[static_cast<std::size_t>(id)];
    const dataflow::Im2col im2col(c.graph, layer);
    const workloads::GemmShape& gemm = im2col.gemm();
    const std::int64_t group = first_channel / gemm.n;
    const std::int64_t last = std::min(first_channel + c.config.array.cols, (group + 1) * gemm.n);
    std::int64_t total = 0;
    for (std::int64_t n = first_channel; n < last; ++n) {
        for (std::int64_t k = 0; k < gemm.k; ++k) {
            const std::int64_t element = im2col.input_element(static_cast<int>(group), pixel, k);
            total +=
                element < 0
                    ? 0
                    : std::int64_t{tensors[index_of(layer.inputs[0])][static_cast<std::size_t>(element)]} *
                          layer.weights[static_cast<std::size_t>(n * gemm.k + k)];
        }
    }
    return total;
}

// Something that may meet what the first upset left: the same word or register a little later, a copy of
// the word, a register or a sum at work at the same time.
Upset draw_companion(RandomStream& random, const Case& c, const std::vector<SiteClass>& sites,
                     const Upset& first) {
    Draw draw(random);
    Upset upset = draw_upset(random, c, sites);
    const bool word = first.site >= SiteKind::weight_buffer && first.site <= SiteKind::dram;
    switch (draw.between(0, 4)) {
        case 0:
            return upset;  // anything
        case 1:
            upset.site = first.site;
            upset.unit = first.unit;
            upset.cycle = first.cycle + (draw.chance(2) ? 0 : draw.between(0, word ? 80 : 3));
            break;
        case 2:
            for (std::size_t l = 0; l < c.timeline.loads.size() && word; ++l) {
                const traces::Load& load = c.timeline.loads[l];
                for (const traces::Segment& s : load.segments) {
                    const std::int64_t at = first.unit - s.dram_word;
                    if (first.site == SiteKind::dram && !load.to_vector_unit && at >= 0 && at < s.words) {
                        upset.site = load.buffer == Memory::weight_buffer ? SiteKind::weight_buffer
                                                                          : SiteKind::activation_buffer;
                        upset.unit = s.buffer_word + at;
                        upset.cycle = load.done() + draw.between(-3, 30);
                    }
                }
            }
            break;
        default:
            // The same diagonal, or nearly.
            if (upset.site < SiteKind::weight_buffer) {
                upset.cycle = first.cycle + draw.between(-2, c.config.array.rows + c.config.array.cols);
            } else if (upset.site == SiteKind::output_buffer) {
                upset.cycle = first.cycle + draw.between(0, 12);
            }
            break;
    }
    upset.cycle = std::min(std::max<Cycle>(upset.cycle, 0), c.timeline.cycles - 1);
    return upset;
}

bool check_upsets(const Case& c, const arith::GoldenRun& golden, arith::Engine& engine,
                  const Resolver& resolver, test::Stepper& stepper, const std::vector<Upset>& upsets,
                  Tally& tally) {
    const Upset& upset = upsets.front();
    const Resolution resolution =
        upsets.size() == 1 ? resolver.resolve(upset, golden) : resolver.resolve(upsets, golden, engine);
    const test::StepperResult stepped = stepper.run(upsets);
    const std::vector<workloads::Codes> expected =
        arith::reference_run(c.graph, {}, c.image, resolution.faults);
    for (std::size_t t = 0; t < expected.size(); ++t) {
        EXPECT_EQ(expected[t], stepped.tensors[t]) << "tensor " << t;
    }
    EXPECT_EQ(resolution.corrected, stepped.corrected);
    EXPECT_EQ(resolution.detected, stepped.detected);
    EXPECT_EQ(resolution.faults.empty(), resolution.dead != DeadReason::none);
    if (upsets.size() == 1) {
        check_bits(c, upset, resolution, stepped);
    }
    if (c.policy.checksum) {
        Checksums off = stepped.checksums;
        for (auto& [key, value] : off) {
            value -= true_checksum(c, key, expected);
        }
        for (const arith::LayerFault& fault : resolution.faults) {
            for (const arith::ChecksumDelta& d : fault.checksum) {
                off[{static_cast<int>(fault.layer), d.pixel, d.first_channel}] -= d.delta;
            }
        }
        for (const auto& [key, value] : off) {
            EXPECT_EQ(value, 0) << "checksum of layer " << std::get<0>(key) << " pixel " << std::get<1>(key)
                                << " channel " << std::get<2>(key);
        }
    }
    ++tally.upsets;
    ++tally.by_site[name_of(upset.site)][name_of(resolution.dead)];
    return !testing::Test::HasFailure();
}

struct Kind {
    bool real_machine = false;  // timelines of the SystemC machine
    bool several = false;       // upsets in one inference
};

bool check_case(std::uint64_t seed, std::uint64_t sample, Kind kind, int upsets, Tally& tally) {
    RandomStream random(seed, RandomPurpose::testing, sample);
    Case c;
    if (!draw_case(random, kind.real_machine, c)) {
        return true;
    }
    SCOPED_TRACE("FLUENCE_TEST_SEED=" + std::to_string(seed) + " sample " + std::to_string(sample) + "\n" +
                 c.text);
    ++tally.machines;
    test::Stepper stepper(c.graph, c.config, c.policy, c.timeline, c.image);
    const std::vector<workloads::Codes> expected = arith::reference_run(c.graph, {}, c.image, {});
    const test::StepperResult fault_free = stepper.run({});
    EXPECT_EQ(fault_free.tensors, expected) << "without an upset";
    EXPECT_FALSE(fault_free.corrected || fault_free.detected);
    if (testing::Test::HasFailure()) {
        return false;
    }
    arith::Engine engine(c.graph);
    const arith::GoldenRun golden = engine.run(c.image);
    const Resolver resolver(c.graph, c.config, c.policy, c.timeline);
    const std::vector<SiteClass> sites = site_classes(c.graph, c.config, c.policy);
    for (int i = 0; i < upsets; ++i) {
        std::vector<Upset> drawn = {draw_upset(random, c, sites)};
        std::string text = describe(drawn[0]);
        for (int more = kind.several ? Draw(random).between(1, 4) : 0; more > 0; --more) {
            drawn.push_back(draw_companion(random, c, sites, drawn[random.below(drawn.size())]));
            text += "\n" + describe(drawn.back());
        }
        SCOPED_TRACE(text);
        if (!check_upsets(c, golden, engine, resolver, stepper, drawn, tally)) {
            return false;
        }
    }
    return true;
}

void run_cases(Kind kind, int upsets) {
    const std::uint64_t seed = seed_of_run();
    const std::uint64_t stream = (kind.real_machine ? 1ull << 40 : 0) + (kind.several ? 1ull << 41 : 0);
    Tally tally;
    for (std::uint64_t sample = 0; tally.upsets < upsets; ++sample) {
        ASSERT_TRUE(check_case(seed, stream + sample, kind, 25, tally));
    }
    std::cout << "seed " << seed << ": " << tally.upsets << (kind.several ? " sets of" : "") << " upsets on "
              << tally.machines << " machines\n";
    for (const auto& [site, reasons] : tally.by_site) {
        std::cout << "  " << site << ':';
        for (const auto& [reason, count] : reasons) {
            std::cout << ' ' << reason << ' ' << count;
        }
        std::cout << '\n';
        EXPECT_GT(reasons.count("none"), 0u) << site << " never changed anything";
    }
}

TEST(Equivalence, RandomSchedules) {
    run_cases({false, false}, upsets_of_run());
}

TEST(Equivalence, SeveralUpsetsInOneInference) {
    run_cases({false, true}, upsets_of_run());
}

TEST(Equivalence, TimelinesOfTheMachine) {
    run_cases({true, false}, upsets_of_run() / 5);
}

}  // namespace
}  // namespace fluence::fault
