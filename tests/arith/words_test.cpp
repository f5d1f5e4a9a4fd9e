// Engines of graphs of words against the definition in plain loops (workloads/word_reference.h), and both
// against values worked out by hand. FLUENCE_TEST_SEED draws other graphs and faults, FLUENCE_WORD_GRAPHS
// sets how many graphs a format (default 60).
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "sim/arith/engine.h"
#include "sim/arith/registry.h"
#include "sim/arith/word_formats.h"
#include "tests/support/environment.h"
#include "tests/support/random_graph.h"
#include "workloads/random_words.h"
#include "workloads/word_reference.h"

namespace fluence::arith {
namespace {

using workloads::OpKind;
using workloads::WordFault;
using workloads::WordFormat;
using workloads::WordGraph;

class WordFormats : public ::testing::TestWithParam<WordFormat> {
  protected:
    WordFormat format() const { return GetParam(); }
    int bits() const { return workloads::word_bits(format()); }
};

TEST_P(WordFormats, GoldenRunsAreTheDefinitions) {
    const std::uint64_t seed = test::environment("FLUENCE_TEST_SEED", 20260);
    const auto graphs = test::environment("FLUENCE_WORD_GRAPHS", 60);
    for (std::uint64_t i = 0; i < graphs; ++i) {
        SCOPED_TRACE("seed " + std::to_string(seed) + ", graph " + std::to_string(i));
        RandomStream stream(seed, RandomPurpose::testing, i);
        const WordGraph graph = workloads::random_word_graph(format(), stream);
        const auto engine = make_value_engine(graph);
        for (int image = 0; image < 2; ++image) {  // the second finds the scratch of the first
            const Words words = workloads::random_word_image(graph, stream);
            engine->load(words);
            const std::vector<Words> wanted = workloads::reference_run(graph, words);
            for (std::size_t t = 0; t < wanted.size(); ++t) {
                ASSERT_EQ(engine->golden(tensor_id(t)), wanted[t]) << graph.structure.tensors[t].name;
            }
        }
    }
}

// One to three faults: a flipped bit or a random word of a weight or an output.
std::vector<ValueFault> random_faults(const WordGraph& graph, const ValueEngine& engine,
                                      RandomStream& stream) {
    std::vector<ValueFault> faults;
    const auto count = 1 + stream.below(3);
    while (faults.size() < count) {
        const auto i = static_cast<std::size_t>(stream.below(graph.layers.size()));
        ValueFault fault;
        fault.layer = layer_id(i);
        const bool weight = graph.structure.layers[i].has_macs() && stream.below(2) == 0;
        fault.target = weight ? ValueTarget::weight : ValueTarget::output;
        const TensorId output = graph.structure.layers[i].output;
        const std::int64_t size = weight ? static_cast<std::int64_t>(graph.layers[i].weights.size())
                                         : graph.structure.tensor(output).shape.elements();
        fault.index = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(size)));
        const Word was = weight ? engine.weight(fault.layer, fault.index)
                                : engine.golden(output)[static_cast<std::size_t>(fault.index)];
        const auto bit = stream.below(static_cast<std::uint64_t>(workloads::word_bits(graph.format)));
        fault.word = stream.below(3) == 0 ? workloads::random_word(graph.format, stream) : was ^ (1U << bit);
        faults.push_back(fault);
    }
    return faults;
}

void expect_reference(const WordGraph& graph, const Words& image, ValueEngine& engine,
                      const std::vector<ValueFault>& faults) {
    std::vector<WordFault> reference_faults;
    for (const ValueFault& fault : faults) {
        reference_faults.push_back(
            {index_of(fault.layer), fault.target == ValueTarget::weight, fault.index, fault.word});
    }
    const std::vector<Words> faulty = workloads::reference_run(graph, image, reference_faults);
    const ValueRun run = engine.propagate(faults);
    const std::size_t logits = index_of(graph.structure.logits);
    ASSERT_EQ(run.changed_logits ? run.logits : engine.golden(graph.structure.logits), faulty[logits]);
    ASSERT_EQ(run.changed_logits, engine.golden(graph.structure.logits) != faulty[logits]);
    std::int64_t changed = 0;
    std::int32_t first = -1, last = -1;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const workloads::Layer& layer = graph.structure.layers[i];
        const Words golden = engine.golden(layer.output);
        std::int64_t here = 0;
        for (std::size_t e = 0; e < golden.size(); ++e) {
            here += golden[e] != faulty[index_of(layer.output)][e] ? 1 : 0;
        }
        if (here > 0 && layer.kind != OpKind::flatten) {
            changed += here;
            first = first < 0 ? static_cast<std::int32_t>(i) : first;
            last = static_cast<std::int32_t>(i);
        }
    }
    ASSERT_EQ(run.changed_values, changed);
    ASSERT_EQ(run.first_changed_layer, first);
    ASSERT_EQ(run.last_changed_layer, last);
}

TEST_P(WordFormats, FaultyRunsAreTheDefinitions) {
    const std::uint64_t seed = test::environment("FLUENCE_TEST_SEED", 20261);
    const auto graphs = test::environment("FLUENCE_WORD_GRAPHS", 60);
    for (std::uint64_t i = 0; i < graphs; ++i) {
        RandomStream stream(seed, RandomPurpose::testing, i);
        const WordGraph graph = workloads::random_word_graph(format(), stream);
        const auto engine = make_value_engine(graph);
        const Words image = workloads::random_word_image(graph, stream);
        engine->load(image);
        for (int fault = 0; fault < 12; ++fault) {
            SCOPED_TRACE("seed " + std::to_string(seed) + ", graph " + std::to_string(i) + ", fault " +
                         std::to_string(fault));
            expect_reference(graph, image, *engine, random_faults(graph, *engine, stream));
            if (HasFatalFailure()) {
                return;
            }
        }
        ASSERT_FALSE(engine->propagate({}).changed_logits);
    }
}

// 1 → 1 → 2 values: x, then w·x + b, then the logits (y, −y). Scales are 2^-(bits-1) everywhere.
WordGraph tiny(WordFormat format, double w, double b, bool relu) {
    WordGraph graph;
    graph.format = format;
    graph.structure.name = "tiny";
    const bool fixed = workloads::is_fixed_point(format);
    const double scale = fixed ? std::ldexp(1.0, 1 - workloads::word_bits(format)) : 1;
    for (const char* name : {"x", "y", "z"}) {
        graph.structure.tensors.push_back({name, {1, 1, 1}, workloads::NumberFormat::s32, scale});
    }
    graph.structure.tensors[2].shape.channels = 2;
    graph.structure.input = tensor_id(0);
    graph.structure.logits = tensor_id(2);
    graph.reach = {1, 1, 1};
    const WordFormat of_bias = format == WordFormat::bf16 ? WordFormat::fp32 : format;
    const std::vector<std::vector<double>> weights = {{w}, {0.5, -0.5}};
    const std::vector<std::vector<double>> biases = {{b}, {0, 0}};
    for (std::size_t i = 0; i < 2; ++i) {
        workloads::Layer layer;
        layer.name = "fc" + std::to_string(i);
        layer.kind = OpKind::linear;
        layer.inputs = {tensor_id(i)};
        layer.output = tensor_id(i + 1);
        graph.structure.layers.push_back(layer);
        workloads::WordLayer& words = graph.layers.emplace_back();
        words.weight_scale = words.bias_scale = scale;
        words.relu = relu && i == 0;
        for (const double value : weights[i]) {
            words.weights.push_back(workloads::nearest_word(format, scale, value));
        }
        for (const double value : biases[i]) {
            words.bias.push_back(workloads::nearest_word(of_bias, scale, value));
        }
    }
    workloads::validate(graph, "tiny");
    return graph;
}

// What a word of a format stands for, from its bits by hand.
double by_hand(WordFormat format, Word word) {
    if (workloads::is_fixed_point(format)) {
        const int bits = workloads::word_bits(format);
        double value = 0;
        for (int b = 0; b < bits; ++b) {
            value += (word >> b & 1U) != 0 ? std::ldexp(b == bits - 1 ? -1.0 : 1.0, b - (bits - 1)) : 0;
        }
        return value;
    }
    const Word w = format == WordFormat::bf16 ? word << 16 : word;
    const int exponent = static_cast<int>(w >> 23 & 255U);
    const double fraction = static_cast<double>(w & 0x7fffffU) / 8388608;
    const double sign = w >> 31 != 0 ? -1 : 1;
    if (exponent == 255) {
        return fraction == 0 ? sign * INFINITY : std::nan("");
    }
    return sign * (exponent == 0 ? std::ldexp(fraction, -126) : std::ldexp(1 + fraction, exponent - 127));
}

// The contract of a format: every word is a number, every bit of every word can flip, nothing is lost on the
// way in and out.
TEST_P(WordFormats, EveryBitOfEveryWordIsDefined) {
    const WordGraph graph = tiny(format(), 0.5, 0, false);
    const auto engine = make_value_engine(graph);
    const TensorId x = graph.structure.input;
    RandomStream stream(test::environment("FLUENCE_TEST_SEED", 20262), RandomPurpose::testing, 0);
    for (Word i = 0; i < 65536; ++i) {
        const Word word = bits() == 16 ? i : stream.next32();
        const double value = by_hand(format(), word);
        if (std::isnan(value)) {
            ASSERT_TRUE(std::isnan(engine->value(x, word))) << word;
        } else {
            ASSERT_EQ(engine->value(x, word), value) << word;
            ASSERT_EQ(engine->nearest(x, value), word);
            ASSERT_EQ(workloads::nearest_word(format(), graph.structure.tensors[0].scale, value), word);
        }
    }
    for (int sample = 0; sample < 50; ++sample) {
        const Word word = workloads::nearest_word(format(), graph.structure.tensors[0].scale,
                                                  1.9 * stream.uniform() - 0.95);
        const Words image = {word};
        engine->load(image);
        for (int bit = 0; bit < bits(); ++bit) {
            SCOPED_TRACE("word " + std::to_string(word) + ", bit " + std::to_string(bit));
            expect_reference(
                graph, image, *engine,
                {{layer_id(0), ValueTarget::output, 0, engine->golden(tensor_id(1))[0] ^ (1U << bit)}});
            expect_reference(
                graph, image, *engine,
                {{layer_id(0), ValueTarget::weight, 0, engine->weight(layer_id(0), 0) ^ (1U << bit)}});
        }
    }
}

TEST_P(WordFormats, RefuseFaultsTheGraphDoesNotHave) {
    const auto engine = make_value_engine(tiny(format(), 0.5, 0, false));
    EXPECT_THROW(engine->propagate({}), std::invalid_argument);  // nothing loaded
    EXPECT_THROW(engine->load({0, 0}), std::invalid_argument);
    engine->load({0});
    EXPECT_THROW(engine->propagate({{layer_id(2), ValueTarget::output, 0, 0}}), std::invalid_argument);
    EXPECT_THROW(engine->propagate({{layer_id(0), ValueTarget::weight, 1, 0}}), std::invalid_argument);
    if (bits() == 16) {
        EXPECT_THROW(engine->propagate({{layer_id(0), ValueTarget::weight, 0, 0x10000U}}),
                     std::invalid_argument);
    }
}

INSTANTIATE_TEST_SUITE_P(All, WordFormats,
                         ::testing::Values(WordFormat::fxp16, WordFormat::fxp32, WordFormat::bf16,
                                           WordFormat::fp32),
                         [](const auto& test) { return std::string(workloads::name_of(test.param)); });

TEST(WordFormatTable, HasEveryFormatOfWords) {
    EXPECT_EQ(word_format_engines().size(), workloads::word_formats().size());
}

Word hidden(const WordGraph& graph, Word x) {
    const auto engine = make_value_engine(graph);
    engine->load({x});
    return engine->golden(tensor_id(1))[0];
}

// fxp16, w = ½: the sum is x·2^14 in units of 2^-30; halves round up, towards plus infinity.
TEST(Fxp16, RoundsHalvesUpAndSaturates) {
    EXPECT_EQ(hidden(tiny(WordFormat::fxp16, 0.5, 0, false), 5), 3U);             // 2.5
    EXPECT_EQ(hidden(tiny(WordFormat::fxp16, 0.5, 0, false), 0xfffbU), 0xfffeU);  // −2.5 → −2
    EXPECT_EQ(hidden(tiny(WordFormat::fxp16, 0.5, 0, false), 0xffffU), 0U);       // −0.5 → 0
    EXPECT_EQ(hidden(tiny(WordFormat::fxp16, -1, 0, false), 0x8000U), 0x7fffU);   // (−1)·(−1) saturates
    EXPECT_EQ(hidden(tiny(WordFormat::fxp16, -1, -1, false), 0x7fffU), 0x8000U);
    EXPECT_EQ(hidden(tiny(WordFormat::fxp16, -1, 0.25, true), 0x4000U), 0U);  // ReLU of −¼
}

TEST(Fxp32, HoldsProductsOfFullWidth) {
    // (1 − 2^-31)² = 1 − 2^-30 + 2^-62, rounded to steps of 2^-31.
    EXPECT_EQ(hidden(tiny(WordFormat::fxp32, 1, 0, false), 0x7fffffffU), 0x7ffffffeU);
    EXPECT_EQ(hidden(tiny(WordFormat::fxp32, -1, 0, false), 0x80000000U), 0x7fffffffU);
    EXPECT_EQ(hidden(tiny(WordFormat::fxp32, -1, -0.5, false), 0x7fffffffU), 0x80000000U);
}

// bf16 keeps the upper half of an fp32 word: ties go to the even one, overflow to infinity.
TEST(Bf16, RoundsToNearestEven) {
    const auto sum = [](double bias) { return hidden(tiny(WordFormat::bf16, 1, bias, false), 0x3f80U); };
    EXPECT_EQ(sum(std::ldexp(1, -8)), 0x3f80U);                       // 1 + half a step: to even, down
    EXPECT_EQ(sum(std::ldexp(1, -8) + std::ldexp(1, -20)), 0x3f81U);  // a little more
    EXPECT_EQ(sum(std::ldexp(3, -8)), 0x3f82U);                       // 1 + 1½ steps: to even, up
    EXPECT_EQ(sum(std::numeric_limits<float>::max()), 0x7f80U);
}

TEST(Fp32, NaNAndInfinityGoTheirWay) {
    const WordGraph graph = tiny(WordFormat::fp32, 1, 0, true);
    const auto engine = make_value_engine(graph);
    const auto logits = [&](Word weight, Word x) {
        engine->load({x});
        return engine->propagate({{layer_id(0), ValueTarget::weight, 0, weight}}).logits;
    };
    constexpr Word kOne = 0x3f800000U, kInfinity = 0x7f800000U, kNaN = 0x7fc00000U;
    EXPECT_EQ(logits(kInfinity, kOne), (Words{kInfinity, kInfinity | 0x80000000U}));
    EXPECT_EQ(top1(*engine, logits(kInfinity, kOne)), 0);
    // ∞·0, and a NaN of other bits: NaN passes the ReLU and is stored as one pattern.
    EXPECT_EQ(logits(kInfinity, 0), (Words{kNaN, kNaN}));
    EXPECT_EQ(logits(0xff800001U, kOne), (Words{kNaN, kNaN}));
    EXPECT_EQ(top1(*engine, {kNaN, kNaN}), -1);
    EXPECT_EQ(top1(*engine, {kNaN, 0xff800000U}), 1);
    EXPECT_EQ(top1(*engine, {0x80000000U, 0}), 0);  // −0 = 0: the first
}

// Products in ascending order onto the bias: 1 + 2^-24 + 2^-24 stays 1 in fp32, and 2^-24 + 2^-24 + 1 does
// not.
TEST(Fp32, AddsInAscendingOrder) {
    WordGraph graph = tiny(WordFormat::fp32, 1, 0, false);
    graph.structure.tensors[0].shape.channels = 3;
    const Word one = 0x3f800000U;
    const Word small = workloads::nearest_word(WordFormat::fp32, 1, std::ldexp(1, -24));
    graph.layers[0].weights = {one, one, one};
    const auto engine = make_value_engine(graph);
    engine->load({one, small, small});
    EXPECT_EQ(engine->golden(tensor_id(1))[0], one);
    engine->load({small, small, one});
    EXPECT_EQ(engine->golden(tensor_id(1))[0], one + 1);
}

// Averages of integers: ⌊sum/4 + ½⌋.
TEST(Fxp16, AveragesRoundHalvesUp) {
    WordGraph graph = tiny(WordFormat::fxp16, 1, 0, false);
    graph.structure.tensors[0].shape = {1, 2, 2};
    graph.structure.layers[0].kind = OpKind::avg_pool;
    graph.structure.layers[0].window.kernel_h = graph.structure.layers[0].window.kernel_w = 2;
    graph.layers[0].weights.clear();
    graph.layers[0].bias.clear();
    workloads::validate(graph, "average");
    const auto engine = make_value_engine(graph);
    for (const auto& [sum, wanted] : std::vector<std::pair<int, int>>{{6, 2}, {5, 1}, {-6, -1}, {-7, -2}}) {
        engine->load({static_cast<Word>(sum) & 0xffffU, 0, 0, 0});
        EXPECT_EQ(engine->golden(tensor_id(1))[0], static_cast<Word>(wanted) & 0xffffU) << sum;
    }
}

// Of any sum that a register can hold, by any shift that one can.
TEST(FixedPoint, AveragesOfWideSums) {
    const auto averaged = [](auto format, Int128 sum, std::int64_t taps, int shift) {
        using Format = decltype(format);
        typename Format::Rule rule;
        rule.shifts.output = shift;
        return Format::averaged(rule, static_cast<typename Format::Sum>(sum), taps);
    };
    const Int128 one = 1;
    EXPECT_EQ(averaged(Fxp32(), one << 126, 4, 100), 1 << 24);
    EXPECT_EQ(averaged(Fxp32(), -(one << 126), 4, 100), -(1 << 24));
    EXPECT_EQ(averaged(Fxp32(), one << 126, 4, 127), 0);
    EXPECT_EQ(averaged(Fxp32(), one << 126, 1, 127), 1);  // ½ + ½
    EXPECT_EQ(averaged(Fxp32(), -(one << 126), 1, 127), 0);
    EXPECT_EQ(averaged(Fxp32(), -2 * (one << 126), 1, 127), -1);
    EXPECT_EQ(averaged(Fxp32(), -(one << 126) - 1, 1, 127), -1);  // just below −½
    EXPECT_EQ(averaged(Fxp32(), (one << 126) - 1, 1, 127), 0);
    EXPECT_EQ(averaged(Fxp32(), (one << 126) - 1 + (one << 126), 9, 0), Fxp32::kMost);
    EXPECT_EQ(averaged(Fxp32(), -2 * (one << 126), 9, -128), Fxp32::kLeast);
    EXPECT_EQ(averaged(Fxp32(), 1, 9, -128), Fxp32::kMost);
    EXPECT_EQ(averaged(Fxp32(), 0, 9, -128), 0);
    EXPECT_EQ(averaged(Fxp32(), 100, 9, -20), 11650844);  // 11650844.4
    EXPECT_EQ(averaged(Fxp16(), one << 62, 4, 50), 1 << 10);
    EXPECT_EQ(averaged(Fxp16(), -(one << 62) * 2, 9, -128), Fxp16::kLeast);
    EXPECT_EQ(averaged(Fxp16(), -1, 9, -3), -1);
    EXPECT_EQ(averaged(Fxp16(), -4, 9, -3), -4);  // −3.6
}

// Weights of integer graphs: against a graph that has the faulty weight.
TEST(IntegerValues, FaultyWeightsAreThoseOfAnotherGraph) {
    const std::uint64_t seed = test::environment("FLUENCE_TEST_SEED", 20263);
    for (std::uint64_t i = 0; i < 60; ++i) {
        RandomStream stream(seed, RandomPurpose::testing, i);
        const workloads::Graph graph = test::random_graph(stream, test::with_batches());
        const auto engine = make_value_engine(graph);
        const workloads::Codes codes = test::random_image(graph, stream);
        engine->load({codes.begin(), codes.end()});
        for (std::size_t l = 0; l < graph.layers.size(); ++l) {
            if (!graph.layers[l].has_macs()) {
                continue;
            }
            SCOPED_TRACE("seed " + std::to_string(seed) + ", graph " + std::to_string(i));
            workloads::Graph faulty = graph;
            const auto w = static_cast<std::size_t>(stream.below(graph.layers[l].weights.size()));
            const auto word =
                engine->weight(layer_id(l), static_cast<std::int64_t>(w)) ^ (1U << stream.below(8));
            faulty.layers[l].weights[w] = static_cast<std::int8_t>(word);
            const workloads::Codes wanted = reference_run(faulty, {}, codes, {})[index_of(graph.logits)];
            const ValueRun run =
                engine->propagate({{layer_id(l), ValueTarget::weight, static_cast<std::int64_t>(w), word}});
            const Words got = run.changed_logits ? run.logits : engine->golden(graph.logits);
            ASSERT_EQ(workloads::Codes(got.begin(), got.end()), wanted);
        }
        const std::size_t last = graph.layers.size() - 1;
        EXPECT_EQ(engine->propagate({{layer_id(last), ValueTarget::output, 0, 123456789}}).logits.at(0),
                  123456789U);
    }
}

}  // namespace
}  // namespace fluence::arith
