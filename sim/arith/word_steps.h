// One output on its way through the vector unit of a machine of words: what the registers of its stages hold,
// as raw bits (docs/formats-numbers.md, "Machines of words").
#pragma once

#include <array>
#include <cstdint>

#include "sim/arith/word_layers.h"
#include "sim/core/stage_holds.h"

namespace fluence::arith {

template <class F>
class WordSteps {
    using Values = std::vector<typename F::Value>;

  public:
    using Masks = std::array<WideBits, kStageHoldsCount>;

    // The output's parameters: the layer's, as they are now.
    WordSteps(WordLayers<F>& layers, std::size_t layer, std::int64_t out)
        : layers_(layers), index_(layer), layer_(layers.layer(layer)), out_(out), rule_(layers.rule(layer)) {
        if (layer_.has_macs()) {
            bias_ = layers.bias(layer)[static_cast<std::size_t>(out / layers.output_shape(layer).plane())];
        }
    }

    void set(const WordLayerFault::Parameter& parameter) {
        if (parameter.shift) {
            F::set_shift(layer_, rule_, parameter.index, static_cast<std::int8_t>(parameter.word));
        } else {
            bias_ = parameter.word;
        }
    }

    // Of a layer without MACs.
    WideBits operand(const std::vector<Values>& tensors) const {
        return layers_.operand(index_, out_, tensors);
    }
    // The register that holds `what`, from the operand, bits of it and of those in front of it inverted.
    WideBits held(StageHolds what, WideBits operand, const Masks& inverted) const {
        WideBits bits = operand ^ inverted[0];
        for (int step = 1; step <= static_cast<int>(what); ++step) {
            bits = stepped(static_cast<StageHolds>(step), bits) ^ inverted[static_cast<std::size_t>(step)];
        }
        return bits;
    }

  private:
    // From what the stage in front holds.
    WideBits stepped(StageHolds to, WideBits bits) const {
        if (to == StageHolds::biased) {
            return layer_.has_macs() ? F::biased(rule_, bias_, bits) : bits;
        }
        if (layer_.kind == workloads::OpKind::max_pool || layer_.kind == workloads::OpKind::subsample) {
            return bits;
        }
        return to == StageHolds::requantised
                   ? F::held_bits(requantised(bits))
                   : F::encode(F::activated(rule_, F::held(static_cast<Word>(bits))));
    }

    typename F::Value requantised(WideBits bits) const {
        const auto word = [&](int index) {
            return F::decode(static_cast<Word>(bits >> (index * F::kWordBits) & low_wide_bits(F::kWordBits)));
        };
        switch (layer_.kind) {
            case workloads::OpKind::add:
                return F::added(rule_, word(0), word(1));
            case workloads::OpKind::concat:
                return F::copied(rule_, layers_.concat_input(index_, out_), word(0));
            case workloads::OpKind::avg_pool:
                return F::averaged(rule_, F::stored(bits),
                                   std::int64_t{layer_.window.kernel_h} * layer_.window.kernel_w);
            default:
                return F::requantised(rule_, F::stored(bits));
        }
    }

    const WordLayers<F>& layers_;
    const std::size_t index_;
    const workloads::Layer& layer_;
    const std::int64_t out_;
    typename F::Rule rule_;
    Word bias_ = 0;
};

}  // namespace fluence::arith
