// Machines that the tests of this folder run.
#pragma once

#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/core/random.h"
#include "sim/protect/policy.h"
#include "tests/support/graph_builder.h"

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

// One code in every memory.
inline protect::Policy with_codes(const std::string& code) {
    protect::Policy policy;
    policy.name = code;
    for (protect::MemoryPart& part : policy.memory) {
        part.code = code;
    }
    return policy;
}

// Two convolutions, of 6 and 5 channels, and a classifier.
inline workloads::Graph two_convolutions(RandomStream& stream) {
    GraphBuilder builder("convolutions", stream, {3, 6, 6}, workloads::NumberFormat::u8);
    GraphBuilder::ConvOptions options;
    options.window.kernel_h = options.window.kernel_w = 3;
    const TensorId first = builder.conv(builder.input(), 6, options);
    const TensorId second = builder.conv(first, 5, options);
    builder.logits(builder.flatten(second), 4);
    return builder.finish();
}

// Every timing convention, odd sizes, words of 16 to 128 bits, and buffers so small that layers fall into
// many tiles and weight chunks.
inline std::vector<AcceleratorConfig> test_machines() {
    constexpr auto input = OperandRegister::input;
    constexpr auto output = OperandRegister::output;
    AcceleratorConfig rows = machine("4x4-rows", {4, 4, 512, 1024, 1024, 32, 32, 4});
    rows.dram.row_bytes = 64;
    rows.dram.row_miss = Cycles(11);
    rows.dram.burst_bytes = 16;
    AcceleratorConfig kept = machine("8x8-kept", {8, 8, 2048, 16384, 16384, 32, 32, 8});
    kept.activation_buffer.keep_activations = true;
    kept.weight_buffer.banks = kept.activation_buffer.banks = kept.output_buffer.banks = 1;
    return {
        machine("4x4", {}),
        machine("8x3-serial", {8, 3, 1024, 2048, 2048, 64, 64, 4}, output, false),
        machine("16x16-input", {16, 16, 8192, 16384, 32768, 64, 128, 16}, input, true),
        machine("5x7-input-serial", {5, 7, 512, 2048, 4096, 16, 32, 1}, input, false),
        machine("4x4-tiny", {4, 4, 64, 1024, 512, 64, 32, 8}, output, true),
        machine("4x4-tiny-16", {4, 4, 32, 700, 300, 16, 32, 3}, input, true),
        machine("1x1", {1, 1, 32, 1024, 256, 8, 32, 2}, output, true),
        machine("3x20-128", {3, 20, 2048, 4096, 4096, 128, 32, 24}, output, false),
        rows,
        kept,
    };
}

// A machine of any dataflow and any timing convention that central control knows, with a 1×1 to 9×9 array,
// and from so small to so large buffers that a layer falls into many tiles or none.
inline AcceleratorConfig random_machine(RandomStream& stream) {
    const auto between = [&](std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(high - low + 1)));
    };
    const auto chance = [&] { return stream.below(2) == 0; };
    const int word_bits = 8 << between(0, 4);
    MachineSize size;
    size.rows = static_cast<int>(between(1, 9));
    size.cols = static_cast<int>(between(1, 9));
    size.word_bits = word_bits;
    size.output_word_bits = 32 << between(0, 2);
    size.bytes_per_cycle = static_cast<int>(between(1, 20));
    size.weight_bytes = between(1, 16) << between(5, 9);
    size.activation_bytes = between(1, 16) << between(6, 9);
    size.output_bytes = between(2, 16) << between(6, 9);
    AcceleratorConfig config = machine("random", size);
    config.vector_unit.lanes = static_cast<int>(between(1, 5));
    ArrayConfig& array = config.array;
    static constexpr const char* kDataflows[] = {"weight-stationary", "output-stationary",
                                                 "input-stationary"};
    array.dataflow = kDataflows[between(0, 2)];
    const bool stationary_sum = array.dataflow_kind() == DataflowKind::output_stationary;
    array.operand_register = chance() ? OperandRegister::input : OperandRegister::output;
    array.shadow_weights = chance() && !stationary_sum;
    array.preload = chance() ? Preload::overlapped : Preload::serial;
    array.multiplier_stages = static_cast<int>(between(0, 2));
    array.accumulator_stages = stationary_sum ? static_cast<int>(between(1, 3)) : 1;
    array.drain = chance() ? Drain::shift : Drain::parallel;
    array.skew = chance() ? Skew::external : Skew::internal;
    array.partial_folds = chance() ? PartialFolds::actual : PartialFolds::full;
    if (stream.below(4) == 0) {  // Gemmini's mesh or tiny-tpu's array
        const bool gemmini = chance() || stationary_sum;
        array.control = ArrayControl::travelling;
        array.operand_register = gemmini ? OperandRegister::input : OperandRegister::output;
        array.shadow_weights = gemmini && !stationary_sum;
        array.multiplier_stages = 0;
        array.accumulator_stages = 1;
        array.drain = Drain::shift;
        array.skew = Skew::external;
    }
    array.accumulator_bits = chance() ? 32 : static_cast<int>(between(16, 31));
    array.overflow =
        chance() || array.control == ArrayControl::travelling ? Overflow::wrap : Overflow::saturate;
    array.fold_overhead = Cycles(between(0, 1) * between(0, 6));
    array.single_edge_saving = Cycles(between(0, array.fold_overhead.count()));
    for (BufferConfig* buffer : {&config.weight_buffer, &config.activation_buffer, &config.output_buffer}) {
        buffer->banks = static_cast<int>(between(1, 2));
        buffer->ports = static_cast<int>(between(1, 2));
    }
    config.activation_buffer.keep_activations = chance();
    if (chance()) {
        config.dram.burst_bytes = config.dram.word_bytes() << between(0, 3);
        config.dram.row_bytes = config.dram.burst_bytes << between(0, 3);
        config.dram.row_miss = Cycles(between(0, 20));
    }
    return config;
}

}  // namespace fluence::test
