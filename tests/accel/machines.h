// Machines that the tests of this folder run.
#pragma once

#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"

namespace fluence::test {

struct MachineSize {
    int rows = 4, cols = 4;
    std::int64_t weight_bytes = 4096, activation_bytes = 4096, output_bytes = 8192;
    int word_bits = 64;
    int output_word_bits = 32;
    int bytes_per_cycle = 8;
};

inline AcceleratorConfig machine(const std::string& name, const MachineSize& size,
                                 OperandRegister operand_register = OperandRegister::output,
                                 bool shadow = true) {
    AcceleratorConfig config;
    config.name = name;
    config.clock_mhz = 300;  // not a whole number of picoseconds
    config.array = {size.rows, size.cols, "weight-stationary", operand_register, shadow};
    config.weight_buffer = {Bytes(size.weight_bytes), size.word_bits};
    config.activation_buffer = {Bytes(size.activation_bytes), size.word_bits};
    config.output_buffer = {Bytes(size.output_bytes), size.output_word_bits};
    config.dram = {size.word_bits, size.bytes_per_cycle, Cycles(7)};
    config.vector_unit = {4, Cycles(3)};
    return config;
}

// Every timing convention, odd sizes, words of 16 to 128 bits, and buffers so small that layers fall into
// many tiles and weight chunks.
inline std::vector<AcceleratorConfig> test_machines() {
    constexpr auto input = OperandRegister::input;
    constexpr auto output = OperandRegister::output;
    return {
        machine("4x4", {}),
        machine("8x3-serial", {8, 3, 1024, 2048, 2048, 64, 64, 4}, output, false),
        machine("16x16-input", {16, 16, 8192, 16384, 32768, 64, 128, 16}, input, true),
        machine("5x7-input-serial", {5, 7, 512, 2048, 4096, 16, 32, 1}, input, false),
        machine("4x4-tiny", {4, 4, 64, 1024, 512, 64, 32, 8}, output, true),
        machine("4x4-tiny-16", {4, 4, 32, 700, 300, 16, 32, 3}, input, true),
        machine("1x1", {1, 1, 32, 1024, 256, 8, 32, 2}, output, true),
        machine("3x20-128", {3, 20, 2048, 4096, 4096, 128, 32, 24}, output, false),
    };
}

}  // namespace fluence::test
