// A batch: several images in one inference. Every tensor holds them all, stacked inside each channel
// (workloads/graph.h); weights serve all of them, and a layer's GEMM has the pixels of all as its m.
#pragma once

#include <vector>

#include "workloads/graph.h"

namespace fluence::workloads {

// The network for `images` images at once. A linear layer takes its input flat, so that flattens of several
// pixels, which would have to move codes, are left out in front of linear layers. Throws InputError(file,
// key, reason) for a batch of no image, one whose tensors are too large, and a network in which anything
// else reads such a flatten. `graph` is for one image.
Graph batched(const Graph& graph, int images, const std::string& file);
// The same of a graph without codes (stored_structure() of workloads/word_graph.h).
Graph batched_structure(const Graph& graph, int images, const std::string& file);

// A tensor of a batch from one a image, all of one size (at least one), and back. `shape` is the batch's.
Codes stacked(const std::vector<Codes>& images, const Shape& shape);
Codes image_of(const Codes& batch, const Shape& shape, int image);

}  // namespace fluence::workloads
