#include "sim/arith/simple_layer.h"

namespace fluence::arith {

using workloads::Shape;

SimpleLayer::SimpleLayer(const workloads::Graph& graph, const workloads::Layer& layer)
    : layer_(layer),
      output_(graph.tensor(layer.output).shape),
      output_format_(graph.tensor(layer.output).format) {
    std::int32_t channel = 0;
    for (const TensorId id : layer.inputs) {
        inputs_.push_back(graph.tensor(id).shape);
        first_channel_.push_back(channel);
        channel += inputs_.back().channels;
    }
}

void SimpleLayer::run(const std::vector<Codes>& tensors, const OutputBounds* bounds,
                      std::vector<std::int64_t>& window_sums, Codes& output) const {
    Parameters parameters;
    parameters.assign(layer_, nullptr);
    std::vector<const std::int32_t*> from;
    for (const TensorId id : layer_.inputs) {
        from.push_back(tensors[index_of(id)].data());
    }
    output.resize(static_cast<std::size_t>(output_.elements()));
    if (layer_.kind == workloads::OpKind::avg_pool) {
        window_sums.resize(output.size());
        for (std::int32_t channel = 0; channel < output_.channels; ++channel) {
            for (std::int32_t pixel = 0; pixel < output_.plane(); ++pixel) {
                std::int64_t& sum =
                    window_sums[static_cast<std::size_t>(std::int64_t{pixel} * output_.channels + channel)];
                for_each_tap({channel, pixel}, [&](std::int64_t element) { sum += from[0][element]; });
            }
        }
    }
    std::size_t at = 0;
    for (std::int32_t channel = 0; channel < output_.channels; ++channel) {
        for (std::int32_t pixel = 0; pixel < output_.plane(); ++pixel, ++at) {
            const std::int32_t code =
                evaluate({channel, pixel}, parameters,
                         [&](std::size_t input, std::int64_t element) { return from[input][element]; });
            output[at] = bounds == nullptr ? code : bounded(*bounds, channel, code);
        }
    }
}

void SimpleDelta::run(const SimpleLayer& layer, const LayerStep& step) {
    step.output.clear();
    if (carries(layer, step)) {
        return carry(layer, step);
    }
    overlay_changes(layer, step);
    mark_outputs(layer, step);
    compute(layer, step);
    strike_codes(layer, step);
    emit(layer, step);
    remove_overlays(layer, step);
}

void SimpleDelta::overlay_changes(const SimpleLayer& layer, const LayerStep& step) {
    overlay_.resize(std::max(overlay_.size(), layer.inputs().size()));
    for (std::size_t i = 0; i < layer.inputs().size(); ++i) {
        const Shape& shape = layer.inputs()[i];
        overlay_[i].resize(std::max(overlay_[i].size(), static_cast<std::size_t>(shape.elements())));
        const std::int64_t plane = shape.plane();
        for (const Change& change : step.changes[index_of(layer.layer().inputs[i])]) {
            // Unsigned: logits that pass through a flatten may differ by more than 31 bits.
            overlay_[i][change.channel * plane + change.pixel] = static_cast<std::int32_t>(
                static_cast<std::uint32_t>(change.code) - static_cast<std::uint32_t>(change.golden));
        }
    }
}

void SimpleDelta::remove_overlays(const SimpleLayer& layer, const LayerStep& step) {
    for (std::size_t i = 0; i < layer.inputs().size(); ++i) {
        const std::int64_t plane = layer.inputs()[i].plane();
        for (const Change& change : step.changes[index_of(layer.layer().inputs[i])]) {
            overlay_[i][change.channel * plane + change.pixel] = 0;
        }
    }
}

void SimpleDelta::mark_outputs(const SimpleLayer& layer, const LayerStep& step) {
    const std::int64_t channels = layer.output().channels;
    const std::int64_t plane = layer.output().plane();
    reached_.reserve(layer.output().elements());
    const auto mark = [&](const SimpleLayer::Element& out) {
        reached_.insert(out.pixel * channels + out.channel);
    };
    for (std::size_t i = 0; i < layer.inputs().size(); ++i) {
        for (const Change& change : step.changes[index_of(layer.layer().inputs[i])]) {
            layer.for_each_reader(i, {change.channel, change.pixel}, mark);
        }
    }
    if (step.fault != nullptr) {
        for (const OperandChange& change : step.fault->operands) {
            const std::int64_t from = layer.inputs()[static_cast<std::size_t>(change.input)].plane();
            const SimpleLayer::Element element = {static_cast<std::int32_t>(change.element / from),
                                                  static_cast<std::int32_t>(change.element % from)};
            layer.for_each_reader(static_cast<std::size_t>(change.input), element, mark);
        }
        for (const OutputFlip& flip : step.fault->outputs) {
            reached_.insert(flip.index % plane * channels + flip.index / plane);
        }
        if (!step.fault->parameters.empty()) {
            reached_.insert_all(layer.output().elements());
        }
    }
    reached_.take(outputs_);
}

void SimpleDelta::compute(const SimpleLayer& layer, const LayerStep& step) {
    parameters_.assign(layer.layer(), step.fault);
    const std::int32_t channels = layer.output().channels;
    const std::int64_t plane = layer.output().plane();
    const auto actual = [&](std::size_t input, std::int64_t element) {
        const std::int32_t golden = step.golden.tensors[index_of(layer.layer().inputs[input])][element];
        return static_cast<std::int32_t>(static_cast<std::uint32_t>(golden) +
                                         static_cast<std::uint32_t>(overlay_[input][element]));
    };
    const bool operands = step.fault != nullptr && !step.fault->operands.empty();
    codes_.clear();
    codes_.reserve(outputs_.size());
    for (const std::int32_t number : outputs_) {
        const SimpleLayer::Element out = {number % channels, number / channels};
        if (!operands) {
            codes_.push_back(layer.evaluate(out, parameters_, actual));
            continue;
        }
        const std::int64_t index = out.channel * plane + out.pixel;
        codes_.push_back(layer.evaluate(out, parameters_, [&](std::size_t input, std::int64_t element) {
            std::int32_t code = actual(input, element);
            for (const OperandChange& change : step.fault->operands) {
                const bool seen = index >= change.first_output && index < change.last_output;
                if (seen && change.element == element && change.input == static_cast<std::int32_t>(input)) {
                    code = change.code;
                }
            }
            return code;
        }));
    }
}

std::int32_t& SimpleDelta::code_of(const SimpleLayer& layer, std::int64_t index) {
    const std::int64_t plane = layer.output().plane();
    return codes_[place_[index % plane * layer.output().channels + index / plane]];
}

// The fault-free code of an element in front of range restriction.
std::int32_t SimpleDelta::fault_free_code(const SimpleLayer& layer, const LayerStep& step,
                                          SimpleLayer::Element out) {
    Parameters parameters;
    parameters.assign(layer.layer(), nullptr);
    return layer.evaluate(out, parameters, [&](std::size_t input, std::int64_t element) {
        return step.golden.tensors[index_of(layer.layer().inputs[input])][static_cast<std::size_t>(element)];
    });
}

// Output flips, then range restriction.
void SimpleDelta::strike_codes(const SimpleLayer& layer, const LayerStep& step) {
    if (step.fault != nullptr) {
        place_.resize(std::max(place_.size(), static_cast<std::size_t>(layer.output().elements())));
        for (std::size_t i = 0; i < outputs_.size(); ++i) {
            place_[outputs_[i]] = static_cast<std::int32_t>(i);
        }
        for (const OutputFlip& flip : step.fault->outputs) {
            std::int32_t& code = code_of(layer, flip.index);
            code = flip_bits(layer.output_format(), code, flip.mask);
        }
    }
    if (step.bounds != nullptr) {
        for (std::size_t i = 0; i < outputs_.size(); ++i) {
            const SimpleLayer::Element out = {outputs_[i] % layer.output().channels,
                                              outputs_[i] / layer.output().channels};
            const std::int32_t kept = bounded(*step.bounds, out.channel, codes_[i]);
            if (kept != codes_[i]) {
                step.restricted += codes_[i] != fault_free_code(layer, step, out) ? 1 : 0;
                codes_[i] = kept;
            }
        }
    }
}

void SimpleDelta::emit(const SimpleLayer& layer, const LayerStep& step) {
    const Codes& golden = step.golden_output;
    const std::int32_t channels = layer.output().channels;
    const std::int64_t plane = layer.output().plane();
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        const std::int32_t pixel = outputs_[i] / channels;
        const std::int32_t channel = outputs_[i] % channels;
        const std::int32_t was = golden[channel * plane + pixel];
        if (codes_[i] != was) {
            step.output.push_back({pixel, channel, codes_[i], was});
        }
    }
}

}  // namespace fluence::arith
