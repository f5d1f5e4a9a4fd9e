#include "sim/protect/area.h"

#include <algorithm>
#include <cstdint>

#include "sim/cost/logic.h"
#include "sim/cost/sram.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/selective_code.h"

namespace fluence::protect {
namespace {

using cost::added_part;
using cost::area_part;
using cost::area_sum;
using cost::AreaNode;
using cost::times;

constexpr int kSumBits = 32;     // of an accumulator in the output buffer
constexpr int kElementBits = 8;  // of the vector unit's results
constexpr int kDramAddressBits = 32;
constexpr int kChecksumBanks = 3;  // dataflow/checksum_column.h

int ceil_div(int a, int b) {
    return (a + b - 1) / b;
}

// How many words of a memory are written and read in one cycle.
struct Ports {
    int encoders = 0;
    int decoders = 0;
};

int weight_reads(const ArrayConfig& array, int word_bytes) {
    switch (array.dataflow_kind()) {
        case DataflowKind::weight_stationary:
            return ceil_div(array.cols, word_bytes);
        case DataflowKind::output_stationary:
            return array.cols;
        case DataflowKind::input_stationary:
            return array.rows;
    }
    return 0;
}

Ports ports_of(const AcceleratorConfig& config, Memory memory) {
    const ArrayConfig& array = config.array;
    const int dram = ceil_div(config.dram.bytes_per_cycle, config.dram.word_bytes());
    switch (memory) {
        case Memory::dram:
            return {dram, dram};
        case Memory::weight_buffer:
            return {dram, weight_reads(array, config.weight_buffer.word_bytes())};
        case Memory::activation_buffer: {
            const int written = ceil_div(config.vector_unit.lanes, config.activation_buffer.word_bytes());
            const bool kept = array.dataflow_kind() == DataflowKind::input_stationary;
            return {std::max(dram, written), kept ? array.cols : array.rows};
        }
        case Memory::output_buffer: {
            const int word = config.output_buffer.word_bytes();
            const int sum = stored_widths(array.format).sum;
            const int accumulated = ceil_div(sum * sums_per_cycle(array), word);
            return {accumulated, accumulated + ceil_div(sum * config.vector_unit.lanes, word)};
        }
    }
    return {};
}

// Reads, corrects and writes back a word a period, in cycles in which the machine may use its own codecs:
// two counters (of cycles and of addresses), the comparator of the first, an encoder and a decoder.
GateEquivalents scrubber_area(const MemoryPart& part, GateEquivalents codec, int address_bits) {
    if (part.scrub_period.count() == 0) {
        return {};
    }
    const int period_bits = std::max(1, cost::growth_bits(static_cast<int>(part.scrub_period.count())));
    GateEquivalents area = cost::equality_comparator(period_bits);
    for (const int bits : {period_bits, address_bits}) {
        area += cost::flipflops(bits) + cost::adder(bits);
    }
    return area + codec;
}

// Encoders, decoders and scrubber of a memory; no nodes where it has no code.
std::vector<AreaNode> codecs(const AcceleratorConfig& config, const Policy& policy, Memory memory,
                             int word_bits, int address_bits) {
    const Ports ports = ports_of(config, memory);
    const MemoryPart& part = policy.memory[index_of(memory)];
    std::string name = part.code;
    GateEquivalents encoder{}, decoder{};
    if (is_selective(policy, memory)) {
        const SelectiveCode code(word_bits);
        const int slots = selective_slots(policy, memory, word_bits);
        name = "selective-ecc";
        encoder = code.encoder_area(slots);
        decoder = code.decoder_area(slots);
    } else {
        const MemoryCode& code = memory_code(part.code);
        encoder = code.encoder_area(word_bits);
        decoder = code.decoder_area(word_bits);
    }
    return {added_part(name + " encoders", times(ports.encoders, encoder)),
            added_part(name + " decoders", times(ports.decoders, decoder)),
            added_part("scrubber", scrubber_area(part, encoder + decoder, address_bits))};
}

}  // namespace

int sums_per_cycle(const ArrayConfig& array) {
    if (array.dataflow_kind() != DataflowKind::output_stationary ||
        array.control == ArrayControl::travelling) {
        return array.cols;
    }
    return array.drain == Drain::shift ? array.rows : std::min(array.rows, array.cols);
}

AreaNode buffer_area(const AcceleratorConfig& config, const Policy& policy, Memory memory,
                     const std::string& name, const BufferConfig& buffer) {
    const std::int64_t words = buffer.half().count() / buffer.word_bytes();
    const GateEquivalents plain = times(2, cost::sram(words, buffer.word_bits));
    const GateEquivalents stored = times(2, cost::sram(words, stored_bits(policy, memory, buffer.word_bits)));
    std::vector<AreaNode> parts = {area_part("data", plain), added_part("check columns", stored - plain)};
    const int address_bits = std::max(1, cost::growth_bits(static_cast<int>(2 * words)));
    for (AreaNode& codec : codecs(config, policy, memory, buffer.word_bits, address_bits)) {
        parts.push_back(std::move(codec));
    }
    return area_sum(name, std::move(parts));
}

AreaNode dram_interface_area(const AcceleratorConfig& config, const Policy& policy) {
    return area_sum("DRAM interface",
                    codecs(config, policy, Memory::dram, config.dram.word_bits, kDramAddressBits));
}

GateEquivalents range_area(const RangePart& part, int lanes) {
    const GateEquivalents lane =
        part.mode == RangePart::Mode::clamp
            ? cost::range_clamp_with_thresholds(kElementBits)
            : cost::range_zero(kElementBits) + cost::enabled_flipflops(2 * kElementBits);
    return times(lanes, lane + cost::flipflops(kElementBits));
}

AreaNode checksum_area(const AcceleratorConfig& config, const Policy& policy) {
    const ArrayConfig& array = config.array;
    const int width = kSumBits + cost::growth_bits(array.cols);
    const std::int64_t pixels = std::max<std::int64_t>(
        1, config.output_buffer.half().count() / (std::int64_t{kSumBits / 8} * array.cols));
    const GateEquivalents pe = cost::checksum_pe(array.operand_bits, array.accumulator_bits, array.cols);
    std::vector<AreaNode> parts = {
        added_part("PEs", times(array.rows, pe)),
        added_part("sums", times(kChecksumBanks, cost::sram(pixels, width)) + cost::adder(width)),
        added_part("subtractors", times(config.vector_unit.lanes, cost::adder(width))),
        added_part("comparators", times(config.vector_unit.lanes,
                                        cost::equality_comparator(width) + cost::flipflops(width)))};
    if (policy.zero) {
        constexpr double kAnd2 = 1.333;
        parts.push_back(added_part("zero on detection",
                                   GateEquivalents(kAnd2 * kElementBits * config.vector_unit.lanes)));
    }
    return area_sum("checksum", std::move(parts));
}

double dram_check_share(const AcceleratorConfig& config, const Policy& policy) {
    const int data = config.dram.word_bits;
    if (policy.selective_ecc) {
        const SelectiveCode code(data);
        return selective_overhead(policy.selective_ecc->plan.share(), kParameterBits).selective +
               static_cast<double>(code.signature_bits() - code.parameters()) / data;
    }
    return static_cast<double>(stored_bits(policy, Memory::dram, data) - data) / data;
}

}  // namespace fluence::protect
