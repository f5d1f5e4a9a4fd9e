// Small networks drawn at random: what property tests and self-checks run on.
#pragma once

#include "sim/core/random.h"
#include "workloads/graph.h"

namespace fluence::workloads {

struct RandomGraphOptions {
    int max_blocks = 4;  // convolutions, pools, residual and concatenating blocks in front of the classifier
    int max_channels = 10;
    int max_extent = 9;  // height and width of the input
    int max_classes = 6;
    bool convolutions_only = false;  // no pools, joins and shortcuts: conv and linear layers
    int max_images = 1;              // of a batch
};

// A valid graph, a third of them batches where max_images allows it. Over a few dozen draws every OpKind
// occurs, with grouped, depthwise, strided, padded, dilated and non-square convolutions, shuffled and
// left-out channels, poolings over the edge, u8 and s8 activations and inputs.
Graph random_graph(RandomStream& stream, const RandomGraphOptions& options = {});

// Codes for the graph's input tensor: uniform over its format, a fifth of them 0.
Codes random_image(const Graph& graph, RandomStream& stream);

}  // namespace fluence::workloads
