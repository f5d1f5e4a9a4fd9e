// Bit-true execution of a quantised graph: golden runs, and the exact consequences of faults by carrying
// only what changed from layer to layer. workloads/graph.h defines the arithmetic.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sim/arith/fault_effect.h"
#include "sim/arith/kernels.h"
#include "sim/arith/pixel_filter.h"
#include "sim/arith/sum_rule.h"
#include "workloads/graph.h"

namespace fluence::arith {

using workloads::Codes;

// Range restriction of one layer's output (Ranger): codes outside [lo, hi] of their channel become the
// nearer bound, or 0. Strict comparisons: the bounds themselves pass. Empty vectors: no restriction.
struct OutputBounds {
    std::vector<std::int32_t> lo, hi;  // one a channel
    bool zero_outside = false;         // otherwise clamp
};

// How far the accumulators of a layer may move before a code could change: at least what is said, saturated
// to 16 bits. In the layout of DeltaTask (kernels.h), one group behind the other.
struct SumSlack {
    std::vector<std::int16_t> up, down;
};

struct GoldenRun {
    std::vector<Codes> tensors;  // by tensor; flatten's output too
    // By layer; bias included; [group][output pixel][channel of the group]; empty for layers without MACs.
    std::vector<Codes> accumulators;
    std::vector<SumSlack> slack;  // by layer; empty for layers without MACs
    // By layer: output codes in front of its always-on filter; empty where there is none.
    std::vector<Codes> unfiltered;
    // By tensor, where codes have 8 bits: [pixel][channel], so that neighbouring changes find their golden
    // codes in one cache line. Others empty.
    std::vector<std::vector<std::int16_t>> pixels;
    // By layer: the window sums of avg_pool, [output pixel][channel]; others empty.
    std::vector<std::vector<std::int64_t>> window_sums;
};

struct ValueChange {
    std::int64_t index = 0;  // flat element
    std::int32_t code = 0;   // the faulty code; differs from the golden one
};

// The consequences of faults for one inference.
struct FaultyRun {
    std::vector<ValueChange> logits;        // empty: the logits are identical
    std::int32_t first_changed_layer = -1;  // first layer with a changed output code; −1: none
    std::int32_t last_changed_layer = -1;   // last layer with a changed output code
    std::int64_t changed_values = 0;        // changed output codes, all layers together (flatten not counted)
    // Output codes that were wrong in front of range restriction and that it altered, all layers together.
    std::int64_t restricted_values = 0;
    // Output codes that were wrong in front of the layer's filters and that these altered.
    std::int64_t filtered_values = 0;
};

class Engine {
  public:
    // `bounds`, `filters`: empty, or one a layer. `sums`: how the array adds. Copies the graph. Throws
    // std::invalid_argument where they do not fit the graph; run() and propagate() likewise for images and
    // faults.
    explicit Engine(const workloads::Graph& graph, std::vector<OutputBounds> bounds = {},
                    const SumRule& sums = {}, std::vector<LayerFilters> filters = {});
    // With a kernel of the caller's choice instead of the fastest; results are the same bit for bit.
    Engine(const workloads::Graph& graph, std::vector<OutputBounds> bounds, KernelKind kernel,
           const SumRule& sums = {}, std::vector<LayerFilters> filters = {});
    ~Engine();
    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;

    const workloads::Graph& graph() const;

    // Dense execution. `image`: codes of the input tensor.
    GoldenRun run(const Codes& image) const;

    // The exact result of an inference whose layers suffer `faults` (ascending, at most one entry a layer)
    // on the image that `golden` belongs to (same Engine). Order inside a layer: operands and parameters,
    // accumulators, requantise and clamp, output flips, disturbed outputs, range restriction (restricted
    // outputs in its place), filters, forced outputs.
    // Not safe to call from two threads on one Engine (it owns scratch memory).
    FaultyRun propagate(const GoldenRun& golden, const std::vector<LayerFault>& faults);
    // The same for many inferences on one image, each with its own faults; results in their order. Faster,
    // because inferences that have reached the same layer read its weights and golden sums together. Memory
    // does not grow with their number.
    std::vector<FaultyRun> propagate_many(const GoldenRun& golden,
                                          const std::vector<std::vector<LayerFault>>& inferences);
    // The same; calls visit(layer, its changed output codes) for every layer whose output changed, in order.
    // A flatten's changes are those of its input again.
    using LayerVisitor = std::function<void(LayerId, const std::vector<ValueChange>&)>;
    FaultyRun propagate(const GoldenRun& golden, const std::vector<LayerFault>& faults,
                        const LayerVisitor& visit);

    // One faulty inference, carried on layer by layer, so that what strikes a layer may depend on what
    // reaches it. Keeps references to both; walks on one engine may take turns with each other and with
    // propagate().
    class Walk {
      public:
        Walk(Engine& engine, const GoldenRun& golden);
        ~Walk();
        Walk(const Walk&) = delete;
        Walk& operator=(const Walk&) = delete;
        // Strikes a layer behind those that advance() has carried it through and those already struck.
        void add(LayerFault fault);
        // Through all layers in front of number `end`; visits those whose output changed, in order.
        void advance(std::size_t end, const LayerVisitor& visit);

      private:
        struct State;
        Engine& engine_;
        const GoldenRun& golden_;
        std::unique_ptr<State> state_;
    };

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The same by the definition: re-executes every layer with plain loops. Slow; tests and self-checks
// compare with it. Returns all tensors of the faulty inference.
std::vector<Codes> reference_run(const workloads::Graph& graph, const std::vector<OutputBounds>& bounds,
                                 const Codes& image, const std::vector<LayerFault>& faults,
                                 const SumRule& sums = {}, const std::vector<LayerFilters>& filters = {});

}  // namespace fluence::arith
