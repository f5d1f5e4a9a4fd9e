#include "sim/words/layer_arithmetic.h"

#include <stdexcept>

#include "sim/arith/word_formats.h"
#include "workloads/channel_order.h"

namespace fluence::words {
namespace {

using workloads::Layer;
using workloads::OpKind;
using workloads::Shape;

template <class F>
class Arithmetic final : public LayerArithmetic {
    using Value = typename F::Value;

  public:
    explicit Arithmetic(const workloads::WordGraph& graph) : graph_(graph), biases_(graph.layers.size()) {
        for (std::size_t i = 0; i < graph.layers.size(); ++i) {
            rules_.push_back(F::rule(graph, i));
        }
    }

    void load(std::size_t layer, Words bias, const std::vector<std::int8_t>& shifts) override {
        biases_[layer] = std::move(bias);
        for (std::size_t i = 0; i < shifts.size(); ++i) {
            F::set_shift(graph_.structure.layers[layer], rules_[layer], static_cast<std::int64_t>(i),
                         shifts[i]);
        }
    }

    WideBits operand(std::size_t index, std::int64_t element, const Read& read) const override {
        const Layer& layer = graph_.structure.layers[index];
        switch (layer.kind) {
            case OpKind::max_pool:
                return maximum(layer, element, read);
            case OpKind::avg_pool:
                return F::stored_bits(window_sum(layer, element, read));
            case OpKind::add:
                return WideBits{read(1, element)} << F::kWordBits | read(0, element);
            case OpKind::concat: {
                const std::size_t input = source(layer, element);
                return read(input, element);
            }
            default:
                return subsampled(layer, element, read);
        }
    }

    WideBits advanced(std::size_t index, std::int64_t element, StageHolds from, StageHolds to,
                      WideBits bits) const override {
        const Layer& layer = graph_.structure.layers[index];
        if (layer.kind == OpKind::max_pool || layer.kind == OpKind::subsample) {
            return bits;
        }
        const typename F::Rule& rule = rules_[index];
        if (layer.has_macs() && from < StageHolds::biased && to >= StageHolds::biased) {
            const auto channel = static_cast<std::size_t>(element / shape(layer.output).plane());
            bits = F::biased(rule, biases_[index][channel], bits);
        }
        if (to < StageHolds::requantised) {
            return bits;
        }
        const Value value = from < StageHolds::requantised ? requantised(index, element, bits)
                                                           : F::held(static_cast<Word>(bits));
        return to == StageHolds::requantised ? F::held_bits(value) : F::encode(F::activated(rule, value));
    }

  private:
    const Shape& shape(TensorId tensor) const { return graph_.structure.tensor(tensor).shape; }

    // The elements under the window of an output, rows first; those in the padding are left out.
    template <class Visit>
    void each_under_window(const Layer& layer, std::int64_t element, const Visit& visit) const {
        const Shape& in = shape(layer.inputs[0]);
        const Shape& out = shape(layer.output);
        const workloads::Window& w = layer.window;
        const std::int64_t top = element % out.plane() / out.width * w.stride_h - w.pad_h;
        const std::int64_t left = element % out.width * w.stride_w - w.pad_w;
        for (int ky = 0; ky < w.kernel_h; ++ky) {
            for (int kx = 0; kx < w.kernel_w; ++kx) {
                const std::int64_t y = top + std::int64_t{ky} * w.dilation_h;
                const std::int64_t x = left + std::int64_t{kx} * w.dilation_w;
                if (y >= 0 && y < in.height && x >= 0 && x < in.width) {
                    visit((element / out.plane() * in.height + y) * in.width + x);
                }
            }
        }
    }

    // Words move as they are. The first of equal ones stays, and the first NaN.
    Word maximum(const Layer& layer, std::int64_t element, const Read& read) const {
        Word best = 0;
        bool first = true;
        each_under_window(layer, element, [&](std::int64_t e) {
            const Word word = read(0, e);
            const Value value = F::decode(word);
            const Value most = F::decode(best);
            if (first || value > most || (arith::is_nan(value) && !arith::is_nan(most))) {
                best = word;
            }
            first = false;
        });
        return best;
    }

    typename F::Sum window_sum(const Layer& layer, std::int64_t element, const Read& read) const {
        typename F::Sum sum = 0;
        each_under_window(layer, element, [&](std::int64_t e) {
            sum += static_cast<typename F::Sum>(F::decode(read(0, e)));
        });
        return sum;
    }

    // The input of a concat that an output comes from; `element` becomes its place there.
    std::size_t source(const Layer& layer, std::int64_t& element) const {
        std::size_t input = 0;
        for (; element >= shape(layer.inputs[input]).elements(); ++input) {
            element -= shape(layer.inputs[input]).elements();
        }
        return input;
    }

    Value requantised(std::size_t index, std::int64_t element, WideBits bits) const {
        const Layer& layer = graph_.structure.layers[index];
        const typename F::Rule& rule = rules_[index];
        switch (layer.kind) {
            case OpKind::avg_pool:
                return F::averaged(rule, F::stored(bits),
                                   std::int64_t{layer.window.kernel_h} * layer.window.kernel_w);
            case OpKind::add: {
                const auto first = static_cast<Word>(bits & low_wide_bits(F::kWordBits));
                const auto second = static_cast<Word>(bits >> F::kWordBits);
                return F::added(rule, F::decode(first), F::decode(second));
            }
            case OpKind::concat: {
                const std::size_t input = source(layer, element);
                return F::copied(rule, input, F::decode(static_cast<Word>(bits)));
            }
            default:
                return F::requantised(rule, F::stored(bits));
        }
    }

    Word subsampled(const Layer& layer, std::int64_t element, const Read& read) const {
        const Shape& in = shape(layer.inputs[0]);
        const Shape& out = shape(layer.output);
        const std::int64_t channel = workloads::subsample_source(layer, in.channels, element / out.plane());
        const std::int64_t y = element % out.plane() / out.width * layer.window.stride_h;
        const std::int64_t x = element % out.width * layer.window.stride_w;
        return channel < 0 ? 0 : read(0, (channel * in.height + y) * in.width + x);
    }

    const workloads::WordGraph& graph_;
    std::vector<typename F::Rule> rules_;  // with the shifts as loaded
    std::vector<Words> biases_;
};

}  // namespace

std::unique_ptr<LayerArithmetic> make_layer_arithmetic(const workloads::WordGraph& graph) {
    switch (graph.format) {
        case workloads::WordFormat::fxp16:
            return std::make_unique<Arithmetic<arith::Fxp16>>(graph);
        case workloads::WordFormat::fxp32:
            return std::make_unique<Arithmetic<arith::Fxp32>>(graph);
        case workloads::WordFormat::bf16:
            return std::make_unique<Arithmetic<arith::Bf16>>(graph);
        case workloads::WordFormat::fp32:
            return std::make_unique<Arithmetic<arith::Fp32>>(graph);
    }
    throw std::out_of_range("number format without arithmetic of layers");
}

}  // namespace fluence::words
