// The network between import and quantisation: fp32 operators over activation tensors, in execution order.
// Everything a workload graph has, in real numbers, and the operators that folding removes.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "workloads/graph.h"

namespace fluence::models {

enum class FloatOpKind {
    conv,
    linear,
    max_pool,
    avg_pool,  // divides by the whole window; padding counts as 0
    add,
    concat,
    flatten,
    subsample,
    relu,    // removed by fold(): FloatOp::relu of the operator in front
    affine,  // weight[c]·x + bias[c] (batch norm, added constant); removed by fold()
};

struct FloatOp {
    FloatOpKind kind = FloatOpKind::conv;
    std::string name;   // unique; after the module that owns the weights where there is one
    std::string place;  // where it stands in its source, for messages
    std::vector<int> inputs;
    int output = 0;
    workloads::Window window;
    int groups = 1;
    int channels_before = 0, channels_after = 0;  // subsample
    // double. conv: out × in/groups × kernel_h × kernel_w; linear: out × in; affine: one a channel.
    at::Tensor weight;
    at::Tensor bias;  // double, one an output channel
    bool relu = false;
};

struct FloatGraph {
    std::string name;
    std::vector<workloads::Shape> shapes;  // by activation tensor
    std::vector<FloatOp> ops;
    int input = 0;
    int logits = 0;

    int add_tensor(const workloads::Shape& shape);
    // Index into ops of the operator that makes a tensor, −1 for the input.
    int producer(int tensor) const;
    // How many operators read a tensor; being the logits counts as one.
    int uses(int tensor) const;
};

// Folds affine operators and ReLU into their producers, joins slices and paddings to one subsample, drops
// what nothing reads, and renumbers the tensors in execution order. One line of `report` an operator that
// disappeared or changed its kind.
void fold(FloatGraph& graph, std::vector<std::string>& report);

// What a window leaves of a shape, with `channels` channels; 0 rows or columns where it does not fit.
workloads::Shape windowed(const workloads::Shape& in, const workloads::Window& window, int channels);

// fp32 execution of a batch (images × channels × height × width). `visit` sees every tensor, the input and
// the logits included, as images × channels × height × width. Returns the logits, images × classes.
at::Tensor evaluate(const FloatGraph& graph, const at::Tensor& batch,
                    const std::function<void(int tensor, const at::Tensor& values)>& visit = {});

}  // namespace fluence::models
