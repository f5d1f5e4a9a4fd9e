// The layers of a graph of words for one number format (word_formats.h): their weights, parameters and the
// order in which their sums are made.
//
// A sum starts with the bias; products are added with k ascending (input channel of the group, kernel row,
// kernel column); taps in the padding are left out. On a machine it is MachineOrder's.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/word_dense.h"
#include "sim/arith/word_formats.h"
#include "sim/arith/word_simple.h"
#include "sim/arith/word_values.h"

namespace fluence::arith {

template <class F>
class WordLayers {
  public:
    using Value = typename F::Value;
    using Sum = typename F::Sum;
    using Values = std::vector<Value>;

    // A conv or linear layer; weights as [group][k][channel of the group].
    struct Mac {
        workloads::Window window;
        workloads::GemmShape gemm;
        Values weights;
        std::int64_t kernel() const { return std::int64_t{window.kernel_h} * window.kernel_w; }
        // Of element `index` of Layer::weights.
        std::int64_t channel(std::int64_t index) const { return index / gemm.k; }
        std::int64_t place(std::int64_t index) const {
            const std::int64_t n = channel(index);
            return (n / gemm.n * gemm.k + index % gemm.k) * gemm.n + n % gemm.n;
        }
    };
    struct Tap {
        std::int64_t k, element;  // element −1: in the padding
    };

    WordLayers(const workloads::WordGraph& graph, const MachineOrder& order)
        : graph_(graph), order_(order), biases_(graph.layers.size()) {
        for (std::size_t i = 0; i < graph_.structure.layers.size(); ++i) {
            rules_.push_back(F::rule(graph_, i));
            biases_[i] = graph_.layers[i].bias;
            macs_.push_back(layer(i).has_macs() ? mac_of(i) : Mac());
        }
    }
    WordLayers(const WordLayers&) = delete;  // simple() refers to the rules
    WordLayers& operator=(const WordLayers&) = delete;

    const workloads::WordGraph& graph() const { return graph_; }
    const workloads::Layer& layer(std::size_t i) const { return graph_.structure.layers[i]; }
    const workloads::Shape& input_shape(std::size_t i, std::size_t input = 0) const {
        return graph_.structure.tensor(layer(i).inputs[input]).shape;
    }
    const workloads::Shape& output_shape(std::size_t i) const {
        return graph_.structure.tensor(layer(i).output).shape;
    }
    Mac& mac(std::size_t i) { return macs_[i]; }
    const Mac& mac(std::size_t i) const { return macs_[i]; }
    // What a layer's parameters are now.
    typename F::Rule& rule(std::size_t i) { return rules_[i]; }
    Words& bias(std::size_t i) { return biases_[i]; }

    // An output of a layer without MACs.
    Value simple(std::size_t i, std::int64_t out, const std::vector<Values>& tensors) const {
        return simple_(i, out, tensors);
    }
    // What a machine's vector unit makes it of, and the input of a concat that it comes from.
    WideBits operand(std::size_t i, std::int64_t out, const std::vector<Values>& tensors) const {
        return simple_.operand(i, out, tensors);
    }
    std::size_t concat_input(std::size_t i, std::int64_t out) const { return simple_.concat_input(i, out); }
    // The output of a channel from its sum.
    Value finished(std::size_t i, std::int64_t channel, Sum sum) const {
        return bias_last() ? F::finish_total(rules_[i], biases_[i][at(channel)], sum)
                           : F::finish(rules_[i], sum);
    }

    // The operands of one output pixel and group, k ascending: taps().
    void gather(std::size_t i, std::int64_t group, std::int64_t pixel) {
        const Mac& mac = macs_[i];
        const workloads::Window& w = mac.window;
        const workloads::Shape& in = input_shape(i);
        const std::int64_t top = pixel / output_shape(i).width * w.stride_h - w.pad_h;
        const std::int64_t left = pixel % output_shape(i).width * w.stride_w - w.pad_w;
        const std::int64_t channels = mac.gemm.k / mac.kernel();
        taps_.clear();
        for (std::int64_t k = 0, c = group * channels; c < (group + 1) * channels; ++c) {
            for (int ky = 0; ky < w.kernel_h; ++ky) {
                const std::int64_t y = top + std::int64_t{ky} * w.dilation_h;
                for (int kx = 0; kx < w.kernel_w; ++kx, ++k) {
                    const std::int64_t x = left + std::int64_t{kx} * w.dilation_w;
                    if (y >= 0 && y < in.height && x >= 0 && x < in.width) {
                        taps_.push_back({k, (c * in.height + y) * in.width + x});
                    } else if (ordered()) {
                        taps_.push_back({k, -1});
                    }
                }
            }
        }
    }

    const std::vector<Tap>& taps() const { return taps_; }

    // The sums of all channels of the group.
    void sum_pixel(std::size_t i, std::int64_t group, std::int64_t pixel, const Values& input, Sum* sums) {
        const Mac& mac = macs_[i];
        const std::int64_t n = mac.gemm.n;
        gather(i, group, pixel);
        const auto add = [&](const Tap& tap, Sum* to) {
            const Value x = operand(input, tap);
            const Value* weights = mac.weights.data() + (group * mac.gemm.k + tap.k) * n;
            for (std::int64_t c = 0; c < n; ++c) {
                to[c] += F::times(weights[c], x);
            }
        };
        for (std::int64_t c = 0; c < n; ++c) {
            sums[c] = first_sum(i, group * n + c);
        }
        if (!ordered()) {
            for (const Tap& tap : taps_) {
                add(tap, sums);
            }
            return;
        }
        std::size_t tap = 0;
        for (const std::int64_t end : order_.fold_ends[i]) {
            const bool first = tap == 0;
            fold_.assign(at(n), Sum{0});
            for (; tap < taps_.size() && taps_[tap].k < end; ++tap) {
                add(taps_[tap], fold_.data());
            }
            for (std::int64_t c = 0; c < n; ++c) {
                sums[c] = first ? fold_[at(c)] : sums[c] + fold_[at(c)];
            }
        }
    }

    // The sum of one channel: the same operations.
    Sum sum_channel(std::size_t i, std::int64_t channel, std::int64_t pixel, const Values& input) {
        const Mac& mac = macs_[i];
        const std::int64_t group = channel / mac.gemm.n;
        gather(i, group, pixel);
        const Value* weights = mac.weights.data() + group * mac.gemm.k * mac.gemm.n + channel % mac.gemm.n;
        const auto product = [&](const Tap& tap) {
            return F::times(weights[tap.k * mac.gemm.n], operand(input, tap));
        };
        Sum sum = first_sum(i, channel);
        if (!ordered()) {
            for (const Tap& tap : taps_) {
                sum += product(tap);
            }
            return sum;
        }
        std::size_t tap = 0;
        for (const std::int64_t end : order_.fold_ends[i]) {
            const bool first = tap == 0;
            Sum of_fold{0};
            for (; tap < taps_.size() && taps_[tap].k < end; ++tap) {
                of_fold += product(taps_[tap]);
            }
            sum = first ? of_fold : sum + of_fold;
        }
        return sum;
    }

    // All sums of a layer with MACs, [pixel][channel].
    void make_sums(std::size_t i, const Values& input, std::vector<Sum>& sums) {
        const Mac& mac = macs_[i];
        const std::int64_t channels = mac.gemm.n * mac.gemm.groups;
        if (ordered()) {
            for (std::int64_t pixel = 0; pixel < mac.gemm.m; ++pixel) {
                for (std::int64_t group = 0; group < mac.gemm.groups; ++group) {
                    sum_pixel(i, group, pixel, input, sums.data() + pixel * channels + group * mac.gemm.n);
                }
            }
            return;
        }
        std::vector<Sum> first;
        for (std::int64_t c = 0; c < channels; ++c) {
            first.push_back(first_sum(i, c));
        }
        dense_sums(DenseLayer<Value, Sum>{mac.window, mac.gemm, input_shape(i), output_shape(i), input.data(),
                                          mac.weights.data(), first.data(), sums.data()},
                   best_kernel());
    }

  private:
    static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
    Mac mac_of(std::size_t i) const {
        Mac mac{workloads::window_of(graph_.structure, layer(i)), gemm_shape(graph_.structure, layer(i)), {}};
        const Words& words = graph_.layers[i].weights;
        mac.weights.resize(words.size());
        for (std::size_t w = 0; w < words.size(); ++w) {
            mac.weights[at(mac.place(static_cast<std::int64_t>(w)))] = F::decode(words[w]);
        }
        return mac;
    }

    // Whether sums are made as a machine makes them, and it matters.
    bool ordered() const { return !F::kExactSums && !order_.fold_ends.empty(); }
    // Whether the bias is added behind the sums.
    bool bias_last() const { return F::kExactSums || ordered(); }
    Sum first_sum(std::size_t i, std::int64_t channel) const {
        return bias_last() ? Sum{0} : F::bias(rules_[i], biases_[i][at(channel)]);
    }
    static Value operand(const Values& input, const Tap& tap) {
        return tap.element < 0 ? Value{0} : input[at(tap.element)];
    }

    workloads::WordGraph graph_;
    MachineOrder order_;
    std::vector<typename F::Rule> rules_;  // by layer
    std::vector<Words> biases_;            // by layer
    WordSimple<F> simple_{graph_, rules_};
    std::vector<Mac> macs_;  // by layer
    std::vector<Tap> taps_;  // scratch
    std::vector<Sum> fold_;  // scratch
};

}  // namespace fluence::arith
