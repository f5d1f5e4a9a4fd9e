#include "tests/arith/exactness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace fluence::test {

using arith::Engine;
using arith::FaultyRun;
using arith::GoldenRun;
using arith::LayerFault;
using arith::OutputBounds;
using workloads::Codes;
using workloads::Graph;
using workloads::OpKind;

FaultyRun differences(const Graph& graph, const std::vector<Codes>& golden,
                      const std::vector<Codes>& faulty) {
    FaultyRun result;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const std::size_t tensor = index_of(graph.layers[i].output);
        std::int64_t changed = 0;
        for (std::size_t e = 0; e < golden[tensor].size(); ++e) {
            changed += golden[tensor][e] != faulty[tensor][e] ? 1 : 0;
        }
        if (changed > 0) {
            const auto index = static_cast<std::int32_t>(i);
            result.first_changed_layer = result.first_changed_layer < 0 ? index : result.first_changed_layer;
            result.last_changed_layer = index;
            result.changed_values += graph.layers[i].kind == OpKind::flatten ? 0 : changed;
        }
    }
    const std::size_t logits = index_of(graph.logits);
    for (std::size_t e = 0; e < golden[logits].size(); ++e) {
        if (golden[logits][e] != faulty[logits][e]) {
            result.logits.push_back({static_cast<std::int64_t>(e), faulty[logits][e]});
        }
    }
    return result;
}

namespace {

// Logits may come in any order.
void expect_equal(FaultyRun actual, const FaultyRun& expected) {
    std::sort(actual.logits.begin(), actual.logits.end(),
              [](const auto& a, const auto& b) { return a.index < b.index; });
    ASSERT_EQ(actual.logits.size(), expected.logits.size());
    for (std::size_t i = 0; i < actual.logits.size(); ++i) {
        EXPECT_EQ(actual.logits[i].index, expected.logits[i].index);
        EXPECT_EQ(actual.logits[i].code, expected.logits[i].code);
    }
    EXPECT_EQ(actual.first_changed_layer, expected.first_changed_layer);
    EXPECT_EQ(actual.last_changed_layer, expected.last_changed_layer);
    EXPECT_EQ(actual.changed_values, expected.changed_values);
}

using Visits = std::vector<std::pair<std::size_t, std::vector<std::pair<std::int64_t, std::int32_t>>>>;

Engine::LayerVisitor noting(Visits& visits) {
    return [&visits](LayerId layer, const std::vector<arith::ValueChange>& values) {
        visits.push_back({index_of(layer), {}});
        for (const arith::ValueChange& value : values) {
            visits.back().second.emplace_back(value.index, value.code);
        }
    };
}

// Layer by layer, with each fault told when its layer comes, and another inference in between.
Visits walked(Engine& engine, const GoldenRun& golden, const std::vector<LayerFault>& faults) {
    Visits visits;
    Engine::Walk walk(engine, golden);
    for (const LayerFault& fault : faults) {
        walk.advance(index_of(fault.layer), noting(visits));
        engine.propagate(golden, {fault});
        walk.add(fault);
        EXPECT_THROW(walk.add(fault), std::invalid_argument);
    }
    walk.advance(engine.graph().layers.size(), noting(visits));
    return visits;
}

// Anew; the way of the walk before; and off that way, where the last fault is missing.
void expect_same_walks(Engine& engine, const GoldenRun& golden, const std::vector<LayerFault>& faults) {
    std::vector<LayerFault> fewer = faults;
    fewer.resize(fewer.empty() ? 0 : fewer.size() - 1);
    for (const std::vector<LayerFault>* list : {&faults, &faults, &std::as_const(fewer), &faults}) {
        Visits visits;
        engine.propagate(golden, *list, noting(visits));
        EXPECT_EQ(walked(engine, golden, *list), visits);
    }
}

}  // namespace

void expect_exact(Engine& engine, const std::vector<OutputBounds>& bounds, const GoldenRun& golden,
                  const Codes& image, const std::vector<LayerFault>& faults, const arith::SumRule& sums,
                  const std::vector<arith::LayerFilters>& filters) {
    const FaultyRun expected = differences(
        engine.graph(), golden.tensors, reference_run(engine.graph(), bounds, image, faults, sums, filters));
    expect_equal(engine.propagate(golden, faults), expected);
    expect_same_walks(engine, golden, faults);
}

}  // namespace fluence::test
