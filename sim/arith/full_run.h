// An inference with faults, every layer executed in full: what reference_run() computes, fast enough to check
// campaigns with. It shares no kernel, no golden value and no library with the engine that it checks: sums of
// products are dot products over copied windows, everything else is reference_layer().
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/engine.h"

namespace fluence::arith {

class FullRun {
  public:
    // As Engine's. Keeps a reference to the graph.
    FullRun(const workloads::Graph& graph, std::vector<OutputBounds> bounds, SumRule sums,
            std::vector<LayerFilters> filters);

    // All tensors of the faulty inference. `faults`: ascending by layer, at most one entry a layer.
    std::vector<Codes> run(const Codes& image, const std::vector<LayerFault>& faults) const;
    // The same from all tensors of the image's fault-free inference, as run() gives them: layers in front of
    // the first struck one are as they were.
    std::vector<Codes> run_behind(const std::vector<Codes>& fault_free,
                                  const std::vector<LayerFault>& faults) const;

  private:
    // A conv or linear layer: weights [output channel][term], rows filled up with zeros, some rows of zeros
    // behind the last one.
    struct Weights {
        std::int64_t terms = 0, row = 0;
        std::vector<std::int16_t> rows;
    };

    std::vector<Codes> run_from(std::size_t first, std::vector<Codes> tensors,
                                const std::vector<LayerFault>& faults) const;
    Codes run_layer(LayerId layer, const std::vector<Codes>& tensors, const LayerFault& fault) const;
    std::vector<std::uint32_t> products(LayerId layer, const Codes& input) const;
    // The inputs of one output pixel's window for a group, in the order of the weights; 0 for padding.
    void copy_window(LayerId layer, const Codes& input, std::int64_t group, std::int64_t pixel,
                     std::vector<std::int16_t>& window) const;

    const workloads::Graph& graph_;
    const std::vector<OutputBounds> bounds_;
    const SumRule sums_;
    const std::vector<LayerFilters> filters_;
    std::vector<Weights> weights_;  // by layer; empty without MACs, and where plain loops must do
};

}  // namespace fluence::arith
