// The register-true machine of words without upsets: random networks on random machines compute what the
// formats' definition says, floats in the order of the machine's sums.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <set>

#include "sim/accel/machine.h"
#include "sim/arith/word_formats.h"
#include "sim/arith/word_simple.h"
#include "sim/core/error.h"
#include "sim/words/stepped_machine.h"
#include "tests/support/environment.h"
#include "tests/words/word_machines.h"
#include "workloads/random_words.h"
#include "workloads/word_reference.h"

namespace fluence::words {
namespace {

using workloads::WordFormat;
using workloads::WordGraph;
using workloads::Words;

struct Case {
    WordGraph graph;
    AcceleratorConfig config;
    Words image;
    traces::Timeline timeline;
};

// Nothing where a tile does not fit the machine's buffers.
std::optional<Case> draw(WordFormat format, RandomStream& stream) {
    Case c;
    c.graph = workloads::random_word_graph(format, stream);
    c.config = test::random_word_machine(format, stream);
    c.image = workloads::random_word_image(c.graph, stream);
    if (!workloads::is_fixed_point(format) &&
        stream.below(3) == 0) {  // infinities and NaNs among the weights
        for (workloads::WordLayer& layer : c.graph.layers) {
            if (!layer.weights.empty()) {
                const std::uint32_t special[] = {0x7f800000U, 0xff800000U, 0x7fc00001U,
                                                 0xff812345U, 0x80000000U, 0x00000001U};
                layer.weights[stream.below(layer.weights.size())] =
                    special[stream.below(6)] >> (32 - workloads::word_bits(format));
            }
        }
    }
    try {
        c.timeline = accel::time_machine(workloads::stored_structure(c.graph), c.config, {});
    } catch (const InputError&) {
        return std::nullopt;
    }
    return c;
}

template <class Check>
void each_case(WordFormat format, const Check& check) {
    const std::uint64_t seed = test::environment("FLUENCE_TEST_SEED", 20261122);
    const std::uint64_t samples = test::environment("FLUENCE_TEST_MACHINES", 200);
    std::uint64_t ran = 0;
    for (std::uint64_t sample = 0; sample < samples && !testing::Test::HasFailure(); ++sample) {
        RandomStream stream(seed, RandomPurpose::testing, sample);
        if (const std::optional<Case> c = draw(format, stream)) {
            SCOPED_TRACE("FLUENCE_TEST_SEED=" + std::to_string(seed) + " sample " + std::to_string(sample) +
                         ": " + to_json(c->config).dump());
            check(*c);
            ++ran;
        }
    }
    EXPECT_GT(ran, samples / 2);
}

void expect_reference(const Case& c) {
    const SteppedWordMachine machine(c.graph, c.config, {}, c.timeline);
    const SteppedWordMachine::Run run = machine.run(c.image, {});
    const std::vector<Words> golden = workloads::reference_run(c.graph, c.image);
    for (std::size_t t = 0; t < golden.size(); ++t) {
        ASSERT_EQ(run.tensors[t], golden[t]) << "tensor " << t;
    }
    ASSERT_EQ(run.logits, golden[index_of(c.graph.structure.logits)]);
}

TEST(FaultFree, FixedPointOf16BitsIsTheReference) {
    each_case(WordFormat::fxp16, expect_reference);
}

TEST(FaultFree, FixedPointOf32BitsIsTheReference) {
    each_case(WordFormat::fxp32, expect_reference);
}

// bf16 and fp32 in plain loops: each fold's sum from +0 with k ascending, padding as zeros, the folds' sums
// one after the other, then the bias.
template <class F>
class Floats {
  public:
    explicit Floats(const Case& c) : c_(c), folds_(c.graph.layers.size()) {
        for (std::size_t i = 0; i < c.graph.layers.size(); ++i) {
            rules_.push_back(F::rule(c.graph, i));
        }
        for (const traces::Fold& fold : c.timeline.folds) {
            folds_[index_of(fold.layer)].insert({fold.first_k, fold.first_k + fold.terms});
        }
    }

    std::vector<Words> run() const {
        const workloads::Graph& structure = c_.graph.structure;
        std::vector<std::vector<float>> tensors(structure.tensors.size());
        for (const workloads::Word word : c_.image) {
            tensors[index_of(structure.input)].push_back(number(word));
        }
        const arith::WordSimple<F> simple(c_.graph, rules_);
        for (std::size_t i = 0; i < structure.layers.size(); ++i) {
            const workloads::Layer& layer = structure.layers[i];
            std::vector<float>& output = tensors[index_of(layer.output)];
            output.resize(static_cast<std::size_t>(structure.tensor(layer.output).shape.elements()));
            for (std::size_t e = 0; e < output.size(); ++e) {
                const auto element = static_cast<std::int64_t>(e);
                output[e] = layer.has_macs() ? mac(i, element, tensors[index_of(layer.inputs[0])])
                                             : simple(i, element, tensors);
            }
        }
        std::vector<Words> words(tensors.size());
        for (std::size_t t = 0; t < tensors.size(); ++t) {
            for (const float value : tensors[t]) {
                words[t].push_back(F::encode(value));
            }
        }
        return words;
    }

  private:
    float mac(std::size_t i, std::int64_t element, const std::vector<float>& input) const {
        const workloads::Graph& structure = c_.graph.structure;
        const workloads::Layer& layer = structure.layers[i];
        const workloads::Shape& in = structure.tensor(layer.inputs[0]).shape;
        const workloads::Shape& out = structure.tensor(layer.output).shape;
        const workloads::Window w = workloads::window_of(structure, layer);
        const workloads::GemmShape gemm = workloads::gemm_shape(structure, layer);
        const std::int64_t n = element / out.plane();
        float total = 0;
        bool first = true;
        for (const auto& [begin, end] : folds_[i]) {
            float sum = 0;
            for (std::int64_t k = begin; k < end; ++k) {
                const std::int64_t kx = k % w.kernel_w;
                const std::int64_t ky = k / w.kernel_w % w.kernel_h;
                const std::int64_t c =
                    k / w.kernel_w / w.kernel_h + n / gemm.n * (in.channels / layer.groups);
                const std::int64_t y =
                    element % out.plane() / out.width * w.stride_h - w.pad_h + ky * w.dilation_h;
                const std::int64_t x = element % out.width * w.stride_w - w.pad_w + kx * w.dilation_w;
                const bool padding = y < 0 || y >= in.height || x < 0 || x >= in.width;
                const float a =
                    padding ? 0.0F : input[static_cast<std::size_t>((c * in.height + y) * in.width + x)];
                const float product =
                    a * number(c_.graph.layers[i].weights[static_cast<std::size_t>(n * gemm.k + k)]);
                sum += product;
            }
            total = first ? sum : total + sum;
            first = false;
        }
        total += arith::float_of(c_.graph.layers[i].bias[static_cast<std::size_t>(n)]);
        if (std::isnan(total)) {
            return arith::float_of(0x7fc00000U);
        }
        if (rules_[i].relu) {
            total = total > 0 ? std::min(total, rules_[i].ceiling) : 0.0F;
        }
        return number(workloads::nearest_word(c_.graph.format, 1, double{total}));
    }
    float number(workloads::Word word) const {
        return arith::float_of(word << (32 - workloads::word_bits(c_.graph.format)));
    }

    const Case& c_;
    std::vector<typename F::Rule> rules_;
    std::vector<std::set<std::pair<std::int64_t, std::int64_t>>> folds_;  // of the reduction, by layer
};

template <class F>
void expect_machines_order(WordFormat format) {
    int other_order = 0;
    each_case(format, [&](const Case& c) {
        const SteppedWordMachine machine(c.graph, c.config, {}, c.timeline);
        const SteppedWordMachine::Run run = machine.run(c.image, {});
        const std::vector<Words> expected = Floats<F>(c).run();
        for (std::size_t t = 0; t < expected.size(); ++t) {
            ASSERT_EQ(run.tensors[t], expected[t]) << "tensor " << t;
        }
        ASSERT_EQ(run.logits, expected[index_of(c.graph.structure.logits)]);
        other_order += run.tensors != workloads::reference_run(c.graph, c.image) ? 1 : 0;
    });
    EXPECT_GT(other_order, 10);  // so that the order is held as well
}

TEST(FaultFree, Bf16IsAddedInTheMachinesOrder) {
    expect_machines_order<arith::Bf16>(WordFormat::bf16);
}

TEST(FaultFree, Fp32IsAddedInTheMachinesOrder) {
    expect_machines_order<arith::Fp32>(WordFormat::fp32);
}

TEST(FaultFree, TwoRunsOfOneMachineAreAlike) {
    RandomStream stream(7, RandomPurpose::testing, 0);
    std::optional<Case> c;
    while (!c) {
        c = draw(WordFormat::fxp16, stream);
    }
    const SteppedWordMachine machine(c->graph, c->config, {}, c->timeline);
    traces::Upset upset;
    upset.site = traces::SiteKind::dram;
    upset.bits.set(1);
    const SteppedWordMachine::Run first = machine.run(c->image, {});
    machine.run(c->image, {upset});
    EXPECT_EQ(machine.run(c->image, {}).tensors, first.tensors);
}

}  // namespace
}  // namespace fluence::words
