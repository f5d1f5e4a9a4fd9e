// The network between import and quantisation: fp32 operators over activation tensors, in execution order.
// Everything a workload graph has, in real numbers, and the operators that folding removes.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <limits>
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
    subsample,  // channels_before, channels_after: zero channels; −n: n channels are left out
    shuffle,    // channels as a matrix of groups × channels/groups, transposed
    relu,       // removed by fold(): FloatOp::relu and ceiling of the operator in front
    pad,        // zeros around height and width; removed by fold(): window of the operator behind
    affine,     // weight[c]·x + bias[c] (batch norm, added constant); removed by fold()
};

// What the accelerator executes for it, in a folded graph.
workloads::OpKind op_kind(FloatOpKind kind);

struct FloatOp {
    FloatOpKind kind = FloatOpKind::conv;
    std::string name;   // unique; after the module that owns the weights where there is one
    std::string place;  // where it stands in its source, for messages
    std::vector<int> inputs;
    int output = 0;
    workloads::Window window;
    int more_h = 0, more_w = 0;  // padding behind: so much more than in front, window.pad_h and pad_w
    int groups = 1;
    int channels_before = 0, channels_after = 0;  // subsample
    // double. conv: out × in/groups × kernel_h × kernel_w; linear: out × in; affine: one a channel.
    at::Tensor weight;
    at::Tensor bias;  // double, one an output channel
    bool relu = false;
    double ceiling = std::numeric_limits<double>::infinity();  // with relu: larger values become this (ReLU6)
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

// Folds affine operators and ReLU into their producers, padding into what reads it, joins slices and paddings
// to one subsample, drops what nothing reads, and renumbers the tensors in execution order. One line of
// `report` an operator that disappeared or changed its kind. Throws InputError (`source`) for a padding that
// no window can take over.
void fold(FloatGraph& graph, const std::string& source, std::vector<std::string>& report);

// What an operator's window leaves of a shape, with `channels` channels; 0 rows or columns where it does not
// fit.
workloads::Shape windowed(const workloads::Shape& in, const FloatOp& op, int channels);

// fp32 execution of a batch (images × channels × height × width). `visit` sees every tensor, the input and
// the logits included, as images × channels × height × width. Returns the logits, images × classes.
at::Tensor evaluate(const FloatGraph& graph, const at::Tensor& batch,
                    const std::function<void(int tensor, const at::Tensor& values)>& visit = {});
// The same, but what `adjust` returns takes the place of an operator's values before anything reads them.
at::Tensor evaluate_adjusted(
    const FloatGraph& graph, const at::Tensor& batch,
    const std::function<at::Tensor(const FloatOp& op, const at::Tensor& values)>& adjust);

}  // namespace fluence::models
