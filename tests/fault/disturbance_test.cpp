// Neurons that drop out, and noise on neurons: held against layers by their definition, and their statistics
// against formulas.
#include "sim/fault/neuron_disturbance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sim/accel/machine.h"
#include "sim/core/config_search.h"
#include "sim/fault/resolver.h"
#include "sim/fault/sampler.h"
#include "tests/fault/bare_machine.h"
#include "tests/support/random_graph.h"

namespace fluence::fault {
namespace {

using workloads::Codes;

Upset disturbance(SiteKind kind, std::size_t layer, std::int64_t stream, double level) {
    Upset upset;
    upset.site = kind;
    upset.layer = static_cast<std::int32_t>(layer);
    upset.unit = stream;
    upset.bits = traces::level_bits(kind, level);
    return upset;
}

protect::PpePart region(int columns) {
    protect::PpePart ppe;
    ppe.split.columns = columns;
    for (protect::RegisterPart& part : ppe.registers) {
        part = {"register-parity", protect::RegisterAction::recompute};
    }
    ppe.ranking.by = protect::RankingPart::By::magnitude;
    return ppe;
}

// What the definition says of the code of one neuron, whose draws come in the order of the neurons.
struct Definition {
    RandomStream random;
    SiteKind kind;
    double level;
    explicit Definition(const Upset& upset)
        : random(static_cast<std::uint64_t>(upset.unit), RandomPurpose::neuron_disturbance,
                 static_cast<std::uint64_t>(upset.layer)),
          kind(upset.site),
          level(traces::level_of(upset)) {}
    // `unprotected`: the neuron's PE.
    std::int32_t code(std::int32_t right, workloads::NumberFormat format, bool unprotected) {
        if (kind == SiteKind::neuron_dropout) {
            const bool out = random.next32() < level * 4294967296.0;
            return out && unprotected ? 0 : right;
        }
        const double noise = std::round(random.normal() * level);
        return unprotected ? static_cast<std::int32_t>(std::clamp(right + noise,
                                                                  static_cast<double>(min_code(format)),
                                                                  static_cast<double>(max_code(format))))
                           : right;
    }
};

// Layer after layer: what comes out of it in front of range restriction without the disturbance, then every
// neuron by its draw. Fills in which layers a ReLU check looks at and finds a wrong code in.
std::vector<Codes> tensors_by_definition(const workloads::Graph& graph,
                                         const std::vector<arith::OutputBounds>& bounds, const Codes& image,
                                         const std::vector<Upset>& upsets,
                                         const protect::ProtectedNeurons& neurons,
                                         std::vector<bool>& relu_differs) {
    std::vector<arith::LayerFault> faults;
    for (const Upset& upset : upsets) {
        const auto i = static_cast<std::size_t>(upset.layer);
        std::vector<arith::OutputBounds> in_front = bounds;
        if (!in_front.empty()) {
            in_front[i] = {};
        }
        const workloads::TensorInfo& output = graph.tensor(graph.layers[i].output);
        const Codes right =
            arith::reference_run(graph, in_front, image, faults)[index_of(graph.layers[i].output)];
        Definition definition(upset);
        arith::LayerFault fault;
        fault.layer = layer_id(i);
        for (std::size_t e = 0; e < right.size(); ++e) {
            const std::int64_t channel = static_cast<std::int64_t>(e) / output.shape.plane();
            const std::int32_t wrong =
                definition.code(right[e], output.format, !neurons.covers(layer_id(i), channel));
            if (wrong != right[e]) {
                fault.outputs.push_back(
                    {static_cast<std::int64_t>(e),
                     static_cast<std::uint32_t>(wrong) ^ static_cast<std::uint32_t>(right[e])});
            }
        }
        relu_differs[i] = output.format == workloads::NumberFormat::u8 && !fault.outputs.empty();
        faults.push_back(fault);
    }
    return arith::reference_run(graph, bounds, image, faults);
}

std::vector<arith::OutputBounds> random_bounds(const workloads::Graph& graph, RandomStream& random) {
    std::vector<arith::OutputBounds> bounds(graph.layers.size());
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        const workloads::TensorInfo& output = graph.tensor(graph.layers[i].output);
        bounds[i].zero_outside = random.below(2) == 0;
        if (random.below(3) > 0) {
            const bool is_unsigned = output.format == workloads::NumberFormat::u8;
            const auto channels = static_cast<std::size_t>(output.shape.channels);
            bounds[i].lo.assign(channels, is_unsigned ? 2 : -5);
            bounds[i].hi.assign(channels, 60);
        }
    }
    return bounds;
}

struct Draw {
    workloads::Graph graph;
    Codes image;
    std::vector<std::size_t> mac_layers;
    explicit Draw(RandomStream& random) {
        workloads::RandomGraphOptions options{3, 6, 7, 5, false};
        options.max_images = 2;
        graph = test::random_graph(random, options);
        image = test::random_image(graph, random);
        for (std::size_t i = 0; i < graph.layers.size(); ++i) {
            if (graph.layers[i].has_macs()) {
                mac_layers.push_back(i);
            }
        }
    }
};

TEST(Disturbance, OfAllOrSomeLayersIsWhatTheDefinitionGives) {
    constexpr std::uint64_t kSeed = 78;
    int changed = 0, alarms = 0, silent = 0;
    for (std::uint64_t c = 0; c < 24; ++c) {
        RandomStream random(kSeed, RandomPurpose::testing, c);
        const Draw draw(random);
        const workloads::Graph& graph = draw.graph;
        const AcceleratorConfig config = read_accelerator(find_config("accelerators", "tiny-8x8"));
        protect::Policy policy;
        policy.relu_check = protect::ReluCheckPart{};
        if (c % 2 == 1) {
            policy.ppe = region(static_cast<int>(random.below(6)));
        }
        const std::vector<arith::OutputBounds> bounds =
            c % 3 == 0 ? std::vector<arith::OutputBounds>() : random_bounds(graph, random);
        const protect::ProtectedNeurons neurons(policy, graph, config);
        const traces::Timeline timeline = accel::time_machine(graph, config, policy);
        const Resolver resolver(graph, config, policy, timeline, &bounds);
        arith::Engine engine(graph, bounds);
        const arith::GoldenRun golden = engine.run(draw.image);
        for (int trial = 0; trial < 12; ++trial) {
            SCOPED_TRACE("seed " + std::to_string(kSeed) + " case " + std::to_string(c) + " trial " +
                         std::to_string(trial));
            const SiteKind kind = trial % 2 == 0 ? SiteKind::neuron_dropout : SiteKind::neuron_noise;
            const double level = kind == SiteKind::neuron_dropout ? random.uniform() : 20 * random.uniform();
            std::vector<Upset> upsets;
            for (const std::size_t layer : draw.mac_layers) {
                if (trial < 4 || random.below(2) == 0) {
                    upsets.push_back(disturbance(kind, layer, static_cast<std::int64_t>(random.next32()),
                                                 trial < 8 ? level : level / 100));
                }
            }
            const Resolution resolution = resolver.resolve(upsets, golden, engine);
            std::vector<Codes> tensors = golden.tensors;
            engine.propagate(
                golden, resolution.faults, [&](LayerId layer, const std::vector<arith::ValueChange>& values) {
                    for (const arith::ValueChange& value : values) {
                        tensors[index_of(graph.layer(layer).output)][static_cast<std::size_t>(value.index)] =
                            value.code;
                    }
                });
            std::vector<bool> relu_differs(graph.layers.size(), false);
            EXPECT_EQ(tensors,
                      tensors_by_definition(graph, bounds, draw.image, upsets, neurons, relu_differs));
            std::vector<bool> alarm(graph.layers.size(), false);
            for (const arith::LayerFault& fault : resolution.faults) {
                alarm[index_of(fault.layer)] = fault.relu_alarm;
            }
            EXPECT_EQ(alarm, relu_differs);
            changed += tensors != golden.tensors ? 1 : 0;
            alarms += static_cast<int>(std::count(alarm.begin(), alarm.end(), true));
            silent += static_cast<int>(resolution.faults.size()) -
                      static_cast<int>(std::count(alarm.begin(), alarm.end(), true));
        }
    }
    EXPECT_GT(changed, 100);
    EXPECT_GT(alarms, 50);
    EXPECT_GT(silent, 50);
}

// A layer of 4 channels of 1,250 pixels, alone.
workloads::Graph wide_graph() {
    workloads::Graph graph = test::BareMachine(OperandRegister::output, true).graph;
    for (workloads::TensorInfo& tensor : graph.tensors) {
        tensor.shape.width = 1250;
    }
    return graph;
}

TEST(Disturbance, DropsOutAsManyNeuronsAsTheBinomialDistributionSays) {
    const workloads::Graph graph = wide_graph();
    const AcceleratorConfig config = test::BareMachine(OperandRegister::output, true).config;
    const NeuronDisturbance unprotected(graph, config, {});
    constexpr double kNeurons = 5000;
    constexpr int kInferences = 400;
    for (const double p : {0.002, 0.1, 0.75}) {
        double sum = 0, squares = 0;
        for (int i = 0; i < kInferences; ++i) {
            const auto outputs =
                unprotected.outputs(layer_id(0), {disturbance(SiteKind::neuron_dropout, 0, 1000 + i, p)});
            const auto count = static_cast<double>(outputs.size());
            sum += count;
            squares += (count - kNeurons * p) * (count - kNeurons * p);
        }
        const double variance = kNeurons * p * (1 - p);
        EXPECT_NEAR(sum / kInferences, kNeurons * p, 4 * std::sqrt(variance / kInferences)) << p;
        // χ² with as many degrees of freedom has a deviation of √(2/n) of its mean.
        EXPECT_NEAR(squares / kInferences / variance, 1, 4 * std::sqrt(2.0 / kInferences)) << p;
    }
}

TEST(Disturbance, NoiseHasItsMeanAndVariance) {
    const workloads::Graph graph = wide_graph();
    const AcceleratorConfig config = test::BareMachine(OperandRegister::output, true).config;
    const NeuronDisturbance unprotected(graph, config, {});
    for (const double deviation : {0.4, 3.7, 90.0}) {
        constexpr double kNumbers = 5000 * 100;
        double sum = 0, squares = 0;
        for (int i = 0; i < 100; ++i) {
            for (const arith::DisturbedOutput& output :
                 unprotected.outputs(layer_id(0), {disturbance(SiteKind::neuron_noise, 0, i, deviation)})) {
                EXPECT_FALSE(output.zeroed);
                sum += output.shift;
                squares += static_cast<double>(output.shift) * output.shift;
            }
        }
        // Of a rounded normal number: Σ k²·P(k − ½ < z ≤ k + ½).
        double variance = 0;
        for (int k = 1; k < 1000; ++k) {
            const auto above = [&](double x) { return std::erfc(x / deviation / std::sqrt(2.0)); };
            variance += k * k * (above(k - 0.5) - above(k + 0.5));
        }
        EXPECT_NEAR(sum / kNumbers, 0, 4 * std::sqrt(variance / kNumbers)) << deviation;
        EXPECT_NEAR(squares / kNumbers / variance, 1, 4 * std::sqrt(3 / kNumbers) + 0.01) << deviation;
    }
}

TEST(Disturbance, SparesProtectedPesAlone) {
    const workloads::Graph graph = wide_graph();
    const AcceleratorConfig config = test::BareMachine(OperandRegister::output, true).config;
    const Upset upset = disturbance(SiteKind::neuron_dropout, 0, 9, 0.3);
    const auto all = NeuronDisturbance(graph, config, {}).outputs(layer_id(0), {upset});
    protect::Policy half;
    half.ppe = region(2);
    const protect::ProtectedNeurons neurons(half, graph, config);
    std::vector<std::int64_t> expected, found;
    for (const arith::DisturbedOutput& output : all) {
        if (!neurons.covers(layer_id(0), output.index / 1250)) {
            expected.push_back(output.index);
        }
    }
    for (const arith::DisturbedOutput& output :
         NeuronDisturbance(graph, config, half).outputs(layer_id(0), {upset})) {
        found.push_back(output.index);
    }
    EXPECT_EQ(found, expected) << "the same neurons drop out under every policy";
    EXPECT_GT(found.size(), 500U);
    EXPECT_LT(found.size(), all.size());

    protect::Policy full, tmr, parity;
    full.ppe = region(4);
    for (protect::RegisterPart& part : tmr.registers) {
        part = {"tmr", protect::RegisterAction::recompute};
    }
    for (protect::RegisterPart& part : parity.registers) {
        part = {"register-parity", protect::RegisterAction::recompute};
    }
    EXPECT_FALSE(NeuronDisturbance(graph, config, full).reaches(layer_id(0)));
    EXPECT_FALSE(NeuronDisturbance(graph, config, tmr).reaches(layer_id(0)));
    EXPECT_TRUE(NeuronDisturbance(graph, config, tmr).outputs(layer_id(0), {upset}).empty());
    EXPECT_TRUE(NeuronDisturbance(graph, config, parity).reaches(layer_id(0)));
}

TEST(Disturbance, IsDeadWhereAllNeuronsAreProtected) {
    test::BareMachine machine(OperandRegister::output, true);
    machine.policy.ppe = region(4);
    const Resolver resolver(machine.graph, machine.config, machine.policy, machine.timeline);
    EXPECT_EQ(resolver.resolve(disturbance(SiteKind::neuron_dropout, 0, 9, 1), machine.golden).dead,
              DeadReason::absent);
}

TEST(DisturbanceDraw, IsAnUpsetInEveryLayerAtTheLayersLevel) {
    RandomStream random(5, RandomPurpose::testing, 0);
    const workloads::Graph graph = test::lenet_like_graph(random);
    FaultModelConfig config;
    config.name = "agn";
    config.disturbance = {0.5, {2, 0.25}, 10};
    std::vector<double> means(graph.layers.size(), 0);
    std::vector<std::int32_t> layers;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        means[i] = 10.0 * static_cast<double>(i) - 20;
        if (graph.layers[i].has_macs()) {
            layers.push_back(static_cast<std::int32_t>(i));
        }
    }
    const Sampler sampler(config, graph, {}, means);
    EXPECT_EQ(sampler.levels(), (std::vector<double>{0.25, 0.5, 2}));
    const FaultDraw draw = sampler.draw_at_level(1, 7, 2);
    std::vector<Upset> upsets = {draw.upset};
    for (const DrawnUpset& further : draw.further) {
        upsets.push_back(further.upset);
    }
    ASSERT_EQ(upsets.size(), layers.size());
    for (std::size_t i = 0; i < layers.size(); ++i) {
        EXPECT_EQ(upsets[i].site, SiteKind::neuron_noise);
        EXPECT_EQ(upsets[i].layer, layers[i]);
        EXPECT_EQ(upsets[i].unit, draw.upset.unit);
        EXPECT_NEAR(traces::level_of(upsets[i]), 2 * std::abs(means[static_cast<std::size_t>(layers[i])]),
                    1.0 / (1 << 16));
    }
    EXPECT_NE(sampler.draw_at_level(1, 8, 2).upset.unit, draw.upset.unit);
    EXPECT_EQ(sampler.draw_at_level(1, 7, 2).upset.unit, draw.upset.unit);
    const Upset second = again_in_run(draw.upset, 1);
    EXPECT_NE(second.unit, draw.upset.unit);
    EXPECT_EQ(second.bits, draw.upset.bits);
    EXPECT_NE(again_in_run(draw.upset, 2).unit, second.unit);
}

}  // namespace
}  // namespace fluence::fault
