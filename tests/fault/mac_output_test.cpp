// Wrong MAC outputs: the sum of products of an output with inverted bits, in whatever the layers before have
// made of its inputs. Held against convolutions by their definition.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "sim/accel/machine.h"
#include "sim/core/config_search.h"
#include "sim/fault/resolver.h"
#include "sim/protect/ppe.h"
#include "tests/fault/bare_machine.h"
#include "tests/fault/draws.h"
#include "tests/support/random_graph.h"

namespace fluence::fault {
namespace {

using test::BareMachine;
using workloads::Codes;

// The sum over channel, kernel row, kernel column of one output, modulo 2³²; sums of 32 bits that wrap.
std::uint32_t sum_by_definition(const workloads::Graph& graph, const workloads::Layer& layer,
                                const Codes& input, std::int64_t element) {
    const workloads::Shape& in = graph.tensor(layer.inputs[0]).shape;
    const workloads::Shape& out = graph.tensor(layer.output).shape;
    const std::int64_t channel = element / out.plane(), y = element % out.plane() / out.width,
                       x = element % out.width;
    const std::int64_t group_in = in.channels / layer.groups;
    const std::int64_t first_in = channel / (out.channels / layer.groups) * group_in;
    workloads::Window w = layer.window;
    if (layer.kind == workloads::OpKind::linear) {  // one window, as large as the input
        w = {in.height, in.width, 1, 1, 0, 0, 1, 1};
    }
    std::uint32_t sum = 0;
    std::size_t weight = static_cast<std::size_t>(channel * group_in * w.kernel_h * w.kernel_w);
    for (std::int64_t c = first_in; c < first_in + group_in; ++c) {
        for (int ky = 0; ky < w.kernel_h; ++ky) {
            for (int kx = 0; kx < w.kernel_w; ++kx, ++weight) {
                const std::int64_t iy = y * w.stride_h - w.pad_h + ky * w.dilation_h;
                const std::int64_t ix = x * w.stride_w - w.pad_w + kx * w.dilation_w;
                if (iy >= 0 && iy < in.height && ix >= 0 && ix < in.width) {
                    const auto at = static_cast<std::size_t>((c * in.height + iy) * in.width + ix);
                    sum += static_cast<std::uint32_t>(input[at] * layer.weights[weight]);
                }
            }
        }
    }
    return sum;
}

struct Flip {
    std::size_t layer = 0;
    std::int64_t element = 0;
    std::uint32_t mask = 0;
};

// Every layer by the definition, with the flips on the sums that the layer really has.
Codes logits_by_definition(const workloads::Graph& graph, const Codes& image,
                           const std::vector<Flip>& flips) {
    std::vector<arith::LayerFault> faults;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        std::map<std::int64_t, std::uint32_t> masks;
        for (const Flip& flip : flips) {
            if (flip.layer == i) {
                masks[flip.element] ^= flip.mask;
            }
        }
        if (masks.empty()) {
            continue;
        }
        const std::vector<Codes> tensors = arith::reference_run(graph, {}, image, faults);
        arith::LayerFault fault;
        fault.layer = layer_id(i);
        for (const auto& [element, mask] : masks) {
            const std::uint32_t sum = sum_by_definition(
                graph, graph.layers[i], tensors[index_of(graph.layers[i].inputs[0])], element);
            fault.accumulators.push_back({element, static_cast<std::int32_t>((sum ^ mask) - sum)});
        }
        faults.push_back(fault);
    }
    return arith::reference_run(graph, {}, image, faults)[index_of(graph.logits)];
}

TEST(MacOutput, OneAndSeveralAreWhatTheDefinitionGives) {
    constexpr std::uint64_t kSeed = 77;
    int changed = 0;
    for (std::uint64_t c = 0; c < 12; ++c) {
        RandomStream random(kSeed, RandomPurpose::testing, c);
        workloads::RandomGraphOptions options{3, 6, 7, 5, false};
        const workloads::Graph graph = test::random_graph(random, options);
        const Codes image = test::random_image(graph, random);
        const AcceleratorConfig config = read_accelerator(find_config("accelerators", "tiny-8x8"));
        const protect::Policy policy;
        const traces::Timeline timeline = accel::time_machine(graph, config, policy);
        const Resolver resolver(graph, config, policy, timeline);
        arith::Engine engine(graph);
        const arith::GoldenRun golden = engine.run(image);
        std::vector<std::size_t> mac_layers;
        for (std::size_t i = 0; i < graph.layers.size(); ++i) {
            if (graph.layers[i].has_macs()) {
                mac_layers.push_back(i);
            }
        }
        for (int trial = 0; trial < 40; ++trial) {
            SCOPED_TRACE("seed " + std::to_string(kSeed) + " case " + std::to_string(c) + " trial " +
                         std::to_string(trial));
            std::vector<Flip> flips;
            std::vector<Upset> upsets;
            const auto count = 1 + random.below(5);
            for (std::uint64_t i = 0; i < count; ++i) {
                Flip flip;
                flip.layer = mac_layers[random.below(mac_layers.size())];
                const auto elements = static_cast<std::uint64_t>(
                    graph.tensor(graph.layers[flip.layer].output).shape.elements());
                flip.element = static_cast<std::int64_t>(random.below(std::min<std::uint64_t>(elements, 20)));
                flip.mask = random.next32() & random.next32();
                flips.push_back(flip);
                Upset upset;
                upset.site = SiteKind::mac_output;
                upset.layer = static_cast<std::int32_t>(flip.layer);
                upset.unit = flip.element;
                upset.bits = WordBits(flip.mask);
                upsets.push_back(upset);
            }
            const Resolution resolution = resolver.resolve(upsets, golden, engine);
            Codes logits = golden.tensors[index_of(graph.logits)];
            for (const arith::ValueChange& change : engine.propagate(golden, resolution.faults).logits) {
                logits[static_cast<std::size_t>(change.index)] = change.code;
            }
            EXPECT_EQ(logits, logits_by_definition(graph, image, flips));
            changed += logits != golden.tensors[index_of(graph.logits)] ? 1 : 0;
        }
    }
    EXPECT_GT(changed, 100);
}

class MacOutputOfBareMachine : public testing::Test {
  protected:
    Resolution resolve(const char* code, protect::RegisterAction action) {
        for (protect::RegisterPart& part : machine_.policy.registers) {
            part = {code, action};
        }
        Upset upset;
        upset.site = SiteKind::mac_output;
        upset.layer = 0;
        upset.unit = 7;
        upset.bits = WordBits(0x3F00);
        return Resolver(machine_.graph, machine_.config, machine_.policy, machine_.timeline)
            .resolve(upset, machine_.golden);
    }
    BareMachine machine_{OperandRegister::output, true};
};

// Output 7 is channel 1, pixel 2; Σ a·b by hand.
TEST_F(MacOutputOfBareMachine, SaysWhatItHeld) {
    const Resolution resolution = resolve("none", protect::RegisterAction::recompute);
    std::int32_t sum = 0;
    for (int k = 0; k < 3; ++k) {
        sum += machine_.a(2, k) * machine_.b(k, 1);
    }
    EXPECT_EQ(resolution.golden_bits, static_cast<std::uint32_t>(sum));
    EXPECT_EQ(resolution.faulty_bits, static_cast<std::uint32_t>(sum) ^ 0x3F00U);
    ASSERT_EQ(resolution.faults.size(), 1U);
    ASSERT_EQ(resolution.faults[0].accumulators.size(), 1U);
    EXPECT_EQ(resolution.faults[0].accumulators[0].index, 7);
    EXPECT_EQ(resolution.faults[0].accumulators[0].delta, (sum ^ 0x3F00) - sum);
}

// Codes of registers see nothing of an error in the arithmetic; copies of whole PEs do.
TEST_F(MacOutputOfBareMachine, CopiesOfPesOutvoteOrDetectIt) {
    for (const char* code : {"register-tmr", "register-secded", "register-parity"}) {
        EXPECT_EQ(resolve(code, protect::RegisterAction::recompute).faults.size(), 1U) << code;
    }
    const Resolution tmr = resolve("tmr", protect::RegisterAction::recompute);
    EXPECT_TRUE(tmr.faults.empty());
    EXPECT_TRUE(tmr.corrected);
    EXPECT_EQ(tmr.dead, DeadReason::corrected);
    EXPECT_EQ(tmr.recovery_cycles, 0);

    const Resolution dmr = resolve("dmr", protect::RegisterAction::recompute);
    EXPECT_TRUE(dmr.faults.empty());
    EXPECT_TRUE(dmr.detected);
    EXPECT_EQ(dmr.recovery_cycles, BareMachine::kDrain - BareMachine::kPreload);
    EXPECT_TRUE(resolve("dmr", protect::RegisterAction::abort).aborted);
}

// The first two of four columns compute protected channels: which ones is the ranking's to say.
TEST_F(MacOutputOfBareMachine, ProtectedColumnsOutvoteTheirOwn) {
    protect::PpePart ppe;
    ppe.split.columns = 2;
    for (protect::RegisterPart& part : ppe.registers) {
        part = {"tmr", protect::RegisterAction::recompute};
    }
    ppe.ranking.by = protect::RankingPart::By::magnitude;
    machine_.policy.ppe = ppe;
    const protect::ProtectedNeurons neurons(machine_.policy, machine_.graph, machine_.config);
    const Resolver resolver(machine_.graph, machine_.config, machine_.policy, machine_.timeline);
    int covered = 0;
    for (std::int64_t channel = 0; channel < machine_.channels; ++channel) {
        Upset upset;
        upset.site = SiteKind::mac_output;
        upset.layer = 0;
        upset.unit = channel * machine_.pixels + 3;
        upset.bits = WordBits(0x10);
        const Resolution resolution = resolver.resolve(upset, machine_.golden);
        EXPECT_EQ(resolution.corrected, neurons.covers(layer_id(0), channel)) << channel;
        EXPECT_EQ(resolution.faults.empty(), neurons.covers(layer_id(0), channel)) << channel;
        covered += resolution.corrected ? 1 : 0;
    }
    EXPECT_EQ(covered, 2);
}

}  // namespace
}  // namespace fluence::fault
