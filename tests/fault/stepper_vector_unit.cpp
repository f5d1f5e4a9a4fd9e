// Where operands lie, and what the vector unit makes of them (workloads/graph.h).
#include <algorithm>
#include <limits>
#include <stdexcept>

#include "tests/fault/stepper_machine.h"

namespace fluence::test {

std::int64_t Stepper::Machine::buffer_word(int load, std::int64_t dram_word) const {
    for (const Segment& segment : timeline.loads.at(static_cast<std::size_t>(load)).segments) {
        if (dram_word >= segment.dram_word && dram_word < segment.dram_word + segment.words) {
            return segment.buffer_word + dram_word - segment.dram_word;
        }
    }
    throw std::logic_error("timeline: a word is read that its load does not bring");
}

std::uint32_t Stepper::Machine::operand(int load, TensorId tensor, std::int64_t element) {
    const WordBits word =
        activation_buffer.read(buffer_word(load, model.map_.activation_word(tensor, element)));
    return get_bits(word, model.map_.activation_bit(tensor, element), 8);
}

std::int64_t Stepper::Machine::gemm_element(const Fold& fold, std::int64_t m, int row) const {
    const Layer& layer = graph.layer(fold.layer);
    const std::int64_t k = std::int64_t{fold.k_fold} * rows + row;
    const Shape& in = graph.tensor(layer.inputs[0]).shape;
    const std::int64_t images = in.images;
    if (layer.kind == OpKind::linear) {
        const std::int64_t of_image = std::int64_t{in.height} * in.width;
        return (k / of_image * images + fold.first_pixel + m) * of_image + k % of_image;
    }
    const Shape& out = graph.tensor(layer.output).shape;
    const workloads::Window& w = layer.window;
    const std::int64_t taps = std::int64_t{w.kernel_h} * w.kernel_w;
    const std::int64_t pixel = fold.first_pixel + m;
    const std::int64_t image = pixel / out.width / out.height;
    const std::int64_t y =
        pixel / out.width % out.height * w.stride_h - w.pad_h + k % taps / w.kernel_w * w.dilation_h;
    const std::int64_t x = pixel % out.width * w.stride_w - w.pad_w + k % w.kernel_w * w.dilation_w;
    if (y < 0 || y >= in.height || x < 0 || x >= in.width) {
        return -1;
    }
    const std::int64_t channel = fold.group * (in.channels / layer.groups) + k / taps;
    return ((channel * images + image) * in.height + y) * in.width + x;
}

std::uint32_t Stepper::Machine::parameter(const Layer& layer, LayerId id, int which,
                                          std::size_t index) const {
    const int word_bits = model.config_.dram.word_bits;
    const auto words = [&](std::size_t values, int bytes) {
        return (static_cast<std::int64_t>(values) * 8 * bytes + word_bits - 1) / word_bits;
    };
    const std::int64_t first = model.map_.parameters(id).first_word +
                               (which > 0 ? words(layer.bias.size(), 4) : 0) +
                               (which > 1 ? words(layer.multiplier.size(), 4) : 0);
    const int bytes = which == 2 ? 1 : 4;
    std::uint32_t value = 0;
    for (int b = 0; b < bytes; ++b) {
        const std::int64_t bit = 8 * (static_cast<std::int64_t>(index) * bytes + b);
        value |= get_bits(parameters.at(first + bit / word_bits), static_cast<int>(bit % word_bits), 8)
                 << (8 * b);
    }
    return value;
}

std::int32_t Stepper::Machine::requantise(const Layer& layer, LayerId id, std::int64_t acc,
                                          std::size_t index) const {
    const auto multiplier = static_cast<std::int32_t>(parameter(layer, id, 1, index));
    const auto shift = static_cast<std::uint8_t>(parameter(layer, id, 2, index));
    const std::int64_t value = workloads::rescale(acc, multiplier, shift);
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, layer.clamp_lo, layer.clamp_hi));
}

void Stepper::Machine::produce(const VectorPass& pass, std::int64_t i) {
    const Layer& layer = graph.layer(pass.layer);
    const Shape& shape = graph.tensor(layer.output).shape;
    Codes& codes = result.tensors[index_of(layer.output)];
    if (!layer.has_macs()) {
        const std::int64_t out = pass.first_element + i;
        codes[static_cast<std::size_t>(out)] = combine(pass, out);
        return;
    }
    const workloads::GemmShape gemm = gemm_shape(graph, layer);
    const std::int64_t channel = pass.group * gemm.n + std::int64_t{pass.n_fold} * cols + i / pass.pixels;
    const auto n = static_cast<std::size_t>(channel);
    const std::uint32_t acc = read_accumulator(pass.accumulator + i) + parameter(layer, pass.layer, 0, n);
    codes[static_cast<std::size_t>(channel * shape.plane() + pass.first_pixel + i % pass.pixels)] =
        requantise(layer, pass.layer, static_cast<std::int32_t>(acc), n);
}

// One output of a layer without MACs, from operands read out of the activation buffer.
std::int32_t Stepper::Machine::combine(const VectorPass& pass, std::int64_t out) {
    const Layer& layer = graph.layer(pass.layer);
    const Shape& to = graph.tensor(layer.output).shape;
    const std::int64_t channel = out / to.plane();
    const std::int64_t image = out % to.plane() / to.width / to.height;
    const std::int64_t y = out % to.plane() / to.width % to.height;
    const std::int64_t x = out % to.width;
    const auto read = [&](std::size_t input, std::int64_t element) {
        const TensorId tensor = layer.inputs[input];
        return as_code(graph.tensor(tensor).format, operand(pass.operand_loads.at(input), tensor, element));
    };
    const Shape& from = graph.tensor(layer.inputs[0]).shape;
    const workloads::Window& w = layer.window;
    if (layer.kind == OpKind::add) {
        std::uint64_t acc = 0;
        for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
            const auto multiplier = static_cast<std::int32_t>(parameter(layer, pass.layer, 1, i));
            acc += static_cast<std::uint64_t>(std::int64_t{multiplier} * read(i, out));
        }
        const auto shift = static_cast<std::uint8_t>(parameter(layer, pass.layer, 2, 0));
        const std::int64_t value = workloads::rescale(static_cast<std::int64_t>(acc), 1, shift);
        return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, layer.clamp_lo, layer.clamp_hi));
    }
    if (layer.kind == OpKind::concat) {
        std::size_t input = 0;
        std::int64_t element = out;
        for (; element >= graph.tensor(layer.inputs[input]).shape.elements(); ++input) {
            element -= graph.tensor(layer.inputs[input]).shape.elements();
        }
        return requantise(layer, pass.layer, read(input, element), input);
    }
    if (layer.kind == OpKind::subsample) {
        const std::int64_t source = channel - layer.channels_before;
        if (source < 0 || source >= from.channels) {
            return 0;
        }
        // The matrix (groups, columns) of channels transposed.
        const std::int64_t columns = from.channels / layer.groups;
        const std::int64_t at = source % layer.groups * columns + source / layer.groups;
        return read(
            0, ((at * from.images + image) * from.height + y * w.stride_h) * from.width + x * w.stride_w);
    }
    std::int32_t best = std::numeric_limits<std::int32_t>::min();
    std::int64_t total = 0;
    for (int ky = 0; ky < w.kernel_h; ++ky) {
        for (int kx = 0; kx < w.kernel_w; ++kx) {
            const std::int64_t iy = y * w.stride_h - w.pad_h + std::int64_t{ky} * w.dilation_h;
            const std::int64_t ix = x * w.stride_w - w.pad_w + std::int64_t{kx} * w.dilation_w;
            if (iy >= 0 && iy < from.height && ix >= 0 && ix < from.width) {
                const std::int64_t row = (channel * from.images + image) * from.height + iy;
                const std::int32_t code = read(0, row * from.width + ix);
                best = std::max(best, code);
                total += code;
            }
        }
    }
    return layer.kind == OpKind::max_pool ? best : requantise(layer, pass.layer, total, 0);
}

WordBits Stepper::Machine::stored_word(TensorId tensor, std::int64_t word) const {
    const Codes& codes = result.tensors[index_of(tensor)];
    WordBits bits;
    for (const Control::Byte& part : model.control_->activation_bytes.at(word)) {
        set_bits(bits, part.bit, 8, static_cast<std::uint32_t>(codes[part.element]) >> (8 * part.byte));
    }
    return bits;
}

}  // namespace fluence::test
