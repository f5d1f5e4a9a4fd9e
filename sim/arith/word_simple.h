// The outputs of layers without MACs, one by one, in a number format (word_formats.h).
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/word_formats.h"
#include "workloads/channel_order.h"

namespace fluence::arith {

template <class F>
class WordSimple {
    using Value = typename F::Value;
    using Sum = typename F::Sum;
    using Values = std::vector<Value>;

  public:
    // Keeps references; `rules`: by layer.
    WordSimple(const workloads::WordGraph& graph, const std::vector<typename F::Rule>& rules)
        : graph_(graph), rules_(rules) {}

    // Output `out` of a layer without MACs.
    Value operator()(std::size_t i, std::int64_t out, const std::vector<Values>& tensors) const {
        const workloads::Layer& l = layer(i);
        const auto input = [&](std::size_t k) -> const Values& { return tensors[index_of(l.inputs[k])]; };
        switch (l.kind) {
            case workloads::OpKind::max_pool:
                return pooled(i, out, input(0)).best;
            case workloads::OpKind::avg_pool:
                return F::average(rules_[i], pooled(i, out, input(0)).sum,
                                  std::int64_t{l.window.kernel_h} * l.window.kernel_w);
            case workloads::OpKind::add:
                return F::add(rules_[i], input(0)[at(out)], input(1)[at(out)]);
            case workloads::OpKind::concat: {
                const std::size_t k = concat_input(i, out);
                return F::copy(rules_[i], k, input(k)[at(out)]);
            }
            case workloads::OpKind::subsample:
                return subsampled(i, out, input(0));
            default:
                return input(0)[at(out)];  // flatten
        }
    }

    // What the vector unit of a machine makes it of, as raw bits (dataflow/vector_pipeline.h).
    WideBits operand(std::size_t i, std::int64_t out, const std::vector<Values>& tensors) const {
        const workloads::Layer& l = layer(i);
        const auto input = [&](std::size_t k) -> const Values& { return tensors[index_of(l.inputs[k])]; };
        switch (l.kind) {
            case workloads::OpKind::max_pool:
                return F::encode(pooled(i, out, input(0)).best);
            case workloads::OpKind::avg_pool:
                return F::stored_bits(pooled(i, out, input(0)).sum);
            case workloads::OpKind::add:
                return F::encode(input(0)[at(out)]) | WideBits{F::encode(input(1)[at(out)])} << F::kWordBits;
            case workloads::OpKind::concat: {
                const std::size_t k = concat_input(i, out);
                return F::encode(input(k)[at(out)]);
            }
            default:
                return F::encode(subsampled(i, out, input(0)));
        }
    }

    // Which input of a concat has the output's element; `out` becomes its place there.
    std::size_t concat_input(std::size_t i, std::int64_t& out) const {
        std::size_t k = 0;
        for (; out >= input_shape(i, k).elements(); ++k) {
            out -= input_shape(i, k).elements();
        }
        return k;
    }

  private:
    static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
    const workloads::Layer& layer(std::size_t i) const { return graph_.structure.layers[i]; }
    const workloads::Shape& input_shape(std::size_t i, std::size_t input = 0) const {
        return graph_.structure.tensor(layer(i).inputs[input]).shape;
    }
    const workloads::Shape& output_shape(std::size_t i) const {
        return graph_.structure.tensor(layer(i).output).shape;
    }

    Value subsampled(std::size_t i, std::int64_t out, const Values& input) const {
        const workloads::Layer& l = layer(i);
        const workloads::Shape& in = input_shape(i);
        const workloads::Shape& shape = output_shape(i);
        const std::int64_t channel = workloads::subsample_source(l, in.channels, out / shape.plane());
        const std::int64_t y = out % shape.plane() / shape.width * l.window.stride_h;
        const std::int64_t x = out % shape.width * l.window.stride_w;
        return channel < 0 ? Value{0} : input[at((channel * in.height + y) * in.width + x)];
    }

    // Of a window. A NaN wins a maximum, the first of equal ones stays.
    struct Pooled {
        Value best = 0;
        Sum sum = 0;
    };
    Pooled pooled(std::size_t i, std::int64_t out, const Values& input) const {
        const workloads::Layer& l = layer(i);
        const workloads::Window& w = l.window;
        const workloads::Shape& in = input_shape(i);
        const workloads::Shape& shape = output_shape(i);
        const std::int64_t channel = out / shape.plane();
        const std::int64_t top = out % shape.plane() / shape.width * w.stride_h - w.pad_h;
        const std::int64_t left = out % shape.width * w.stride_w - w.pad_w;
        Pooled of;
        bool first = true;
        for (int ky = 0; ky < w.kernel_h; ++ky) {
            const std::int64_t y = top + std::int64_t{ky} * w.dilation_h;
            for (int kx = 0; kx < w.kernel_w; ++kx) {
                const std::int64_t x = left + std::int64_t{kx} * w.dilation_w;
                if (y < 0 || y >= in.height || x < 0 || x >= in.width) {
                    continue;
                }
                const Value value = input[at((channel * in.height + y) * in.width + x)];
                of.sum += static_cast<Sum>(value);
                const bool wins = value > of.best || (is_nan(value) && !is_nan(of.best));
                of.best = first || wins ? value : of.best;
                first = false;
            }
        }
        return of;
    }

    const workloads::WordGraph& graph_;
    const std::vector<typename F::Rule>& rules_;
};

}  // namespace fluence::arith
