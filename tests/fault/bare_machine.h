// One fold on a small array, with words and cycles chosen by hand, for tests that state formulas.
#pragma once

#include <cstdint>

#include "sim/arith/engine.h"
#include "sim/core/accelerator_config.h"
#include "sim/dataflow/memory_map.h"
#include "sim/fault/resolver.h"
#include "sim/protect/policy.h"
#include "tests/support/upsets.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::test {

// A 1×1 convolution over 1×M pixels, K channels in, N channels out: O[m,n] = Σ_k A[m,k]·B[k,n], every
// operand different from every other. K = rows, N = cols: one fold.
//
//   cycle  10  parameters and weights are read from DRAM, 20 the activations (latency 0)
//          60  = p, preload    100  = s, stream     200  the vector unit reads    300  the store
struct BareMachine {
    static constexpr int kPixels = 5;
    static constexpr traces::Cycle kPreload = 60, kStream = 100, kDrain = 200, kStore = 300, kEnd = 400;

    explicit BareMachine(OperandRegister operand_register, bool shadow, int rows = 3, int cols = 4)
        : BareMachine({rows, cols, "weight-stationary", operand_register, shadow}, kPixels, rows, cols) {}

    // Any dataflow; M×K·K×N fits one fold.
    BareMachine(const ArrayConfig& array, int m_pixels, int k_terms, int n_channels)
        : r(array.rows), c(array.cols), pixels(m_pixels), terms(k_terms), channels(n_channels) {
        using workloads::NumberFormat;
        graph.name = "bare";
        graph.tensors = {{"a", {terms, 1, pixels}, NumberFormat::s8, 1.0},
                         {"o", {channels, 1, pixels}, NumberFormat::s8, 1.0}};
        graph.input = tensor_id(0);
        graph.logits = tensor_id(1);
        workloads::Layer layer;
        layer.name = "conv";
        layer.kind = workloads::OpKind::conv;
        layer.inputs = {tensor_id(0)};
        layer.output = tensor_id(1);
        for (int n = 0; n < channels; ++n) {
            for (int k = 0; k < terms; ++k) {
                layer.weights.push_back(static_cast<std::int8_t>(3 + 7 * n + 11 * k - 40));
            }
            layer.bias.push_back(1000 * n);
            layer.multiplier.push_back(1);
            layer.shift.push_back(0);
        }
        layer.clamp_lo = -128;
        layer.clamp_hi = 127;
        graph.layers = {layer};
        for (int k = 0; k < terms; ++k) {
            for (int m = 0; m < pixels; ++m) {
                image.push_back(5 + 13 * k - 7 * m);
            }
        }
        config.array = array;
        config.weight_buffer = {Bytes(512), 64};
        config.activation_buffer = {Bytes(512), 64};
        config.output_buffer = {Bytes(2048), 32};
        config.dram = {64, 8, Cycles(0)};
        config.vector_unit = {4, Cycles(2)};
        golden = arith::Engine(graph).run(image);
        schedule();
    }

    std::int32_t a(std::int64_t m, int k) const { return image[static_cast<std::size_t>(k * pixels + m)]; }
    std::int32_t b(int k, int n) const {
        return graph.layers[0].weights[static_cast<std::size_t>(n * terms + k)];
    }
    fault::Resolution resolve(fault::SiteKind site, std::int64_t unit, traces::Cycle cycle, int bit) const {
        return fault::Resolver(graph, config, policy, timeline)
            .resolve(test::upset(site, unit, cycle, bit), golden);
    }

    int r, c;
    int pixels, terms, channels;
    workloads::Graph graph;
    AcceleratorConfig config;
    protect::Policy policy;
    traces::Timeline timeline;
    workloads::Codes image;
    arith::GoldenRun golden;

  private:
    traces::Load load(traces::Content content, std::int32_t owner, traces::Cycle begin, std::int64_t first,
                      std::int64_t words) const {
        traces::Load load;
        load.content = content;
        load.owner = owner;
        load.to_vector_unit = content == traces::Content::parameters;
        load.buffer = content == traces::Content::weights ? Memory::weight_buffer : Memory::activation_buffer;
        load.begin = begin;
        load.segments = {{first, 0, words}};
        return load;
    }

    void schedule() {
        const dataflow::MemoryMap map(graph, config);
        const auto region = [&](traces::Content content, const dataflow::Region& of, traces::Cycle begin) {
            timeline.loads.push_back(load(content, of.owner, begin, of.first_word, of.words));
        };
        region(traces::Content::weights, map.weights(layer_id(0)), 10);
        region(traces::Content::activations, map.activations(tensor_id(0)), 20);
        region(traces::Content::parameters, map.parameters(layer_id(0)), 30);
        traces::Fold fold;
        fold.k_folds = 1;
        fold.pixels = pixels;
        fold.terms = terms;
        fold.channels = channels;
        fold.accumulator_stride = pixels;
        fold.used_rows = r;
        fold.used_cols = c;
        fold.weight_load = 0;
        fold.activation_load = 1;
        fold.preload = config.array.dataflow_kind() == DataflowKind::output_stationary ? kStream : kPreload;
        fold.stream = kStream;
        fold.end = kDrain;
        timeline.folds = {fold};
        traces::VectorPass pass;
        pass.pixels = pixels;
        pass.channels = channels;
        pass.elements = pixels * channels;
        pass.lanes = 4;
        pass.begin = kDrain;
        pass.end = kStore;
        timeline.passes = {pass};
        traces::Store store;
        store.tensor = tensor_id(1);
        store.begin = kStore;
        store.segments = {{map.activations(tensor_id(1)).first_word, 0, map.activations(tensor_id(1)).words}};
        timeline.stores = {store};
        timeline.cycles = kEnd;
    }
};

}  // namespace fluence::test
