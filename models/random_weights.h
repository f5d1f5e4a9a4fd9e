// Weights for networks that nobody has trained, such that activations stay in range from the first layer to
// the last. Includes Torch: for implementation files of models/ only.
#pragma once

#include "models/float_graph.h"
#include "models/network.h"

namespace fluence::models {

// Running means of batch norms at random, until normalise_weights() sets them: to be called before the
// network is traced, because TorchScript makes one constant of equal tensors and the layers lose their names.
void tell_norms_apart(Network& network);

// `network` with weights as drawn, `graph` its operators, not folded, `images` a preprocessed batch. Layer by
// layer, on what the layers in front now make of the images, every channel of a convolution or linear layer
// gets mean 0 and variance 1 in front of its activation: by the statistics of its batch norm where it has
// one, by its weights and, where it has one, its bias otherwise. (LSUV: Mishkin, Matas, All you need is a
// good init, ICLR 2016, by channel.)
void normalise_weights(Network& network, const FloatGraph& graph, const at::Tensor& images);

}  // namespace fluence::models
