// The engine of graphs of words (value_engine.h, word_values.h), for one number format (word_formats.h).
//
// Golden and faulty sums are made in the same order (word_layers.h), so that equal means equal by every bit.
// Where sums are integers, a faulty one is the golden one and the products that changed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sim/arith/window.h"
#include "sim/arith/word_steps.h"
#include "workloads/channel_order.h"

namespace fluence::arith {

template <class F>
class WordEngine final : public WordValues {
    using Layers = WordLayers<F>;
    using Value = typename F::Value;
    using Sum = typename F::Sum;
    using Values = std::vector<Value>;
    using Mac = typename Layers::Mac;
    using Tap = typename Layers::Tap;

  public:
    explicit WordEngine(const workloads::WordGraph& graph, const MachineOrder& order = {})
        : layers_(graph, order) {
        const workloads::Graph& structure = layers_.graph().structure;
        std::int64_t most = 0;
        for (const workloads::TensorInfo& tensor : structure.tensors) {
            most = std::max(most, tensor.shape.elements());
        }
        marks_.assign(static_cast<std::size_t>(most), false);
        golden_.resize(structure.tensors.size());
        changed_.resize(structure.tensors.size());
        golden_sums_.resize(structure.layers.size());
    }

    const workloads::Graph& structure() const override { return layers_.graph().structure; }
    int weight_bits() const override { return workloads::word_bits(layers_.graph().format); }
    int output_bits(LayerId) const override { return workloads::word_bits(layers_.graph().format); }
    Word weight(LayerId layer, std::int64_t index) const override {
        return layers_.graph().layers.at(index_of(layer)).weights.at(static_cast<std::size_t>(index));
    }
    double value(TensorId tensor, Word word) const override {
        return F::real(F::decode(word), layers_.graph().structure.tensor(tensor).scale);
    }
    Word nearest(TensorId tensor, double value) const override {
        return F::encode(F::nearest(value, layers_.graph().structure.tensor(tensor).scale));
    }

    void load(const Words& image) override {
        const workloads::Graph& structure = layers_.graph().structure;
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
    Word golden_word(TensorId tensor, std::int64_t element) const override {
        return F::encode(golden_[index_of(tensor)][at(element)]);
    }
    Word now(TensorId tensor, std::int64_t element) const override {
        return F::encode(now_[index_of(tensor)][at(element)]);
    }

    WideBits held(LayerId id, std::int64_t element, StageHolds what) override {
        const std::size_t i = index_of(id);
        const WordSteps<F> steps(layers_, i, element);
        const WideBits operand =
            layer(i).has_macs() ? F::stored_bits(sum_now(i, element)) : steps.operand(golden_);
        return steps.held(what, operand, {});
    }

    ValueRun propagate(const std::vector<ValueFault>& faults) override {
        check(faults);
        return carry([&](std::size_t i) { strike(i, faults); });
    }

    ValueRun propagate(const std::vector<LayerId>& struck, const Strike& strike,
                       const Visit& visit) override {
        auto next = struck.begin();
        return carry([&](std::size_t i) {
            meet_inputs(i, {});
            if (next != struck.end() && index_of(*next) == i) {
                suffer(i, strike(*next++));
            }
            settle(i);
            if (visit && !changed_of(i).empty()) {
                visit(layer_id(i), changed_of(i));
            }
        });
    }

  private:
    using WeightFaults = std::vector<std::pair<std::int64_t, Value>>;

    // Calls visit(layer) for every layer, and says what has changed; then all is golden again.
    template <class Visit>
    ValueRun carry(Visit visit) {
        ValueRun run;
        for (std::size_t i = 0; i < layers_.graph().structure.layers.size(); ++i) {
            visit(i);
            const auto count = static_cast<std::int64_t>(changed_of(i).size());
            if (count > 0 && layer(i).kind != workloads::OpKind::flatten) {
                run.first_changed_layer =
                    run.first_changed_layer < 0 ? static_cast<std::int32_t>(i) : run.first_changed_layer;
                run.last_changed_layer = static_cast<std::int32_t>(i);
                run.changed_values += count;
            }
        }
        const std::size_t logits = index_of(layers_.graph().structure.logits);
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

    static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
    static Words encoded(const Values& values) {
        Words words;
        for (const Value value : values) {
            words.push_back(F::encode(value));
        }
        return words;
    }

    const workloads::Layer& layer(std::size_t i) const { return layers_.layer(i); }
    const workloads::Shape& input_shape(std::size_t i, std::size_t input = 0) const {
        return layers_.input_shape(i, input);
    }
    const workloads::Shape& output_shape(std::size_t i) const { return layers_.output_shape(i); }
    std::vector<std::int64_t>& changed_of(std::size_t i) { return changed_[index_of(layer(i).output)]; }

    void check(const std::vector<ValueFault>& faults) const {
        if (now_.empty()) {
            throw std::invalid_argument("faults before an image was loaded");
        }
        for (const ValueFault& fault : faults) {
            const std::size_t i = index_of(fault.layer);
            const bool known = i < layers_.graph().layers.size();
            const std::int64_t size =
                !known ? 0
                : fault.target == ValueTarget::weight
                    ? static_cast<std::int64_t>(layers_.graph().layers[i].weights.size())
                    : output_shape(i).elements();
            if (fault.index < 0 || fault.index >= size || F::encode(F::decode(fault.word)) != fault.word) {
                throw std::invalid_argument("a fault in a value or a word that the graph does not have");
            }
        }
    }

    void run_layer(std::size_t i) {
        Values& output = golden_[index_of(layer(i).output)];
        output.resize(at(output_shape(i).elements()));
        if (!layer(i).has_macs()) {
            for (std::size_t out = 0; out < output.size(); ++out) {
                output[out] = layers_.simple(i, static_cast<std::int64_t>(out), golden_);
            }
            return;
        }
        const Mac& mac = layers_.mac(i);
        std::vector<Sum>& sums = golden_sums_[i];
        sums.resize(output.size());  // [pixel][channel]
        layers_.make_sums(i, golden_[index_of(layer(i).inputs[0])], sums);
        const std::int64_t pixels = mac.gemm.m;
        const std::int64_t channels = mac.gemm.n * mac.gemm.groups;
        for (std::int64_t c = 0; c < channels; ++c) {
            for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
                output[at(c * pixels + pixel)] = layers_.finished(i, c, sums[at(pixel * channels + c)]);
            }
        }
    }

    // The layer's changed outputs, from those of its inputs and its own faults.
    void strike(std::size_t i, const std::vector<ValueFault>& faults) {
        WeightFaults weights;
        for (const ValueFault& fault : faults) {
            if (index_of(fault.layer) == i && fault.target == ValueTarget::weight) {
                weights.erase(std::remove_if(weights.begin(), weights.end(),
                                             [&](const auto& other) { return other.first == fault.index; }),
                              weights.end());
                weights.emplace_back(fault.index, F::decode(fault.word));
            }
        }
        meet_inputs(i, std::move(weights));
        for (auto fault = faults.begin(); fault != faults.end(); ++fault) {
            const bool last = std::none_of(fault + 1, faults.end(), [&](const ValueFault& later) {
                return later.layer == fault->layer && later.target == fault->target &&
                       later.index == fault->index;
            });
            if (last && index_of(fault->layer) == i && fault->target == ValueTarget::output) {
                write(i, fault->index, F::decode(fault->word));
            }
        }
        settle(i);
    }

    // The layer's outputs on the inputs as they are now, with faulty weights.
    void meet_inputs(std::size_t i, WeightFaults weights) {
        const bool moved = std::any_of(layer(i).inputs.begin(), layer(i).inputs.end(),
                                       [&](TensorId t) { return !changed_[index_of(t)].empty(); });
        if (!moved && weights.empty()) {
            return;
        }
        if (layer(i).has_macs()) {
            strike_mac(i, weights);
        } else {
            strike_simple(i);
        }
    }

    // Behind all writes to the layer's outputs: one may have put back what another had changed.
    void settle(std::size_t i) {
        std::vector<std::int64_t>& changed = changed_of(i);
        const std::size_t t = index_of(layer(i).output);
        std::sort(changed.begin(), changed.end());
        changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
        changed.erase(
            std::remove_if(changed.begin(), changed.end(),
                           [&](std::int64_t e) { return F::same(now_[t][at(e)], golden_[t][at(e)]); }),
            changed.end());
    }

    // What upsets of a machine do to the layer, on the inputs as they are now.
    void suffer(std::size_t i, const WordLayerFault& fault) {
        const typename F::Rule rule = layers_.rule(i);
        const Words bias = layers_.bias(i);
        for (const WordLayerFault::Parameter& parameter : fault.parameters) {
            if (parameter.shift) {
                F::set_shift(layer(i), layers_.rule(i), parameter.index,
                             static_cast<std::int8_t>(parameter.word));
            } else {
                layers_.bias(i)[at(parameter.index)] = parameter.word;
            }
        }
        if (!fault.parameters.empty()) {
            finish_anew(i, fault);
        }
        const std::int64_t plane = output_shape(i).plane();
        for (const WordLayerFault::Total& total : fault.totals) {
            const Word bias_word = layers_.bias(i)[at(total.element / plane)];
            write(i, total.element, F::finish_stored(layers_.rule(i), bias_word, total.bits));
        }
        if (!fault.reads.empty()) {
            read_anew(i, fault.reads);
        }
        if (!fault.held.empty() || !fault.used.empty()) {
            step_anew(i, fault);
        }
        const Values& now = now_[index_of(layer(i).output)];
        for (const WordLayerFault::Output& output : fault.outputs) {
            const Word word = F::encode(now[at(output.element)]);
            write(i, output.element, F::decode((word & output.keep) ^ output.flip));
        }
        layers_.rule(i) = rule;
        layers_.bias(i) = bias;
    }

    // The outputs that a changed parameter reaches.
    void finish_anew(std::size_t i, const WordLayerFault& fault) {
        const bool all = std::any_of(fault.parameters.begin(), fault.parameters.end(),
                                     [](const WordLayerFault::Parameter& p) { return p.shift; });
        const std::int64_t plane = output_shape(i).plane();
        for (std::int64_t c = 0; c < output_shape(i).channels; ++c) {
            const bool reached =
                all || std::any_of(fault.parameters.begin(), fault.parameters.end(),
                                   [&](const WordLayerFault::Parameter& p) { return p.index == c; });
            for (std::int64_t pixel = 0; reached && pixel < plane; ++pixel) {
                const std::int64_t out = c * plane + pixel;
                write(i, out,
                      layer(i).has_macs() ? layers_.finished(i, c, sum_now(i, out))
                                          : layers_.simple(i, out, now_));
            }
        }
    }

    Sum sum_now(std::size_t i, std::int64_t out) {
        const std::size_t t = index_of(layer(i).inputs[0]);
        const workloads::GemmShape& gemm = layers_.mac(i).gemm;
        const std::int64_t channel = out / gemm.m, pixel = out % gemm.m;
        return changed_[t].empty() ? golden_sums_[i][at(pixel * gemm.n * gemm.groups + channel)]
                                   : layers_.sum_channel(i, channel, pixel, now_[t]);
    }

    // Each output with the reads that it makes wrong.
    void read_anew(std::size_t i, const std::vector<WordLayerFault::Read>& reads) {
        std::vector<std::int64_t> outputs;
        for (const WordLayerFault::Read& read : reads) {
            const auto k = static_cast<std::size_t>(read.input);
            readers(i, k, read.element, offset_of(i, k), outputs);
        }
        for (const std::int64_t out : outputs) {
            marks_[at(out)] = false;
            write(i, out, with_reads(i, reads, out, [&] { return layers_.simple(i, out, now_); }));
        }
    }

    // compute() where the output's operands are those that it reads.
    template <class Compute>
    auto with_reads(std::size_t i, const std::vector<WordLayerFault::Read>& reads, std::int64_t out,
                    const Compute& compute) {
        std::vector<std::pair<Value*, Value>> put_back;
        for (const WordLayerFault::Read& read : reads) {
            if (out >= read.first_output && out < read.last_output) {
                const TensorId tensor = layer(i).inputs[static_cast<std::size_t>(read.input)];
                Value& value = now_[index_of(tensor)][at(read.element)];
                put_back.emplace_back(&value, value);
                value = F::decode(read.word);
            }
        }
        const auto result = compute();
        for (auto was = put_back.rbegin(); was != put_back.rend(); ++was) {
            *was->first = was->second;
        }
        return result;
    }

    // The outputs that were on their way while the vector unit's registers were struck.
    void step_anew(std::size_t i, const WordLayerFault& fault) {
        std::map<std::int64_t, WideBits> totals;
        for (const WordLayerFault::Total& total : fault.totals) {
            totals[total.element] = total.bits;
        }
        std::map<std::int64_t, typename WordSteps<F>::Masks> held;
        for (const WordLayerFault::Held& one : fault.held) {
            held[one.element] = one.inverted;
        }
        const auto operand = [&](const WordSteps<F>& steps, std::int64_t out) -> WideBits {
            if (!layer(i).has_macs()) {
                return with_reads(i, fault.reads, out, [&] { return steps.operand(now_); });
            }
            const auto total = totals.find(out);
            return total != totals.end() ? total->second : F::stored_bits(sum_now(i, out));
        };
        const auto step = [&](std::int64_t out, const std::vector<WordLayerFault::Parameter>& parameters) {
            WordSteps<F> steps(layers_, i, out);
            for (const WordLayerFault::Parameter& parameter : parameters) {
                steps.set(parameter);
            }
            const auto inverted = held.extract(out);
            const WideBits word = steps.held(StageHolds::code, operand(steps, out),
                                             inverted ? inverted.mapped() : typename WordSteps<F>::Masks{});
            write(i, out, F::decode(static_cast<Word>(word)));
        };
        for (const WordLayerFault::Used& used : fault.used) {
            for (const std::int64_t out : used.elements) {
                step(out, used.parameters);
            }
        }
        while (!held.empty()) {
            step(held.begin()->first, {});
        }
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

    void strike_mac(std::size_t i, WeightFaults& faulty_weights) {
        Mac& mac = layers_.mac(i);
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
                write(i, (group * n + c) * mac.gemm.m + pixel,
                      layers_.finished(i, group * n + c, sums[at(c)]));
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
        const workloads::GemmShape& gemm = layers_.mac(i).gemm;
        const std::int64_t channels = in.channels / gemm.groups;
        std::vector<std::int64_t> places;
        for (const std::int64_t e : changed_[index_of(layer(i).inputs[0])]) {
            const std::int64_t group = e / in.plane() / std::max<std::int64_t>(channels, 1);
            for_each_output_pixel(in, output_shape(i), layers_.mac(i).window,
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
                     const WeightFaults& golden_weights, Sum* sums) {
        const std::size_t t = index_of(layer(i).inputs[0]);
        if constexpr (!F::kExactSums) {
            layers_.sum_pixel(i, group, pixel, now_[t], sums);
        } else {
            const Mac& mac = layers_.mac(i);
            const std::int64_t n = mac.gemm.n;
            const Sum* golden = golden_sums_[i].data() + (pixel * mac.gemm.groups + group) * n;
            std::copy(golden, golden + n, sums);
            layers_.gather(i, group, pixel);
            for (const Tap& tap : layers_.taps()) {
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
        const Mac& mac = layers_.mac(i);
        const Values& input = golden_[index_of(layer(i).inputs[0])];
        for (const Tap& tap : layers_.taps()) {
            if (tap.k == index % mac.gemm.k) {
                const Value x = input[at(tap.element)];
                return F::times(mac.weights[at(mac.place(index))], x) - F::times(was, x);
            }
        }
        return 0;
    }

    // Channels with faulty weights, where the inputs are the golden ones.
    void strike_channels(std::size_t i, const WeightFaults& golden_weights) {
        const Mac& mac = layers_.mac(i);
        const Values& input = golden_[index_of(layer(i).inputs[0])];
        for (const auto& fault : golden_weights) {
            const std::int64_t channel = mac.channel(fault.first);
            for (std::int64_t pixel = 0; pixel < mac.gemm.m; ++pixel) {
                if (!marks_[at(pixel * mac.gemm.groups + channel / mac.gemm.n)]) {
                    write(i, channel * mac.gemm.m + pixel,
                          layers_.finished(i, channel, layers_.sum_channel(i, channel, pixel, input)));
                }
            }
        }
    }

    void strike_simple(std::size_t i) {
        std::vector<std::int64_t> outputs;
        for (std::size_t k = 0; k < layer(i).inputs.size(); ++k) {
            for (const std::int64_t e : changed_[index_of(layer(i).inputs[k])]) {
                readers(i, k, e, offset_of(i, k), outputs);
            }
        }
        for (const std::int64_t out : outputs) {
            marks_[at(out)] = false;
            write(i, out, layers_.simple(i, out, now_));
        }
    }

    // Of the first element of input `k` in the output of a concat; otherwise 0.
    std::int64_t offset_of(std::size_t i, std::size_t k) const {
        std::int64_t offset = 0;
        for (std::size_t j = 0; j < k && layer(i).kind == workloads::OpKind::concat; ++j) {
            offset += input_shape(i, j).elements();
        }
        return offset;
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

    Layers layers_;
    std::vector<Values> golden_, now_;  // by tensor; they differ inside propagate() alone
    std::vector<std::vector<Sum>> golden_sums_;
    std::vector<std::vector<std::int64_t>> changed_;  // by tensor
    std::vector<char> marks_;                         // scratch, all 0
};

}  // namespace fluence::arith
