// Random machines of words.
#pragma once

#include <string>

#include "sim/core/accelerator_config.h"
#include "sim/core/random.h"
#include "sim/words/machine_check.h"
#include "tests/accel/machines.h"
#include "workloads/word_graph.h"

namespace fluence::test {

// Central control, sums of the default width, any dataflow, any timing convention, any words and buffers.
inline AcceleratorConfig random_word_machine(workloads::WordFormat format, RandomStream& stream) {
    AcceleratorConfig config = random_machine(stream);
    while (config.array.control != ArrayControl::central) {
        config = random_machine(stream);
    }
    config.array.format = words::machine_format(format);
    const StoredWidths widths = stored_widths(config.array.format);
    config.array.operand_bits = 8 * widths.operand;
    const bool floats = is_float(config.array.format);
    config.array.accumulator_bits = floats ? 32 : format == workloads::WordFormat::fxp16 ? 48 : 80;
    config.array.overflow = floats ? Overflow::wrap : config.array.overflow;
    const auto word_bits = [&](int bytes) {
        int bits = 8 * bytes;
        while (bits < 128 && stream.below(2) == 0) {
            bits *= 2;
        }
        return bits;
    };
    config.dram.word_bits = word_bits(widths.operand);
    config.weight_buffer.word_bits = config.activation_buffer.word_bits = config.dram.word_bits;
    config.output_buffer.word_bits = word_bits(widths.sum);
    if (config.dram.row_bytes > 0) {
        config.dram.burst_bytes = config.dram.word_bytes() << stream.below(3);
        config.dram.row_bytes = config.dram.burst_bytes << stream.below(3);
    }
    const auto resize = [&](BufferConfig& buffer, int bytes) {  // whole words in both halves
        const std::int64_t unit = 2 * buffer.word_bytes();
        buffer.size = Bytes((buffer.size.count() * bytes + unit - 1) / unit * unit);
    };
    resize(config.weight_buffer, widths.operand);
    resize(config.activation_buffer, widths.operand);
    resize(config.output_buffer, widths.sum / 4);
    return config;
}

}  // namespace fluence::test
