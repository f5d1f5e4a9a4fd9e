// Small networks for tests: drawn at random, and two of fixed shape with random weights.
#pragma once

#include "tests/support/graph_builder.h"
#include "workloads/random_graph.h"

namespace fluence::test {

using workloads::random_graph;
using workloads::random_image;
using workloads::RandomGraphOptions;

// With batches of up to three images among them.
inline RandomGraphOptions with_batches() {
    RandomGraphOptions options;
    options.max_images = 3;
    return options;
}

// LeNet-5 (LeCun et al., 1998) on 1×32×32: 5×5 convolutions of 6 and 16 channels, 2×2 max pools, 120-84-10.
workloads::Graph lenet_like_graph(RandomStream& stream);

// A CIFAR-style residual network in small: 3×16×16, three stages of one block, option-A shortcuts
// (subsample), global average pool, 10 classes.
workloads::Graph resnet_like_graph(RandomStream& stream);

}  // namespace fluence::test
