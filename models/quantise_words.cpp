#include "models/quantise_words.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "models/fixed_point.h"
#include "sim/core/error.h"
#include "workloads/word_reference.h"

namespace fluence::models {
namespace {

using workloads::Layer;
using workloads::OpKind;
using workloads::WordFormat;
using workloads::WordGraph;
using workloads::WordLayer;
using workloads::Words;

Range range_of(const at::Tensor& values) {
    return values.numel() == 0 ? Range{} : Range{values.min().item<double>(), values.max().item<double>()};
}

Words words_of(WordFormat format, double scale, const at::Tensor& values) {
    const at::Tensor flat = values.to(at::kDouble).contiguous().reshape(-1);
    Words words;
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
        words.push_back(workloads::nearest_word(format, scale, flat.data_ptr<double>()[i]));
    }
    return words;
}

bool moves_words(OpKind kind) {
    return kind == OpKind::max_pool || kind == OpKind::flatten || kind == OpKind::subsample;
}

class Builder {
  public:
    Builder(const FloatGraph& from, const std::vector<Range>& ranges, WordFormat format,
            const std::string& source)
        : from_(from), ranges_(ranges), source_(source) {
        to_.format = format;
    }

    WordGraph run() {
        workloads::Graph& structure = to_.structure;
        structure.name = from_.name;
        structure.tensors.resize(from_.shapes.size());
        structure.input = tensor_id(static_cast<std::size_t>(from_.input));
        structure.logits = tensor_id(static_cast<std::size_t>(from_.logits));
        for (const Range& range : ranges_) {
            to_.reach.push_back(std::max(std::abs(range.lo), std::abs(range.hi)));
        }
        define(from_.input, "input", scale_of(ranges_[static_cast<std::size_t>(from_.input)]));
        for (const FloatOp& op : from_.ops) {
            Layer layer = structure_of(op);
            const double scale = moves_words(layer.kind)
                                     ? info(op.inputs[0]).scale
                                     : scale_of(ranges_[static_cast<std::size_t>(op.output)]);
            define(op.output, op.name, scale);
            WordLayer& words = to_.layers.emplace_back();
            words.relu = op.relu;
            words.ceiling = op.ceiling;
            if (layer.has_macs()) {
                parameters(op, words);
            }
            structure.layers.push_back(std::move(layer));
        }
        return std::move(to_);
    }

  private:
    workloads::TensorInfo& info(int tensor) {
        return to_.structure.tensors[static_cast<std::size_t>(tensor)];
    }

    double scale_of(const Range& range) const {
        return workloads::is_fixed_point(to_.format)
                   ? power_of_two_scale(range.lo, range.hi, workloads::word_bits(to_.format))
                   : 1;
    }
    void define(int tensor, const std::string& name, double scale) {
        info(tensor) = {name, from_.shapes[static_cast<std::size_t>(tensor)], workloads::NumberFormat::s32,
                        scale};
    }

    void parameters(const FloatOp& op, WordLayer& words) {
        if (!op.weight.isfinite().all().item<bool>() || !op.bias.isfinite().all().item<bool>()) {
            throw InputError(source_, op.place, "\"" + op.name + "\" has a NaN or an infinite weight");
        }
        words.weight_scale = scale_of(range_of(op.weight));
        words.weights = words_of(to_.format, words.weight_scale, op.weight);
        if (workloads::is_fixed_point(to_.format)) {
            const double unit = words.weight_scale * info(op.inputs[0]).scale;
            words.bias_scale = std::max(scale_of(range_of(op.bias)), unit);
            words.bias = words_of(to_.format, words.bias_scale, op.bias);
        } else {
            words.bias = words_of(WordFormat::fp32, 1, op.bias);  // bf16 too: biases are added in fp32
        }
    }

    const FloatGraph& from_;
    const std::vector<Range>& ranges_;
    const std::string& source_;
    WordGraph to_;
};

}  // namespace

WordGraph quantise_words(const FloatGraph& graph, const std::vector<Range>& ranges, WordFormat format,
                         const std::string& source) {
    for (const Range& range : ranges) {
        if (!std::isfinite(range.lo) || !std::isfinite(range.hi)) {
            throw InputError(source, "", "makes NaN or infinite activations on the calibration images");
        }
    }
    WordGraph words = Builder(graph, ranges, format, source).run();
    workloads::validate(words, source);
    return words;
}

std::vector<Words> pixel_words(const Preprocessing& preprocessing, const WordGraph& graph) {
    const double scale = graph.structure.tensor(graph.structure.input).scale;
    std::vector<Words> table;
    for (std::size_t c = 0; c < preprocessing.mean.size(); ++c) {
        Words& row = table.emplace_back();
        for (int pixel = 0; pixel < 256; ++pixel) {
            const double value =
                (pixel / preprocessing.divisor - preprocessing.mean[c]) / preprocessing.deviation[c];
            row.push_back(workloads::nearest_word(graph.format, scale, value));
        }
    }
    return table;
}

}  // namespace fluence::models
