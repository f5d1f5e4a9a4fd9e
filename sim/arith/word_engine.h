// The engine of graphs of words (value_engine.h), for one number format (word_formats.h).
//
// A sum starts with the bias; products are added with k ascending (input channel of the group, kernel row,
// kernel column); taps in the padding are left out. Golden and faulty sums are made in that order, so that
// equal means equal by every bit. Where sums are integers, a faulty one is the golden one and the products
// that changed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sim/arith/value_engine.h"
#include "sim/arith/window.h"
#include "sim/arith/word_dense.h"
#include "sim/arith/word_formats.h"
#include "sim/arith/word_simple.h"
#include "workloads/channel_order.h"

namespace fluence::arith {

template <class F>
class WordEngine final : public ValueEngine {
    using Value = typename F::Value;
    using Sum = typename F::Sum;
    using Values = std::vector<Value>;

  public:
    explicit WordEngine(const workloads::WordGraph& graph) : graph_(graph) {
        const workloads::Graph& structure = graph_.structure;
        for (std::size_t i = 0; i < structure.layers.size(); ++i) {
            rules_.push_back(F::rule(graph_, i));
            macs_.push_back(structure.layers[i].has_macs() ? mac_of(i) : Mac());
        }
        std::int64_t most = 0;
        for (const workloads::TensorInfo& tensor : structure.tensors) {
            most = std::max(most, tensor.shape.elements());
        }
        marks_.assign(static_cast<std::size_t>(most), false);
        golden_.resize(structure.tensors.size());
        changed_.resize(structure.tensors.size());
        golden_sums_.resize(structure.layers.size());
    }

    const workloads::Graph& structure() const override { return graph_.structure; }
    int weight_bits() const override { return workloads::word_bits(graph_.format); }
    int output_bits(LayerId) const override { return workloads::word_bits(graph_.format); }
    Word weight(LayerId layer, std::int64_t index) const override {
        return graph_.layers.at(index_of(layer)).weights.at(static_cast<std::size_t>(index));
    }
    double value(TensorId tensor, Word word) const override {
        return F::real(F::decode(word), graph_.structure.tensor(tensor).scale);
    }
    Word nearest(TensorId tensor, double value) const override {
        return F::encode(F::nearest(value, graph_.structure.tensor(tensor).scale));
    }

    void load(const Words& image) override {
        const workloads::Graph& structure = graph_.structure;
        if (static_cast<std::int64_t>(image.size()) != structure.tensor(structure.input).shape.elements()) {
            throw std::invalid_argument("an image of another size than the graph's input");
        }
        Values& input = golden_[index_of(structure.input)];
        input.clear();
        for (const Word word : image) {
            input.push_back(F::decode(word));
        }
        for (std::size_t i = 0; i < structure.layers.size(); ++i) {
            run_layer(i);
        }
        now_ = golden_;
    }

    Words golden(TensorId tensor) const override { return encoded(golden_.at(index_of(tensor))); }

    ValueRun propagate(const std::vector<ValueFault>& faults) override {
        check(faults);
        ValueRun run;
        for (std::size_t i = 0; i < graph_.structure.layers.size(); ++i) {
            strike(i, faults);
            const auto count = static_cast<std::int64_t>(changed_of(i).size());
            if (count > 0 && layer(i).kind != workloads::OpKind::flatten) {
                run.first_changed_layer =
                    run.first_changed_layer < 0 ? static_cast<std::int32_t>(i) : run.first_changed_layer;
                run.last_changed_layer = static_cast<std::int32_t>(i);
                run.changed_values += count;
            }
        }
        const std::size_t logits = index_of(graph_.structure.logits);
        run.changed_logits = !changed_[logits].empty();
        if (run.changed_logits) {
            run.logits = encoded(now_[logits]);
        }
        for (std::size_t t = 0; t < changed_.size(); ++t) {
            for (const std::int64_t e : changed_[t]) {
                now_[t][at(e)] = golden_[t][at(e)];
            }
            changed_[t].clear();
        }
        return run;
    }

  private:
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
        std::int64_t k, element;
    };

    static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
    static Words encoded(const Values& values) {
        Words words;
        for (const Value value : values) {
            words.push_back(F::encode(value));
        }
        return words;
    }

    const workloads::Layer& layer(std::size_t i) const { return graph_.structure.layers[i]; }
    const workloads::Shape& input_shape(std::size_t i, std::size_t input = 0) const {
        return graph_.structure.tensor(layer(i).inputs[input]).shape;
    }
    const workloads::Shape& output_shape(std::size_t i) const {
        return graph_.structure.tensor(layer(i).output).shape;
    }
    std::vector<std::int64_t>& changed_of(std::size_t i) { return changed_[index_of(layer(i).output)]; }

    Mac mac_of(std::size_t i) const {
        Mac mac{workloads::window_of(graph_.structure, layer(i)), gemm_shape(graph_.structure, layer(i)), {}};
        const Words& words = graph_.layers[i].weights;
        mac.weights.resize(words.size());
        for (std::size_t w = 0; w < words.size(); ++w) {
            mac.weights[at(mac.place(static_cast<std::int64_t>(w)))] = F::decode(words[w]);
        }
        return mac;
    }

    void check(const std::vector<ValueFault>& faults) const {
        if (now_.empty()) {
            throw std::invalid_argument("faults before an image was loaded");
        }
        for (const ValueFault& fault : faults) {
            const std::size_t i = index_of(fault.layer);
            const bool known = i < graph_.layers.size();
            const std::int64_t size = !known ? 0
                                      : fault.target == ValueTarget::weight
                                          ? static_cast<std::int64_t>(graph_.layers[i].weights.size())
                                          : output_shape(i).elements();
            if (fault.index < 0 || fault.index >= size || F::encode(F::decode(fault.word)) != fault.word) {
                throw std::invalid_argument("a fault in a value or a word that the graph does not have");
            }
        }
    }

    // The operands of one output pixel and group, k ascending.
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
                    }
                }
            }
        }
    }

    // The sums of all channels of the group.
    void sum_pixel(std::size_t i, std::int64_t group, std::int64_t pixel, const Values& input, Sum* sums) {
        const Mac& mac = macs_[i];
        const std::int64_t n = mac.gemm.n;
        gather(i, group, pixel);
        for (std::int64_t c = 0; c < n; ++c) {
            sums[c] = F::bias(rules_[i], graph_.layers[i].bias[at(group * n + c)]);
        }
        for (const Tap& tap : taps_) {
            const Value x = input[at(tap.element)];
            const Value* weights = mac.weights.data() + (group * mac.gemm.k + tap.k) * n;
            for (std::int64_t c = 0; c < n; ++c) {
                sums[c] += F::times(weights[c], x);
            }
        }
    }

    // The sum of one channel: the same operations.
    Sum sum_channel(std::size_t i, std::int64_t channel, std::int64_t pixel, const Values& input) {
        const Mac& mac = macs_[i];
        const std::int64_t group = channel / mac.gemm.n;
        gather(i, group, pixel);
        Sum sum = F::bias(rules_[i], graph_.layers[i].bias[at(channel)]);
        const Value* weights = mac.weights.data() + group * mac.gemm.k * mac.gemm.n + channel % mac.gemm.n;
        for (const Tap& tap : taps_) {
            sum += F::times(weights[tap.k * mac.gemm.n], input[at(tap.element)]);
        }
        return sum;
    }

    void run_layer(std::size_t i) {
        Values& output = golden_[index_of(layer(i).output)];
        output.resize(at(output_shape(i).elements()));
        if (!layer(i).has_macs()) {
            for (std::size_t out = 0; out < output.size(); ++out) {
                output[out] = simple_(i, static_cast<std::int64_t>(out), golden_);
            }
            return;
        }
        const Mac& mac = macs_[i];
        std::vector<Sum>& sums = golden_sums_[i];
        sums.resize(output.size());  // [pixel][channel]
        std::vector<Sum> bias;
        for (const Word word : graph_.layers[i].bias) {
            bias.push_back(F::bias(rules_[i], word));
        }
        dense_sums(DenseLayer<Value, Sum>{mac.window, mac.gemm, input_shape(i), output_shape(i),
                                          golden_[index_of(layer(i).inputs[0])].data(), mac.weights.data(),
                                          bias.data(), sums.data()},
                   best_kernel());
        const std::int64_t pixels = mac.gemm.m;
        const std::int64_t channels = mac.gemm.n * mac.gemm.groups;
        for (std::int64_t c = 0; c < channels; ++c) {
            for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
                output[at(c * pixels + pixel)] = F::finish(rules_[i], sums[at(pixel * channels + c)]);
            }
        }
    }

    // The layer's changed outputs, from those of its inputs and its own faults.
    void strike(std::size_t i, const std::vector<ValueFault>& faults) {
        const bool moved = std::any_of(layer(i).inputs.begin(), layer(i).inputs.end(),
                                       [&](TensorId t) { return !changed_[index_of(t)].empty(); });
        std::vector<std::pair<std::int64_t, Value>> weights;
        bool stored = false;
        for (const ValueFault& fault : faults) {
            const bool here = index_of(fault.layer) == i;
            stored = stored || (here && fault.target == ValueTarget::output);
            if (here && fault.target == ValueTarget::weight) {
                weights.erase(std::remove_if(weights.begin(), weights.end(),
                                             [&](const auto& other) { return other.first == fault.index; }),
                              weights.end());
                weights.emplace_back(fault.index, F::decode(fault.word));
            }
        }
        if (!moved && !stored && weights.empty()) {
            return;
        }
        if (layer(i).has_macs()) {
            strike_mac(i, weights);
        } else if (moved) {
            strike_simple(i);
        }
        for (auto fault = faults.begin(); fault != faults.end(); ++fault) {
            const bool last = std::none_of(fault + 1, faults.end(), [&](const ValueFault& later) {
                return later.layer == fault->layer && later.target == fault->target &&
                       later.index == fault->index;
            });
            if (last && index_of(fault->layer) == i && fault->target == ValueTarget::output) {
                write(i, fault->index, F::decode(fault->word));
            }
        }
        // A stored fault may have put back what another had changed.
        std::vector<std::int64_t>& changed = changed_of(i);
        const std::size_t t = index_of(layer(i).output);
        changed.erase(
            std::remove_if(changed.begin(), changed.end(),
                           [&](std::int64_t e) { return F::same(now_[t][at(e)], golden_[t][at(e)]); }),
            changed.end());
    }

    void write(std::size_t i, std::int64_t out, Value value) {
        const std::size_t t = index_of(layer(i).output);
        Value& now = now_[t][at(out)];
        if (!F::same(now, value)) {
            if (F::same(now, golden_[t][at(out)])) {
                changed_[t].push_back(out);
            }
            now = value;
        }
    }

    void strike_mac(std::size_t i, std::vector<std::pair<std::int64_t, Value>>& faulty_weights) {
        Mac& mac = macs_[i];
        for (auto& [index, value] : faulty_weights) {  // from here on the golden ones are in the list
            std::swap(mac.weights[at(mac.place(index))], value);
        }
        const std::vector<std::int64_t> struck = struck_pixels(i);
        const std::int64_t n = mac.gemm.n;
        std::vector<Sum> sums(at(n));
        for (const std::int64_t place : struck) {
            const std::int64_t pixel = place / mac.gemm.groups;
            const std::int64_t group = place % mac.gemm.groups;
            faulty_sums(i, group, pixel, faulty_weights, sums.data());
            for (std::int64_t c = 0; c < n; ++c) {
                write(i, (group * n + c) * mac.gemm.m + pixel, F::finish(rules_[i], sums[at(c)]));
            }
        }
        strike_channels(i, faulty_weights);
        for (const std::int64_t place : struck) {
            marks_[at(place)] = false;
        }
        for (auto& [index, value] : faulty_weights) {
            std::swap(mac.weights[at(mac.place(index))], value);
        }
    }

    // Output pixels (pixel · groups + group) that read a changed input; marked.
    std::vector<std::int64_t> struck_pixels(std::size_t i) {
        const workloads::Shape& in = input_shape(i);
        const workloads::GemmShape& gemm = macs_[i].gemm;
        const std::int64_t channels = in.channels / gemm.groups;
        std::vector<std::int64_t> places;
        for (const std::int64_t e : changed_[index_of(layer(i).inputs[0])]) {
            const std::int64_t group = e / in.plane() / std::max<std::int64_t>(channels, 1);
            for_each_output_pixel(in, output_shape(i), macs_[i].window,
                                  static_cast<std::int32_t>(e % in.plane()),
                                  [&](std::int64_t pixel) { mark(pixel * gemm.groups + group, places); });
        }
        return places;
    }
    void mark(std::int64_t place, std::vector<std::int64_t>& places) {
        if (!marks_[at(place)]) {
            marks_[at(place)] = true;
            places.push_back(place);
        }
    }

    // All sums of a pixel and group whose input changed.
    void faulty_sums(std::size_t i, std::int64_t group, std::int64_t pixel,
                     const std::vector<std::pair<std::int64_t, Value>>& golden_weights, Sum* sums) {
        const std::size_t t = index_of(layer(i).inputs[0]);
        if constexpr (!F::kExactSums) {
            sum_pixel(i, group, pixel, now_[t], sums);
        } else {
            const Mac& mac = macs_[i];
            const std::int64_t n = mac.gemm.n;
            const Sum* golden = golden_sums_[i].data() + (pixel * mac.gemm.groups + group) * n;
            std::copy(golden, golden + n, sums);
            gather(i, group, pixel);
            for (const Tap& tap : taps_) {
                const Value before = golden_[t][at(tap.element)];
                const Value after = now_[t][at(tap.element)];
                if (before != after) {
                    const Value* weights = mac.weights.data() + (group * mac.gemm.k + tap.k) * n;
                    for (std::int64_t c = 0; c < n; ++c) {
                        sums[c] += F::times(weights[c], after) - F::times(weights[c], before);
                    }
                }
            }
            for (const auto& [index, was] : golden_weights) {
                if (mac.channel(index) / n == group) {
                    sums[mac.channel(index) % n] += weight_difference(i, index, was);
                }
            }
        }
    }

    // (new − old weight) · golden operand, of the pixel that gather() last saw; 0 in the padding.
    Sum weight_difference(std::size_t i, std::int64_t index, Value was) const {
        const Mac& mac = macs_[i];
        const Values& input = golden_[index_of(layer(i).inputs[0])];
        for (const Tap& tap : taps_) {
            if (tap.k == index % mac.gemm.k) {
                const Value x = input[at(tap.element)];
                return F::times(mac.weights[at(mac.place(index))], x) - F::times(was, x);
            }
        }
        return 0;
    }

    // Channels with faulty weights, where the inputs are the golden ones.
    void strike_channels(std::size_t i, const std::vector<std::pair<std::int64_t, Value>>& golden_weights) {
        const Mac& mac = macs_[i];
        const Values& input = golden_[index_of(layer(i).inputs[0])];
        for (const auto& fault : golden_weights) {
            const std::int64_t channel = mac.channel(fault.first);
            for (std::int64_t pixel = 0; pixel < mac.gemm.m; ++pixel) {
                if (!marks_[at(pixel * mac.gemm.groups + channel / mac.gemm.n)]) {
                    write(i, channel * mac.gemm.m + pixel,
                          F::finish(rules_[i], sum_channel(i, channel, pixel, input)));
                }
            }
        }
    }

    void strike_simple(std::size_t i) {
        std::vector<std::int64_t> outputs;
        std::int64_t offset = 0;  // concat: of the input's first element
        for (std::size_t k = 0; k < layer(i).inputs.size(); ++k) {
            for (const std::int64_t e : changed_[index_of(layer(i).inputs[k])]) {
                readers(i, k, e, offset, outputs);
            }
            offset += layer(i).kind == workloads::OpKind::concat ? input_shape(i, k).elements() : 0;
        }
        for (const std::int64_t out : outputs) {
            marks_[at(out)] = false;
            write(i, out, simple_(i, out, now_));
        }
    }

    // Marks the outputs that read element `e` of input `k`.
    void readers(std::size_t i, std::size_t k, std::int64_t e, std::int64_t offset,
                 std::vector<std::int64_t>& outputs) {
        const workloads::Layer& l = layer(i);
        const workloads::Shape& in = input_shape(i, k);
        const workloads::Shape& out = output_shape(i);
        std::int64_t channel = e / in.plane();
        switch (l.kind) {
            case workloads::OpKind::subsample:
                channel = workloads::subsample_target(l, in.channels, out.channels, channel);
                if (channel < 0) {
                    return;
                }
                [[fallthrough]];
            case workloads::OpKind::max_pool:
            case workloads::OpKind::avg_pool:
                for_each_output_pixel(
                    in, out, l.window, static_cast<std::int32_t>(e % in.plane()),
                    [&](std::int64_t pixel) { mark(channel * out.plane() + pixel, outputs); });
                return;
            default:
                mark(offset + e, outputs);
        }
    }

    workloads::WordGraph graph_;
    std::vector<typename F::Rule> rules_;  // by layer
    WordSimple<F> simple_{graph_, rules_};
    std::vector<Mac> macs_;             // by layer
    std::vector<Values> golden_, now_;  // by tensor; they differ inside propagate() alone
    std::vector<std::vector<Sum>> golden_sums_;
    std::vector<std::vector<std::int64_t>> changed_;  // by tensor
    std::vector<char> marks_;                         // scratch, all 0
    std::vector<Tap> taps_;                           // scratch
};

}  // namespace fluence::arith
