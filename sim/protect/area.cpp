#include "sim/protect/area.h"

#include <algorithm>
#include <cstdint>

#include "sim/cost/logic.h"
#include "sim/cost/sram.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/suppressor_area.h"

namespace fluence::protect {
namespace {

constexpr int kOperandBits = 8;
constexpr int kAccumulatorBits = 32;
constexpr int kAccumulatorBytes = kAccumulatorBits / 8;
constexpr int kMultiplierBits = 31;  // of the requantiser
constexpr int kDramAddressBits = 32;

GateEquivalents times(std::int64_t count, GateEquivalents area) {
    return area * static_cast<double>(count);
}

int ceil_div(int a, int b) {
    return (a + b - 1) / b;
}

AreaNode leaf(const std::string& name, GateEquivalents area) {
    return {name, area, false, {}};
}
AreaNode protection(const std::string& name, GateEquivalents area) {
    return {name, area, true, {}};
}

AreaNode sum(const std::string& name, std::vector<AreaNode> parts) {
    AreaNode node{name, {}, false, std::move(parts)};
    node.parts.erase(std::remove_if(node.parts.begin(), node.parts.end(),
                                    [](const AreaNode& part) { return part.area == GateEquivalents(); }),
                     node.parts.end());
    for (const AreaNode& part : node.parts) {
        node.area += part.area;
    }
    node.protection =
        !node.parts.empty() && std::all_of(node.parts.begin(), node.parts.end(),
                                           [](const AreaNode& part) { return part.protection; });
    return node;
}

AreaNode array_area(const ArrayConfig& array) {
    const GateEquivalents pe = array.shadow_weights
                                   ? cost::pe_weight_stationary_shadow(kOperandBits, kAccumulatorBits)
                                   : cost::pe_weight_stationary(kOperandBits, kAccumulatorBits);
    return sum("PE array", {leaf("PEs", times(std::int64_t{array.rows} * array.cols, pe)),
                            leaf("accumulation", times(array.cols, cost::adder(kAccumulatorBits)))});
}

AreaNode vector_unit_area(const AcceleratorConfig& config, const Policy& policy) {
    const VectorUnitConfig& unit = config.vector_unit;
    const int stages = static_cast<int>(unit.pipeline_depth.count());
    std::vector<AreaNode> parts = {
        leaf("requantise and ReLU", times(unit.lanes, cost::requantiser(kAccumulatorBits, kMultiplierBits))),
        leaf("add and pool", times(unit.lanes, cost::adder(kAccumulatorBits) + cost::adder(kOperandBits) +
                                                   cost::multiplexers(kOperandBits))),
        leaf("pipeline registers", times(unit.lanes, cost::flipflops(stages * kAccumulatorBits)))};
    if (policy.range) {
        const bool clamp = policy.range->mode == RangePart::Mode::clamp;
        const GateEquivalents lane =
            clamp ? cost::range_clamp_with_thresholds(kOperandBits)
                  : cost::range_zero(kOperandBits) + cost::enabled_flipflops(2 * kOperandBits);
        parts.push_back(
            protection("range restriction", times(unit.lanes, lane + cost::flipflops(kOperandBits))));
    }
    for (AreaNode& part : suppressor_area(config, policy)) {
        parts.push_back(std::move(part));
    }
    return sum("vector unit", std::move(parts));
}

// How many words of a memory are written and read in one cycle.
struct Ports {
    int encoders = 0;
    int decoders = 0;
};

Ports ports_of(const AcceleratorConfig& config, Memory memory) {
    const int dram = ceil_div(config.dram.bytes_per_cycle, config.dram.word_bytes());
    const int word = config.output_buffer.word_bytes();
    switch (memory) {
        case Memory::dram:
            return {dram, dram};
        case Memory::weight_buffer:
            return {dram, ceil_div(config.array.cols, config.weight_buffer.word_bytes())};
        case Memory::activation_buffer:
            return {std::max(dram, ceil_div(config.vector_unit.lanes, config.activation_buffer.word_bytes())),
                    config.array.rows};
        case Memory::output_buffer: {
            const int accumulated = ceil_div(kAccumulatorBytes * config.array.cols, word);
            return {accumulated, accumulated + ceil_div(kAccumulatorBytes * config.vector_unit.lanes, word)};
        }
    }
    return {};
}

// Reads, corrects and writes back a word a period, in cycles in which the machine may use its own codecs:
// two counters (of cycles and of addresses), the comparator of the first, an encoder and a decoder.
GateEquivalents scrubber_area(const MemoryPart& part, const MemoryCode& code, int word_bits,
                              int address_bits) {
    if (part.scrub_period.count() == 0) {
        return {};
    }
    const int period_bits = std::max(1, cost::growth_bits(static_cast<int>(part.scrub_period.count())));
    GateEquivalents area = cost::equality_comparator(period_bits);
    for (const int bits : {period_bits, address_bits}) {
        area += cost::flipflops(bits) + cost::adder(bits);
    }
    return area + code.encoder_area(word_bits) + code.decoder_area(word_bits);
}

// Encoders, decoders and scrubber of a memory; no nodes where it has no code.
std::vector<AreaNode> codecs(const AcceleratorConfig& config, const Policy& policy, Memory memory,
                             int word_bits, int address_bits) {
    const MemoryPart& part = policy.memory[index_of(memory)];
    const MemoryCode& code = memory_code(part.code);
    const Ports ports = ports_of(config, memory);
    return {protection(std::string(code.name()) + " encoders",
                       times(ports.encoders, code.encoder_area(word_bits))),
            protection(std::string(code.name()) + " decoders",
                       times(ports.decoders, code.decoder_area(word_bits))),
            protection("scrubber", scrubber_area(part, code, word_bits, address_bits))};
}

AreaNode buffer_area(const AcceleratorConfig& config, const Policy& policy, Memory memory,
                     const std::string& name, const BufferConfig& buffer) {
    const std::int64_t words = buffer.half().count() / buffer.word_bytes();
    const GateEquivalents plain = times(2, cost::sram(words, buffer.word_bits));
    const GateEquivalents stored = times(2, cost::sram(words, stored_bits(policy, memory, buffer.word_bits)));
    std::vector<AreaNode> parts = {leaf("data", plain), protection("check columns", stored - plain)};
    const int address_bits = std::max(1, cost::growth_bits(static_cast<int>(2 * words)));
    for (AreaNode& codec : codecs(config, policy, memory, buffer.word_bits, address_bits)) {
        parts.push_back(std::move(codec));
    }
    return sum(name, std::move(parts));
}

// A column of PEs, the memory of its sums (one a pixel in each half of the output buffer) with their
// accumulating adder, and what compares them with the sum of the drained accumulators.
AreaNode checksum_area(const AcceleratorConfig& config, const Policy& policy) {
    const int cols = config.array.cols;
    const int width = kAccumulatorBits + cost::growth_bits(cols);
    const std::int64_t pixels = std::max<std::int64_t>(
        1, config.output_buffer.half().count() / (std::int64_t{kAccumulatorBytes} * cols));
    std::vector<AreaNode> parts = {
        protection("PEs", times(config.array.rows, cost::checksum_pe(kOperandBits, kAccumulatorBits, cols))),
        protection("sums", times(2, cost::sram(pixels, width)) + cost::adder(width)),
        protection("adder tree", cost::adder_tree(cols, kAccumulatorBits)),
        protection("comparator", cost::equality_comparator(width) + cost::flipflops(width))};
    if (policy.zero) {
        constexpr double kAnd2 = 1.333;
        parts.push_back(protection("zero on detection",
                                   GateEquivalents(kAnd2 * kOperandBits * config.vector_unit.lanes)));
    }
    return sum("checksum", std::move(parts));
}

}  // namespace

AreaNode area_of(const AcceleratorConfig& config, const Policy& policy) {
    AreaNode array = array_area(config.array);
    AreaNode vector_unit = vector_unit_area(config, policy);
    const GateEquivalents logic = array.area + vector_unit.area - added_area(vector_unit);
    std::vector<AreaNode> parts = {
        std::move(array),
        std::move(vector_unit),
        buffer_area(config, policy, Memory::weight_buffer, "weight buffer", config.weight_buffer),
        buffer_area(config, policy, Memory::activation_buffer, "activation buffer", config.activation_buffer),
        buffer_area(config, policy, Memory::output_buffer, "output buffer", config.output_buffer),
        sum("DRAM interface", codecs(config, policy, Memory::dram, config.dram.word_bits, kDramAddressBits)),
        leaf("controller and DMA", logic * kControlShare)};
    if (policy.checksum) {
        parts.push_back(checksum_area(config, policy));
    }
    return sum("accelerator", std::move(parts));
}

GateEquivalents added_area(const AreaNode& node) {
    if (node.protection) {
        return node.area;
    }
    GateEquivalents area;
    for (const AreaNode& part : node.parts) {
        area += added_area(part);
    }
    return area;
}

double dram_check_share(const AcceleratorConfig& config, const Policy& policy) {
    const int data = config.dram.word_bits;
    return static_cast<double>(stored_bits(policy, Memory::dram, data) - data) / data;
}

}  // namespace fluence::protect
