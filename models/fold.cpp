// Folding: what an accelerator does not execute on its own becomes part of the operator in front of it.
#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "models/float_graph.h"
#include "sim/core/error.h"

namespace fluence::models {
namespace {

using Index = std::ptrdiff_t;

class Folder {
  public:
    Folder(FloatGraph& graph, const std::string& source, std::vector<std::string>& report)
        : graph_(graph), source_(source), report_(report) {}

    void run() {
        drop_unused();
        while (fold_affine() || fold_relu() || join_subsample() || fold_pad()) {
        }
        drop_unused();
        renumber();
    }

  private:
    FloatOp* producer(int tensor) {
        const int index = graph_.producer(tensor);
        return index < 0 ? nullptr : &graph_.ops[static_cast<std::size_t>(index)];
    }
    void erase(std::size_t op) { graph_.ops.erase(graph_.ops.begin() + static_cast<Index>(op)); }

    void drop_unused();
    bool fold_affine();
    bool fold_relu();
    bool join_subsample();
    bool fold_pad();
    void renumber();

    void affine_to_depthwise(FloatOp& op);
    void relu_to_pool(FloatOp& op);

    FloatGraph& graph_;
    const std::string& source_;
    std::vector<std::string>& report_;
};

void Folder::drop_unused() {
    for (std::size_t i = graph_.ops.size(); i-- > 0;) {
        if (graph_.uses(graph_.ops[i].output) == 0) {
            report_.push_back(graph_.ops[i].name + ": dropped, nothing reads its output");
            erase(i);
        }
    }
}

// weight' = factor · weight, bias' = factor · bias + offset, an output channel each.
bool Folder::fold_affine() {
    for (std::size_t i = 0; i < graph_.ops.size(); ++i) {
        FloatOp& op = graph_.ops[i];
        if (op.kind != FloatOpKind::affine) {
            continue;
        }
        FloatOp* before = producer(op.inputs[0]);
        const bool has_weights =
            before != nullptr && (before->kind == FloatOpKind::conv || before->kind == FloatOpKind::linear);
        if (!has_weights || before->relu || graph_.uses(op.inputs[0]) != 1) {
            affine_to_depthwise(op);
            return true;
        }
        std::vector<std::int64_t> broadcast(static_cast<std::size_t>(before->weight.dim()), 1);
        broadcast[0] = -1;
        before->weight = before->weight * op.weight.reshape(broadcast);
        before->bias = before->bias * op.weight + op.bias;
        before->output = op.output;
        report_.push_back(op.name + ": folded into " + before->name);
        erase(i);
        return true;
    }
    return false;
}

void Folder::affine_to_depthwise(FloatOp& op) {
    op.kind = FloatOpKind::conv;
    op.groups = static_cast<int>(op.weight.numel());
    op.weight = op.weight.reshape({-1, 1, 1, 1});
    report_.push_back(op.name + ": became a depthwise 1x1 convolution, no layer in front can take it over");
}

bool Folder::fold_relu() {
    for (std::size_t i = 0; i < graph_.ops.size(); ++i) {
        FloatOp& op = graph_.ops[i];
        if (op.kind != FloatOpKind::relu) {
            continue;
        }
        const int index = graph_.producer(op.inputs[0]);
        if (index < 0 || graph_.uses(op.inputs[0]) != 1) {
            relu_to_pool(op);
            return true;
        }
        FloatOp& before = graph_.ops[static_cast<std::size_t>(index)];
        const bool moves_values =
            before.kind == FloatOpKind::max_pool || before.kind == FloatOpKind::flatten ||
            before.kind == FloatOpKind::subsample || before.kind == FloatOpKind::shuffle;
        if (moves_values) {  // relu(move(x)) = move(relu(x))
            const int between = graph_.add_tensor(graph_.shapes[static_cast<std::size_t>(before.inputs[0])]);
            op.inputs[0] = before.inputs[0];
            before.inputs[0] = between;
            before.output = op.output;
            op.output = between;
            std::rotate(graph_.ops.begin() + index, graph_.ops.begin() + static_cast<Index>(i),
                        graph_.ops.begin() + static_cast<Index>(i) + 1);
            return true;
        }
        before.relu = true;
        before.ceiling = std::min(before.ceiling, op.ceiling);
        before.output = op.output;
        report_.push_back(op.name + ": folded into " + before.name);
        erase(i);
        return true;
    }
    return false;
}

void Folder::relu_to_pool(FloatOp& op) {
    op.kind = FloatOpKind::avg_pool;
    op.relu = true;
    report_.push_back(op.name +
                      ": became a 1x1 average pooling with ReLU, no layer in front can take it over");
}

bool Folder::join_subsample() {
    for (std::size_t i = 0; i < graph_.ops.size(); ++i) {
        FloatOp& op = graph_.ops[i];
        if (op.kind != FloatOpKind::subsample) {
            continue;
        }
        FloatOp* before = producer(op.inputs[0]);
        if (before == nullptr || before->kind != FloatOpKind::subsample || graph_.uses(op.inputs[0]) != 1) {
            continue;
        }
        // Channels that were added and are cut again are no single step.
        const auto against = [](int first, int second) {
            return (first < 0 && second > 0) || (first > 0 && second < 0);
        };
        if (against(before->channels_before, op.channels_before) ||
            against(before->channels_after, op.channels_after)) {
            continue;
        }
        before->window.stride_h *= op.window.stride_h;
        before->window.stride_w *= op.window.stride_w;
        before->channels_before += op.channels_before;
        before->channels_after += op.channels_after;
        before->output = op.output;
        report_.push_back(op.name + ": joined with " + before->name + " to one subsample");
        erase(i);
        return true;
    }
    return false;
}

// Zeros around the input become padding of the windows that read them. A maximum may take them over only
// where they cannot win, behind ReLU.
bool Folder::fold_pad() {
    for (std::size_t i = 0; i < graph_.ops.size(); ++i) {
        const FloatOp pad = graph_.ops[i];
        if (pad.kind != FloatOpKind::pad) {
            continue;
        }
        const FloatOp* before = producer(pad.inputs[0]);
        const bool positive = before != nullptr && before->relu;
        for (FloatOp& op : graph_.ops) {
            if (std::find(op.inputs.begin(), op.inputs.end(), pad.output) == op.inputs.end()) {
                continue;
            }
            const bool takes_it = op.kind == FloatOpKind::conv || op.kind == FloatOpKind::avg_pool ||
                                  (op.kind == FloatOpKind::max_pool && positive);
            if (!takes_it) {
                throw InputError(source_, pad.place,
                                 "a padding of height or width stands in front of \"" + op.name +
                                     "\", which cannot take it over",
                                 "padding in front of convolutions, average poolings, and maximum poolings "
                                 "behind ReLU");
            }
            op.window.pad_h += pad.window.pad_h;
            op.window.pad_w += pad.window.pad_w;
            op.more_h += pad.more_h;
            op.more_w += pad.more_w;
            op.inputs[0] = pad.inputs[0];
            report_.push_back(pad.name + ": folded into " + op.name);
        }
        erase(i);
        return true;
    }
    return false;
}

void Folder::renumber() {
    std::map<int, int> number;
    std::vector<workloads::Shape> shapes;
    const auto place = [&](int& tensor) {
        const auto [entry, fresh] = number.try_emplace(tensor, static_cast<int>(shapes.size()));
        if (fresh) {
            shapes.push_back(graph_.shapes[static_cast<std::size_t>(tensor)]);
        }
        tensor = entry->second;
    };
    place(graph_.input);
    for (FloatOp& op : graph_.ops) {
        for (int& input : op.inputs) {
            place(input);
        }
        place(op.output);
    }
    place(graph_.logits);
    graph_.shapes = std::move(shapes);
}

}  // namespace

void fold(FloatGraph& graph, const std::string& source, std::vector<std::string>& report) {
    Folder(graph, source, report).run();
}

}  // namespace fluence::models
