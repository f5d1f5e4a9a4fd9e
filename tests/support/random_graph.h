// Small networks for tests: drawn at random, and two of fixed shape with random weights.
#pragma once

#include "sim/core/random.h"
#include "workloads/graph.h"

namespace fluence::test {

struct RandomGraphOptions {
    int max_blocks = 4;  // convolutions, pools, residual and concatenating blocks in front of the classifier
    int max_channels = 10;
    int max_extent = 9;  // height and width of the input
    int max_classes = 6;
    bool convolutions_only = false;  // no pools, joins and shortcuts: conv and linear layers
};

// A valid graph. Over a few dozen draws every OpKind occurs, with grouped, depthwise, strided, padded,
// dilated and non-square convolutions, u8 and s8 activations and inputs.
workloads::Graph random_graph(RandomStream& stream, const RandomGraphOptions& options = {});

// Codes for the graph's input tensor: uniform over its format, a fifth of them 0.
workloads::Codes random_image(const workloads::Graph& graph, RandomStream& stream);

// LeNet-5 (LeCun et al., 1998) on 1×32×32: 5×5 convolutions of 6 and 16 channels, 2×2 max pools, 120-84-10.
workloads::Graph lenet_like_graph(RandomStream& stream);

// A CIFAR-style residual network in small: 3×16×16, three stages of one block, option-A shortcuts
// (subsample), global average pool, 10 classes.
workloads::Graph resnet_like_graph(RandomStream& stream);

}  // namespace fluence::test
