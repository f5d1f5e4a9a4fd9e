#include "sim/protect/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "sim/core/error.h"
#include "sim/core/random.h"
#include "sim/protect/policy.h"
#include "tests/support/random_graph.h"
#include "tests/support/temporary_directory.h"

namespace {

using fluence::InputError;
using fluence::JsonObject;
using fluence::RandomPurpose;
using fluence::RandomStream;
using fluence::protect::Choice;
using fluence::protect::choice_of;
using fluence::protect::chosen_items;
using fluence::protect::parse_plan;
using fluence::protect::Plan;
using fluence::protect::plan_items;
using fluence::protect::plan_of;
using fluence::protect::plan_rules;
using fluence::protect::PlanKind;
using fluence::protect::PlanRequest;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

const PlanKind kKinds[] = {PlanKind::weights, PlanKind::filters};

json plan_json() {
    return json::parse(R"({"format": "fluence-plan", "version": 1, "kind": "weights", "network": "n",
        "made": "by hand",
        "layers": [{"layer": "a", "size": 6, "bitmap": "52"}, {"layer": "b", "size": 3, "indices": [2, 0]}]})");
}

void expect_error(const json& value, const testing::Matcher<std::string>& matcher) {
    try {
        parse_plan(value, "plan.json");
        ADD_FAILURE() << "no error for " << value;
    } catch (const InputError& error) {
        EXPECT_THAT(std::string(error.what()), AllOf(HasSubstr("plan.json"), matcher)) << value;
    }
}

// Digit 5: items 0 and 2; digit 2 behind it: item 5.
TEST(Plan, AFileIsReadAsDocumented) {
    const Plan plan = parse_plan(plan_json(), "plan.json");
    EXPECT_EQ(plan.kind, PlanKind::weights);
    EXPECT_EQ(plan.network, "n");
    EXPECT_EQ(plan.made, "by hand");
    ASSERT_EQ(plan.layers.size(), 2u);
    EXPECT_EQ(plan.layers[0].chosen, (std::vector<bool>{true, false, true, false, false, true}));
    EXPECT_EQ(plan.layers[1].chosen, (std::vector<bool>{true, false, true}));
    EXPECT_EQ(plan.items(), 9);
    EXPECT_EQ(plan.chosen(), 5);
}

TEST(Plan, DamagedFilesAreRefusedWithTheirKey) {
    const auto changed = [](const char* pointer, const json& value) {
        json plan = plan_json();
        plan[json::json_pointer(pointer)] = value;
        return plan;
    };
    expect_error(changed("/format", "plan"), HasSubstr("format"));
    expect_error(changed("/version", 2), HasSubstr("version"));
    expect_error(changed("/kind", "nerves"), HasSubstr("weights, filters"));
    expect_error(changed("/colour", 1), HasSubstr("colour"));
    expect_error(changed("/layers/0/bitmap", "5"), AllOf(HasSubstr("layers[0].bitmap"), HasSubstr("2, one")));
    expect_error(changed("/layers/0/bitmap", "5G"), HasSubstr("0-9, a-f"));
    expect_error(changed("/layers/0/bitmap", "54"), HasSubstr("chooses item 6"));
    expect_error(changed("/layers/0/size", 0), HasSubstr("layers[0].size"));
    expect_error(changed("/layers/0/indices", json::array()), HasSubstr("beside"));
    expect_error(changed("/layers/1/indices", {3}),
                 AllOf(HasSubstr("layers[1].indices"), HasSubstr("0 to 2")));
    expect_error(changed("/layers/1/indices", {1, 1}), HasSubstr("each once"));
    expect_error(changed("/layers/1/indices", {-1}), HasSubstr("-1"));
    expect_error(changed("/layers/1/indices", 4), HasSubstr("is number"));
    expect_error(changed("/layers/1/layer", "a"), HasSubstr("there twice"));
    json none = plan_json();
    none["layers"][0].erase("bitmap");
    expect_error(none, HasSubstr("either"));
}

TEST(Plan, WhatIsWrittenIsReadBack) {
    RandomStream random(31, RandomPurpose::testing, 0);
    for (int trial = 0; trial < 20; ++trial) {
        const auto graph = fluence::test::random_graph(random);
        for (const PlanKind kind : kKinds) {
            PlanRequest request;
            request.fraction = random.uniform();
            const Choice choice = choice_of(request, kind, graph);
            const Plan plan = plan_of(choice, kind, graph, "random");
            const json written = json::parse(to_json(plan).dump());
            const Plan again = parse_plan(written, "again");
            EXPECT_EQ(choice_of(again, graph), choice);
            EXPECT_EQ(digest_of(again), digest_of(plan));
            EXPECT_EQ(again.chosen(), chosen_items(choice));
        }
    }
}

TEST(Plan, AnotherNetworkIsRefused) {
    RandomStream random(32, RandomPurpose::testing, 0);
    const auto graph = fluence::test::lenet_like_graph(random);
    PlanRequest request;
    request.fraction = 0.5;
    Plan plan = plan_of(choice_of(request, PlanKind::weights, graph), PlanKind::weights, graph, "");
    plan.layers[0].chosen.push_back(true);
    EXPECT_THROW(choice_of(plan, graph), InputError);
    plan.layers[0].layer = "elsewhere";
    try {
        choice_of(plan, graph);
        ADD_FAILURE();
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr(graph.layers[0].name));
    }
}

// Exactly ⌊f·N + ½⌋ items, of the network or of each layer.
TEST(PlanRules, ChooseTheFractionThatIsAskedFor) {
    RandomStream random(33, RandomPurpose::testing, 0);
    for (int trial = 0; trial < 20; ++trial) {
        const auto graph = fluence::test::random_graph(random);
        for (const auto& rule : plan_rules()) {
            for (const PlanKind kind : kKinds) {
                if (!(kind == PlanKind::weights ? rule.weights : rule.filters)) {
                    continue;
                }
                PlanRequest request;
                request.by = rule.name;
                request.fraction = trial == 0 ? 0 : trial == 1 ? 1 : random.uniform();
                const Choice choice = choice_of(request, kind, graph);
                ASSERT_EQ(choice.size(), graph.layers.size());
                double wanted = 0;
                for (std::size_t i = 0; i < choice.size(); ++i) {
                    const auto items = static_cast<double>(plan_items(kind, graph, graph.layers[i]));
                    EXPECT_TRUE(choice[i].empty() || static_cast<double>(choice[i].size()) == items);
                    wanted += std::floor(request.fraction * items + 0.5);
                }
                if (request.by != "magnitude") {
                    wanted =
                        std::floor(request.fraction * static_cast<double>(plan_items(kind, graph)) + 0.5);
                }
                EXPECT_EQ(static_cast<double>(chosen_items(choice)), wanted) << rule.name;
                EXPECT_EQ(choice_of(request, kind, graph), choice) << "the same again";
            }
        }
    }
}

TEST(PlanRules, RandomPlansDifferBySeedAndReachAllLayers) {
    RandomStream random(34, RandomPurpose::testing, 0);
    const auto graph = fluence::test::lenet_like_graph(random);
    PlanRequest request;
    request.fraction = 0.1;
    const Choice first = choice_of(request, PlanKind::weights, graph);
    request.seed = 2;
    EXPECT_NE(choice_of(request, PlanKind::weights, graph), first);
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const auto items = static_cast<double>(plan_items(PlanKind::weights, graph, graph.layers[i]));
        if (items > 1000) {
            EXPECT_NEAR(static_cast<double>(chosen_items({first[i]})) / items, 0.1, 0.05);
        }
    }
}

// No weight that is left out is larger, as a real number, than one that is chosen of its layer.
TEST(PlanRules, MagnitudePrefersLargeWeights) {
    RandomStream random(35, RandomPurpose::testing, 0);
    const auto graph = fluence::test::resnet_like_graph(random);
    PlanRequest request;
    request.by = "magnitude";
    request.fraction = 0.25;
    const Choice choice = choice_of(request, PlanKind::weights, graph);
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const auto& layer = graph.layers[i];
        if (!layer.has_macs()) {
            continue;
        }
        double least_chosen = 1e300;
        double most_left = -1;
        const std::size_t terms =
            layer.weights.size() / static_cast<std::size_t>(graph.tensor(layer.output).shape.channels);
        for (std::size_t w = 0; w < layer.weights.size(); ++w) {
            double value = std::fabs(static_cast<double>(layer.weights[w]));
            if (!layer.multiplier.empty()) {
                value *= layer.multiplier[w / terms] / std::exp2(layer.shift[w / terms]);
            }
            (choice[i][w] ? least_chosen : most_left) =
                choice[i][w] ? std::min(least_chosen, value) : std::max(most_left, value);
        }
        EXPECT_GE(least_chosen, most_left) << layer.name;
    }
}

TEST(PlanRules, MacsTakesTheLayersWithTheMostMacsAFilter) {
    RandomStream random(36, RandomPurpose::testing, 0);
    const auto graph = fluence::test::lenet_like_graph(random);
    PlanRequest request;
    request.by = "macs";
    request.fraction = 0.05;
    const Choice choice = choice_of(request, PlanKind::filters, graph);
    // Of LeNet-5's convolutions conv1 takes 28·28·25 = 19,600 MACs a filter, conv2 10·10·150 = 15,000, and
    // the linear layers 400 at most: 12 of 236 filters are the 6 of conv1 and 6 of conv2.
    std::vector<std::int64_t> chosen;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        if (graph.layers[i].has_macs()) {
            chosen.push_back(chosen_items({choice[i]}));
        }
    }
    EXPECT_EQ(chosen, (std::vector<std::int64_t>{6, 6, 0, 0, 0}));
}

TEST(PlanRequest, APolicyReadsAPlanBesideItself) {
    RandomStream random(37, RandomPurpose::testing, 0);
    const auto graph = fluence::test::lenet_like_graph(random);
    const fluence::test::TemporaryDirectory folder;
    PlanRequest request;
    request.fraction = 0.25;
    const Choice choice = choice_of(request, PlanKind::weights, graph);
    const auto write = [&](const std::string& name, const json& value) {
        std::ofstream(folder.file(name)) << value.dump();
        return folder.file(name);
    };
    write("plan.json", json::parse(to_json(plan_of(choice, PlanKind::weights, graph, "test")).dump()));
    const json part = {{"part", "selective-ecc"}, {"plan", {{"file", "plan.json"}}}};
    const std::string path = write("policy.json", {{"name", "p"}, {"memory", {part}}});
    const auto policy = fluence::protect::load_policy(path);
    EXPECT_EQ(choice_of(policy.selective_ecc->plan, PlanKind::weights, graph), choice);
    EXPECT_NEAR(policy.selective_ecc->plan.share(), 0.25, 1e-4);
    // What is written names the file and what it held.
    json again = to_json(policy);
    EXPECT_EQ(to_json(fluence::protect::parse_policy(again, "again")), again);
    again["memory"][0]["plan"]["digest"] = "00000000";
    EXPECT_THROW(fluence::protect::parse_policy(again, "again"), InputError);
    // A plan of filters protects no weights.
    PlanRequest filters;
    filters.fraction = 0.5;
    write("plan.json", json::parse(to_json(plan_of(choice_of(filters, PlanKind::filters, graph),
                                                   PlanKind::filters, graph, "test"))
                                       .dump()));
    EXPECT_THROW(fluence::protect::load_policy(path), InputError);
}

}  // namespace
