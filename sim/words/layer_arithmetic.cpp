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

    Word finish(std::size_t layer, std::int64_t channel, WideBits stored) const override {
        return F::encode(
            F::finish_stored(rules_[layer], biases_[layer][static_cast<std::size_t>(channel)], stored));
    }

    Word combine(std::size_t index, std::int64_t element, const Operand& operand) const override {
        const Layer& layer = graph_.structure.layers[index];
        const auto value = [&](std::size_t input, std::int64_t e) { return F::decode(operand(input, e)); };
        switch (layer.kind) {
            case OpKind::max_pool:
                return maximum(layer, element, operand);
            case OpKind::avg_pool:
                return F::encode(average(index, element, operand));
            case OpKind::add:
                return F::encode(F::add(rules_[index], value(0, element), value(1, element)));
            case OpKind::concat: {
                std::size_t input = 0;
                for (; element >= shape(layer.inputs[input]).elements(); ++input) {
                    element -= shape(layer.inputs[input]).elements();
                }
                return F::encode(F::copy(rules_[index], input, value(input, element)));
            }
            default:
                return subsampled(layer, element, operand);
        }
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
    Word maximum(const Layer& layer, std::int64_t element, const Operand& operand) const {
        Word best = 0;
        bool first = true;
        each_under_window(layer, element, [&](std::int64_t e) {
            const Word word = operand(0, e);
            const Value value = F::decode(word);
            const Value most = F::decode(best);
            if (first || value > most || (arith::is_nan(value) && !arith::is_nan(most))) {
                best = word;
            }
            first = false;
        });
        return best;
    }

    Value average(std::size_t index, std::int64_t element, const Operand& operand) const {
        const Layer& layer = graph_.structure.layers[index];
        typename F::Sum sum = 0;
        each_under_window(layer, element, [&](std::int64_t e) {
            sum += static_cast<typename F::Sum>(F::decode(operand(0, e)));
        });
        return F::average(rules_[index], sum, std::int64_t{layer.window.kernel_h} * layer.window.kernel_w);
    }

    Word subsampled(const Layer& layer, std::int64_t element, const Operand& operand) const {
        const Shape& in = shape(layer.inputs[0]);
        const Shape& out = shape(layer.output);
        const std::int64_t channel = workloads::subsample_source(layer, in.channels, element / out.plane());
        const std::int64_t y = element % out.plane() / out.width * layer.window.stride_h;
        const std::int64_t x = element % out.width * layer.window.stride_w;
        return channel < 0 ? 0 : operand(0, (channel * in.height + y) * in.width + x);
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
