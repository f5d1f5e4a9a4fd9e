// A network of the registry as quantisation-aware training sees it (Jacob et al., Quantization and Training
// of Neural Networks for Efficient Integer-Arithmetic-Only Inference, CVPR 2018): folded layers, weights and
// activations rounded to the grids that quantise() will take, gradients as if nothing were rounded
// (straight-through estimator) but for what the ends of a grid cut off. Includes Torch: for implementation
// files of models/ only.
#pragma once

#include "models/float_graph.h"
#include "models/network.h"
#include "models/quantise.h"

namespace fluence::models {

class QuantisedNetwork : public Network {
  public:
    // `weights`: trained ones (load_weights()); batch norm is folded with its running statistics, which stay
    // as they are. `rounding`: without means. `non_negative_input`: as in quantise().
    QuantisedNetwork(const std::string& network, const std::string& weights, const workloads::Shape& input,
                     int classes, Rounding rounding, bool non_negative_input);

    // In training, ranges of activations follow the batches: the largest value seen, less half a per cent a
    // batch. In evaluation they stay.
    torch::Tensor forward(torch::Tensor x) override;

    // The network with the weights as they are now; its batch norms add the bias and change nothing else.
    const Network& unfolded();

  private:
    // Where an operator's weights come from, and go to.
    struct Layer {
        std::size_t op = 0;
        std::string name, norm;  // of the modules; norm: "" where it has none
        torch::Tensor weight, bias;
    };

    void find_layers(const FloatGraph& unfolded);
    torch::Tensor rounded_weight(const torch::Tensor& weight) const;
    torch::Tensor rounded(int tensor, const torch::Tensor& values);
    Range follow(int tensor, const torch::Tensor& values);

    std::shared_ptr<Network> network_;
    FloatGraph graph_;
    Rounding rounding_;
    std::vector<workloads::NumberFormat> formats_;  // by tensor
    std::vector<Layer> layers_;
    torch::Tensor ranges_;  // tensors × 2: lowest and highest value; a buffer, so that checkpoints have it
};

}  // namespace fluence::models
