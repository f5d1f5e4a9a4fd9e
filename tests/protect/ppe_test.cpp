// Protected PEs and their ranking: cases by hand, and what is refused.
#include "sim/protect/ppe.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>

#include "sim/core/error.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"
#include "tests/support/temporary_directory.h"

namespace fluence::protect {
namespace {

using nlohmann::json;

Policy with_ppe(json part, const std::string& file = "policy") {
    part["part"] = "ppe";
    return parse_policy({{"name", "p"}, {"pe", {part}}}, file);
}

json tmr(const json& more = json::object()) {
    json part = {{"columns", 1}, {"protection", "register-tmr"}, {"ranking", {{"by", "magnitude"}}}};
    part.update(more);
    return part;
}

// A linear layer of 3 inputs and `weights`.size() / 3 outputs.
workloads::Graph linear(std::vector<std::int8_t> weights) {
    const auto channels = static_cast<int>(weights.size() / 3);
    workloads::Graph graph;
    graph.name = "linear";
    graph.tensors = {{"in", {3, 1, 1}, workloads::NumberFormat::u8, 1.0},
                     {"out", {channels, 1, 1}, workloads::NumberFormat::s32, 1.0}};
    graph.input = tensor_id(0);
    graph.logits = tensor_id(1);
    workloads::Layer layer;
    layer.name = "fc";
    layer.kind = workloads::OpKind::linear;
    layer.inputs = {graph.input};
    layer.output = graph.logits;
    layer.weights = std::move(weights);
    layer.bias.resize(static_cast<std::size_t>(channels));
    graph.layers = {layer};
    return graph;
}

AcceleratorConfig machine(int cols, const char* dataflow = "weight-stationary") {
    AcceleratorConfig config;
    config.name = "machine";
    config.array.cols = cols;
    config.array.dataflow = dataflow;
    return config;
}

std::string message(const std::function<void()>& act) {
    try {
        act();
    } catch (const InputError& error) {
        return error.what();
    }
    return "nothing";
}

// Σ|w| of the channels: 6, 1, 9, 3, 2. By resilience, the least first: 2, 0, 3, 4, 1. Two columns, three
// folds (of 2, 2 and 1 channels): column 0 of the folds takes 2, 0, 3, column 1 of the first two 4, 1.
TEST(Ppe, RanksGoToColumnsOneByOne) {
    const workloads::Graph graph = linear({1, 2, 3, 0, -1, 0, -9, 0, 0, 1, 1, 1, 2, 0, 0});
    const Policy policy = with_ppe(tmr());
    EXPECT_EQ(channel_order(policy, graph, layer_id(0), 2), (std::vector<std::int32_t>{2, 4, 0, 1, 3}));
    // One fold of five columns: by rank. One column: the same.
    EXPECT_EQ(channel_order(policy, graph, layer_id(0), 8), (std::vector<std::int32_t>{2, 0, 3, 4, 1}));
    EXPECT_EQ(channel_order(policy, graph, layer_id(0), 1), (std::vector<std::int32_t>{2, 0, 3, 4, 1}));
    EXPECT_TRUE(channel_order(Policy(), graph, layer_id(0), 2).empty());

    const ProtectedNeurons neurons(policy, graph, machine(2));
    for (const auto& [channel, covered] :
         {std::pair{0, true}, {1, false}, {2, true}, {3, true}, {4, false}}) {
        EXPECT_EQ(neurons.covers(layer_id(0), channel), covered) << channel;
    }
}

// A requantiser's factor carries the scale of its channel's codes.
TEST(Ppe, MagnitudesAreRealNumbers) {
    workloads::Graph graph = linear({4, 0, 0, 1, 0, 0});
    graph.layers[0].multiplier = {1 << 20, 1 << 20};
    graph.layers[0].shift = {23, 20};  // 4/8 and 1
    EXPECT_EQ(channel_resilience({}, graph, layer_id(0), "p"), (std::vector<double>{2, 1}));
}

TEST(Ppe, SplitsAreColumnsOrSharesAndFollowTheSchedule) {
    const PpePart third = *with_ppe([] {
                               json part = tmr({{"share", 1.0 / 3}, {"schedule", {{"fc", 1.0}}}});
                               part.erase("columns");
                               return part;
                           }())
                               .ppe;
    EXPECT_EQ(protected_columns(third, 3, "conv"), 1);
    EXPECT_EQ(protected_columns(third, 4, "conv"), 2);  // rounded up
    EXPECT_EQ(protected_columns(third, 4, "fc"), 4);
    EXPECT_EQ(protected_columns(third, 4), 4);
    const PpePart none = *with_ppe(tmr({{"columns", 0}})).ppe;
    EXPECT_EQ(protected_columns(none, 4), 0);

    const Policy policy = with_ppe(tmr({{"columns", 2}}));
    EXPECT_EQ(register_part(policy, RegisterRole::psum, 1, 4).code, "register-tmr");
    EXPECT_EQ(register_part(policy, RegisterRole::psum, 2, 4).code, "none");
    EXPECT_EQ(stored_bits(policy, RegisterRole::psum, 32), 96);
    const Policy widening = with_ppe(tmr({{"schedule", {{"fc", 3}}}}));
    EXPECT_EQ(register_part(widening, RegisterRole::psum, 2, 4).code, "register-tmr");
    EXPECT_TRUE(is_checked(widening, 2, 4, "fc"));
    EXPECT_FALSE(is_checked(widening, 2, 4, "conv"));
    EXPECT_TRUE(is_checked(widening, 0, 4, "conv"));
}

// A wider split has all neurons of a narrower one, and those that it has are less resilient than all others
// of their group and fold position.
TEST(Ppe, WiderSplitsHoldNarrowerOnes) {
    RandomStream random(20261125, RandomPurpose::testing, 0);
    for (int trial = 0; trial < 40; ++trial) {
        const workloads::Graph graph = test::random_graph(random);
        const int cols = 1 + static_cast<int>(random.below(8));
        const int columns = static_cast<int>(random.below(static_cast<std::uint64_t>(cols)));
        const json ranking = {{"by", "random"}, {"seed", trial}};
        const Policy policy = with_ppe(tmr({{"columns", columns}, {"ranking", ranking}}));
        const ProtectedNeurons narrow(policy, graph, machine(cols));
        const ProtectedNeurons wide(with_ppe(tmr({{"columns", columns + 1}, {"ranking", ranking}})), graph,
                                    machine(cols));
        for (std::size_t i = 0; i < graph.layers.size(); ++i) {
            if (!graph.layers[i].has_macs()) {
                EXPECT_FALSE(wide.covers(layer_id(i), 0));
                continue;
            }
            const workloads::GemmShape gemm = workloads::gemm_shape(graph, graph.layers[i]);
            const auto r = channel_resilience(policy.ppe->ranking, graph, layer_id(i), "p");
            for (int group = 0; group < gemm.groups; ++group) {
                double most = 0, least = INFINITY;
                std::int64_t covered = 0;
                for (std::int64_t c = group * gemm.n; c < (group + 1) * gemm.n; ++c) {
                    const bool in = narrow.covers(layer_id(i), c);
                    EXPECT_TRUE(!in || wide.covers(layer_id(i), c));
                    covered += in ? 1 : 0;
                    double& bound = in ? most : least;
                    const double value = r[static_cast<std::size_t>(c)];
                    bound = in ? std::max(bound, value) : std::min(bound, value);
                }
                EXPECT_LE(most, least);
                // Full folds have `columns` of them, the last one as many as it has columns.
                EXPECT_EQ(covered, gemm.n / cols * columns + std::min<std::int64_t>(gemm.n % cols, columns));
            }
        }
    }
}

TEST(Ppe, RandomRankingsAreOfTheirSeed) {
    const workloads::Graph graph = linear(std::vector<std::int8_t>(3 * 2000));
    RankingPart ranking;
    ranking.by = RankingPart::By::random;
    ranking.seed = 5;
    const std::vector<double> r = channel_resilience(ranking, graph, layer_id(0), "p");
    EXPECT_EQ(r, channel_resilience(ranking, graph, layer_id(0), "p"));
    ranking.seed = 6;
    EXPECT_NE(r, channel_resilience(ranking, graph, layer_id(0), "p"));
    // |N(0,1)|: mean √(2/π), variance 1 − 2/π.
    double sum = 0;
    for (const double value : r) {
        EXPECT_GT(value, 0);
        sum += value;
    }
    EXPECT_NEAR(sum / 2000, std::sqrt(2 / M_PI), 5 * std::sqrt((1 - 2 / M_PI) / 2000));
}

TEST(Ppe, FilesOfNeuronsAreRead) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.file("neurons.json");
    const auto write = [&](const json& value) { std::ofstream(path) << value; };
    const auto read = [&] { return with_ppe(tmr({{"ranking", {{"by", "file"}, {"path", path}}}})); };
    workloads::Graph graph = linear(std::vector<std::int8_t>(9));
    const auto resilience = [&](const Policy& policy) {
        return channel_resilience(policy.ppe->ranking, graph, layer_id(0), "p");
    };

    write({{"kind", "neurons"}, {"version", 1}, {"layers", {{"fc", {3, 0.5, 2}}}}});
    const Policy policy = read();
    EXPECT_EQ(resilience(policy), (std::vector<double>{3, 0.5, 2}));
    // The values travel with the policy.
    EXPECT_EQ(resilience(parse_policy(to_json(policy), "again")), (std::vector<double>{3, 0.5, 2}));
    // A value a neuron: harmonic means, 2 / (1/1 + 1/3) = 1.5.
    graph.tensors[1].shape = {3, 1, 2};
    write({{"kind", "neurons"}, {"version", 1}, {"layers", {{"fc", {1, 3, 2, 2, 4, 4}}}}});
    const std::vector<double> means = resilience(read());
    EXPECT_NEAR(means[0], 1.5, 1e-12);
    EXPECT_NEAR(means[1], 2, 1e-12);

    write({{"kind", "neurons"}, {"version", 1}, {"layers", {{"fc", {1, 2}}}}});
    EXPECT_EQ(message([&] { resilience(read()); }),
              "p: pe.ppe.ranking.layers.fc: has 2 values (valid: 3, one a channel, or 6, one a neuron)");
    write({{"kind", "neurons"}, {"version", 1}, {"layers", {{"other", {1, 2}}}}});
    EXPECT_EQ(message([&] { resilience(read()); }),
              "p: pe.ppe.ranking.layers.fc: is missing: the network has this layer (valid: an array of 3 "
              "numbers)");
    write({{"kind", "neurons"}, {"version", 1}, {"layers", {{"fc", {1, 0}}}}});
    EXPECT_EQ(message([&] { read(); }),
              path + ": layers.fc: holds 0 (valid: an object: by layer, an array of numbers above 0)");
    write({{"kind", "weights"}, {"version", 1}, {"layers", {{"fc", {1}}}}});
    EXPECT_NE(message([&] { read(); }).find("kind"), std::string::npos);
}

TEST(Ppe, WhatCannotBeIsRefused) {
    EXPECT_NE(message([] { with_ppe(tmr({{"share", 0.5}})); }).find("pe[0].columns"), std::string::npos);
    EXPECT_NE(message([] {
                  with_ppe(tmr({{"protection", "none"}}));
              }).find("register-tmr"),
              std::string::npos);
    EXPECT_NE(message([] {
                  with_ppe(tmr({{"ranking", {{"by", "size"}}}}));
              }).find("magnitude"),
              std::string::npos);
    EXPECT_NE(message([] {
                  json part = tmr();
                  part["part"] = "ppe";
                  parse_policy({{"name", "p"}, {"pe", {part, part}}}, "policy");
              }).find("given twice"),
              std::string::npos);
    const workloads::Graph graph = linear(std::vector<std::int8_t>(9));
    EXPECT_EQ(
        message([&] { channel_orders(with_ppe(tmr()), graph, machine(4, "input-stationary")); }),
        "machine: p: ppe: ranks channels, and in an input-stationary array every column computes all of "
        "them (valid: weight-stationary, output-stationary)");
    EXPECT_EQ(message([&] {
                  channel_orders(with_ppe(tmr({{"columns", 5}})), graph, machine(4));
              }),
              "p: pe.ppe.columns: is 5, and the array has 4 columns (valid: 0 … 4)");
    EXPECT_EQ(message([&] {
                  channel_orders(with_ppe(tmr({{"schedule", {{"x", 1}}}})), graph, machine(4));
              }),
              "p: pe.ppe.schedule.x: is no layer with MACs of linear (valid: fc)");
}

}  // namespace
}  // namespace fluence::protect
