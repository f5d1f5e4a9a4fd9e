// The integer arithmetic of workloads/graph.h in Torch tensor operators, for batches of images: what the
// exporter's golden activations, profiles and int8 accuracy come from. Written independently of sim/arith,
// so that the two can be held against each other.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "workloads/graph.h"

namespace fluence::models {

class IntegerNetwork {
  public:
    explicit IntegerNetwork(const workloads::Graph& graph);

    // `codes`: int32, images × channels × height × width. `visit` sees every tensor in that layout. Returns
    // the logits' codes, int32, images × classes. Exact.
    at::Tensor run(const at::Tensor& codes,
                   const std::function<void(TensorId tensor, const at::Tensor& codes)>& visit = {}) const;

  private:
    // Parameters of one layer as tensors, int64, shaped to broadcast over images.
    struct Parameters {
        at::Tensor weight;        // float or double: in which every partial sum is exact
        bool by_nibbles = false;  // exact in float for the upper and the lower halves of codes, one by one
        at::Tensor bias, multiplier, shift, rounding;
    };
    Parameters parameters_of(const workloads::Layer& layer) const;
    at::Tensor accumulate(const workloads::Layer& layer, const Parameters& parameters,
                          const at::Tensor& x) const;
    at::Tensor products(const workloads::Layer& layer, const Parameters& parameters,
                        const at::Tensor& x) const;
    at::Tensor reached(const workloads::Layer& layer, const at::Tensor& x, double padding) const;
    at::Tensor wanted(const workloads::Layer& layer, const at::Tensor& y) const;
    at::Tensor execute(std::size_t layer, const std::vector<at::Tensor>& tensors) const;

    const workloads::Graph& graph_;
    std::vector<Parameters> parameters_;
};

}  // namespace fluence::models
