// Re-inference of a batch of images through oneDNN's int8 convolutions, bit-exact with workloads/graph.h:
// what the delta engine is compared with. Convolutions without groups, linear, add, pools, flatten,
// subsample.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "workloads/graph.h"

namespace fluence::bench {

class DenseBatch {
  public:
    DenseBatch(const workloads::Graph& graph, int images);  // keeps a reference to the graph
    ~DenseBatch();

    // Images one after the other; returns their logits.
    std::vector<workloads::Codes> run(const std::vector<workloads::Codes>& images);

    // Processor seconds by layer, over all runs.
    const std::vector<double>& layer_seconds() const;
    // Of oneDNN's primitives alone, over all runs, and the MACs of one run that they did.
    double primitive_seconds() const;
    std::int64_t primitive_macs() const;
    // Share of convolution outputs that were computed again because oneDNN's 16-bit sums could have
    // saturated.
    double repaired_share() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

double processor_seconds();

}  // namespace fluence::bench
