// Faults in stored values of integer graphs (int8, fxp8), in the terms of the integer engine.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sim/arith/engine.h"
#include "sim/arith/value_engine.h"

namespace fluence::arith {
namespace {

using workloads::Layer;

constexpr int kWeightBits = 8;

Word stored(workloads::NumberFormat format, std::int32_t code) {
    const int width = workloads::width_bits(format);
    return static_cast<Word>(code) & (~Word{0} >> (32 - width));
}

std::int32_t code_of(workloads::NumberFormat format, Word word) {
    return workloads::flip_bits(format, 0, word);
}

class IntegerValues final : public ValueEngine {
  public:
    explicit IntegerValues(const workloads::Graph& graph) : engine_(graph) {}

    const workloads::Graph& structure() const override { return engine_.graph(); }
    int weight_bits() const override { return kWeightBits; }
    int output_bits(LayerId layer) const override { return workloads::width_bits(output(layer).format); }
    Word weight(LayerId layer, std::int64_t index) const override {
        return static_cast<std::uint8_t>(
            structure().layers.at(index_of(layer)).weights.at(static_cast<std::size_t>(index)));
    }
    double value(TensorId tensor, Word word) const override {
        const workloads::TensorInfo& info = structure().tensor(tensor);
        return info.scale * code_of(info.format, word);
    }
    Word nearest(TensorId tensor, double value) const override {
        const workloads::TensorInfo& info = structure().tensor(tensor);
        const double lo = workloads::min_code(info.format);
        const double hi = workloads::max_code(info.format);
        return stored(info.format,
                      static_cast<std::int32_t>(std::clamp(std::nearbyint(value / info.scale), lo, hi)));
    }

    void load(const Words& image) override {
        const workloads::TensorInfo& input = structure().tensor(structure().input);
        workloads::Codes codes;
        for (const Word word : image) {
            codes.push_back(code_of(input.format, word));
        }
        golden_ = engine_.run(codes);
    }

    Words golden(TensorId tensor) const override {
        return words_of(tensor, golden_.tensors.at(index_of(tensor)));
    }

    ValueRun propagate(const std::vector<ValueFault>& faults) override {
        const FaultyRun run = engine_.propagate(golden_, layer_faults(faults));
        ValueRun result;
        result.first_changed_layer = run.first_changed_layer;
        result.last_changed_layer = run.last_changed_layer;
        result.changed_values = run.changed_values;
        result.changed_logits = !run.logits.empty();
        if (result.changed_logits) {
            workloads::Codes logits = golden_.tensors[index_of(structure().logits)];
            for (const ValueChange& change : run.logits) {
                logits[static_cast<std::size_t>(change.index)] = change.code;
            }
            result.logits = words_of(structure().logits, logits);
        }
        return result;
    }

  private:
    const workloads::TensorInfo& output(LayerId layer) const {
        return structure().tensor(structure().layers.at(index_of(layer)).output);
    }
    Words words_of(TensorId tensor, const workloads::Codes& codes) const {
        Words words;
        for (const std::int32_t code : codes) {
            words.push_back(stored(structure().tensor(tensor).format, code));
        }
        return words;
    }

    std::vector<LayerFault> layer_faults(const std::vector<ValueFault>& faults) const;
    void add_weight(const ValueFault& fault, LayerFault& result) const;

    Engine engine_;
    GoldenRun golden_;
};

std::vector<LayerFault> IntegerValues::layer_faults(const std::vector<ValueFault>& faults) const {
    std::vector<LayerFault> result;
    for (std::size_t i = 0; i < structure().layers.size(); ++i) {
        LayerFault layer;
        layer.layer = layer_id(i);
        for (const ValueFault& fault : faults) {
            if (fault.layer != layer.layer) {
                continue;
            }
            if (fault.target == ValueTarget::output) {
                layer.forced.push_back({fault.index, code_of(output(fault.layer).format, fault.word)});
            } else if (faults.size() == 1) {
                add_weight(fault, layer);
            } else {
                throw std::invalid_argument("a weight of an integer graph fails alone");
            }
        }
        if (!layer.forced.empty() || !layer.accumulators.empty()) {
            result.push_back(std::move(layer));
        }
    }
    return result;
}

// Every sum that the weight takes part in is off by (faulty − golden) · operand.
void IntegerValues::add_weight(const ValueFault& fault, LayerFault& result) const {
    const Layer& layer = structure().layers[index_of(fault.layer)];
    if (fault.index < 0 || fault.index >= static_cast<std::int64_t>(layer.weights.size())) {
        throw std::invalid_argument("a fault in a weight that the graph does not have");
    }
    const workloads::Window window = workloads::window_of(structure(), layer);
    const workloads::GemmShape gemm = gemm_shape(structure(), layer);
    const workloads::Shape& in = structure().tensor(layer.inputs[0]).shape;
    const workloads::Shape& out = structure().tensor(layer.output).shape;
    const workloads::Codes& input = golden_.tensors.at(index_of(layer.inputs[0]));
    const std::int64_t kernel = std::int64_t{window.kernel_h} * window.kernel_w;
    const std::int64_t n = fault.index / gemm.k;
    const std::int64_t k = fault.index % gemm.k;
    const std::int64_t channel = n / gemm.n * (gemm.k / kernel) + k / kernel;
    const std::int64_t ky = k % kernel / window.kernel_w;
    const std::int64_t kx = k % window.kernel_w;
    const std::int32_t difference =
        static_cast<std::int8_t>(fault.word) - layer.weights[static_cast<std::size_t>(fault.index)];
    for (std::int64_t row = 0; row < out.rows(); ++row) {
        const workloads::InputRows rows = workloads::input_rows(in, out, window, row);
        const std::int64_t y = rows.first + ky * window.dilation_h;
        for (std::int64_t column = 0; column < out.width; ++column) {
            const std::int64_t x = column * window.stride_w - window.pad_w + kx * window.dilation_w;
            if (y < rows.begin || y >= rows.end || x < 0 || x >= in.width) {
                continue;
            }
            const std::int64_t element = (channel * in.rows() + y) * in.width + x;
            const std::int32_t delta = difference * input[static_cast<std::size_t>(element)];
            if (delta != 0) {
                result.accumulators.push_back({(n * out.rows() + row) * out.width + column, delta});
            }
        }
    }
}

}  // namespace

std::unique_ptr<ValueEngine> make_value_engine(const workloads::Graph& graph) {
    return std::make_unique<IntegerValues>(graph);
}

}  // namespace fluence::arith
