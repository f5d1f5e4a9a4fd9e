#include "sim/words/stepped_image.h"

#include <string>

#include "sim/core/error.h"

namespace fluence::words {
namespace {

void put_weights(const SteppedScript& script, std::size_t layer, SteppedMemory& dram) {
    const Words& weights = script.graph.layers[layer].weights;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const auto index = static_cast<std::int64_t>(i);
        const std::int64_t byte = script.map.weight_word(layer_id(layer), index) * script.map.word_bytes() +
                                  script.map.weight_bit(layer_id(layer), index) / 8;
        dram.write(byte, script.widths.operand, weights[i]);
    }
}

// Biases, then shifts on a new word.
void put_parameters(const SteppedScript& script, std::size_t layer, SteppedMemory& dram) {
    const std::int64_t unit = script.map.word_bytes();
    std::int64_t byte = script.map.parameters(layer_id(layer)).first_word * unit;
    for (const Word bias : script.graph.layers[layer].bias) {
        dram.write(byte, script.widths.bias, bias);
        byte += script.widths.bias;
    }
    byte = (byte + unit - 1) / unit * unit;
    for (const int shift : workloads::stored_shifts(script.graph, layer)) {
        dram.write(byte++, 1, static_cast<std::uint8_t>(shift));
    }
}

}  // namespace

void put_image(const SteppedScript& script, const Words& image, SteppedMemory& dram) {
    const dataflow::TensorLayout& input = script.layout(script.structure.input);
    if (static_cast<std::int64_t>(image.size()) != input.elements()) {
        throw InputError(script.structure.name, "image",
                         "has " + std::to_string(image.size()) + " words, and the network's input has " +
                             std::to_string(input.elements()));
    }
    for (std::size_t i = 0; i < script.structure.layers.size(); ++i) {
        put_weights(script, i, dram);
        put_parameters(script, i, dram);
    }
    for (std::int64_t e = 0; e < input.elements(); ++e) {
        dram.write(input.byte(e), script.widths.operand, image[static_cast<std::size_t>(e)]);
    }
}

Words words_of(const SteppedScript& script, TensorId tensor, const ReadBytes& read) {
    const dataflow::TensorLayout& layout = script.layout(tensor);
    Words words;
    for (std::int64_t e = 0; e < layout.elements(); ++e) {
        words.push_back(static_cast<Word>(read(layout.byte(e), script.widths.operand)));
    }
    return words;
}

}  // namespace fluence::words
