// The resolver against the stepper: what an upset does in closed form is what it does edge by edge.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "sim/arith/engine.h"
#include "sim/core/random.h"
#include "sim/dataflow/im2col.h"
#include "sim/fault/resolver.h"
#include "sim/fault/sampler.h"
#include "tests/fault/draws.h"
#include "tests/fault/stepper.h"
#include "tests/fault/stepper_memory.h"

namespace fluence::fault {
namespace {

using test::Case;
using test::Cycle;
using test::describe;
using test::Draw;
using test::draw_companion;
using test::draw_upset;
using test::seed_of_run;
using test::upsets_of_run;

struct Tally {
    std::map<std::string, std::map<std::string, int>> by_site;  // site → reason → count
    int upsets = 0;
    int machines = 0;
};

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

bool check_upsets(const Case& c, const arith::GoldenRun& golden, arith::Engine& engine,
                  const Resolver& resolver, test::Stepper& stepper, const std::vector<Upset>& upsets,
                  Tally& tally) {
    const Upset& upset = upsets.front();
    const Resolution resolution = upsets.size() == 1 && upset.held == traces::Held::no
                                      ? resolver.resolve(upset, golden)
                                      : resolver.resolve(upsets, golden, engine);
    const test::StepperResult stepped = stepper.run(upsets);
    const std::vector<workloads::Codes> expected =
        arith::reference_run(c.graph, {}, c.image, resolution.faults);
    for (std::size_t t = 0; t < expected.size(); ++t) {
        EXPECT_EQ(expected[t], stepped.tensors[t]) << "tensor " << t;
    }
    EXPECT_EQ(resolution.corrected, stepped.corrected);
    EXPECT_EQ(resolution.detected, stepped.detected);
    EXPECT_EQ(resolution.faults.empty(), resolution.dead != DeadReason::none);
    if (upsets.size() == 1 && upset.held == traces::Held::no) {
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
    bool held = false;          // bits of registers, one of them at least
};

// Bits of registers are held, half of them from the beginning on.
void hold(RandomStream& random, std::vector<Upset>& upsets) {
    Draw draw(random);
    for (Upset& upset : upsets) {
        const bool may = traces::is_array_register(upset.site);
        upset.held = traces::Held::no;
        if (may && (&upset == &upsets.front() || draw.chance(2))) {
            upset.held = draw.chance(2) ? traces::Held::at_0 : traces::Held::at_1;
            upset.cycle = draw.chance(2) ? 0 : upset.cycle;
        }
    }
}

bool check_case(std::uint64_t seed, std::uint64_t sample, Kind kind, int upsets, Tally& tally) {
    RandomStream random(seed, RandomPurpose::testing, sample);
    Case c;
    Draw draw(random);
    c.config = draw.plain_machine();
    c.policy = draw.codes();
    if (!test::draw_case(random, kind.real_machine, c)) {
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
    std::vector<SiteClass> sites = site_classes(c.graph, c.config, c.policy);
    // The stepper has the array and the memories.
    sites.erase(std::remove_if(sites.begin(), sites.end(),
                               [](const SiteClass& s) { return traces::is_unit_state(s.kind); }),
                sites.end());
    for (int i = 0; i < upsets; ++i) {
        std::vector<Upset> drawn = {draw_upset(random, c, sites)};
        while (kind.held && !traces::is_array_register(drawn[0].site)) {
            drawn[0] = draw_upset(random, c, sites);
        }
        std::string text;
        for (int more = kind.several ? Draw(random).between(1, 4) : 0; more > 0; --more) {
            drawn.push_back(draw_companion(random, c, sites, drawn[random.below(drawn.size())]));
        }
        if (kind.held) {
            hold(random, drawn);
        }
        for (const Upset& upset : drawn) {
            text += "\n" + describe(upset);
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
    const std::uint64_t stream =
        (kind.real_machine ? 1ull << 40 : 0) + (kind.several ? 1ull << 41 : 0) + (kind.held ? 1ull << 42 : 0);
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
    run_cases({false, true}, upsets_of_run() / 2);
}

TEST(Equivalence, HeldBits) {
    run_cases({false, false, true}, upsets_of_run() / 4);
}

TEST(Equivalence, HeldBitsTogetherWithOtherUpsets) {
    run_cases({false, true, true}, upsets_of_run() / 4);
}

TEST(Equivalence, TimelinesOfTheMachine) {
    run_cases({true, false}, upsets_of_run() / 5);
}

}  // namespace
}  // namespace fluence::fault
