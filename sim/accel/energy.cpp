#include "sim/accel/energy.h"

#include <algorithm>

#include "sim/accel/format_support.h"
#include "sim/accel/pe_protection_area.h"
#include "sim/cost/logic.h"
#include "sim/dataflow/registers.h"
#include "sim/protect/area.h"
#include "sim/protect/layer_filters.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/rerun.h"
#include "sim/protect/rerun_area.h"
#include "sim/protect/selective_code.h"
#include "sim/protect/suppressor_area.h"

namespace fluence::accel {
namespace {

using cost::EnergyTable;
using protect::Policy;

constexpr int kElementBits = 8;
constexpr int kSumBits = 32;          // of an accumulator in the output buffer
constexpr int kRequantiserBits = 31;  // of the requantiser's multiplier

std::int64_t sums_of(const traces::Fold& fold) {
    return fold.pixels * fold.channels;
}

// Words of stationary rows; operands one by one.
std::int64_t weight_reads(const AcceleratorConfig& config, const traces::Fold& fold) {
    if (config.array.dataflow_kind() != DataflowKind::weight_stationary) {
        return fold.terms * fold.channels;
    }
    const std::int64_t word = config.weight_buffer.word_bytes();
    return fold.terms * ((fold.channels * stored_widths(config.array.format).operand + word - 1) / word);
}

// Output buffer: every fold writes its sums and, but for the first of a reduction, reads the old ones; the
// vector unit reads them once. `passes` of layers with MACs alone: others read activations.
MemoryAccesses output_accesses(const traces::Timeline& timeline) {
    MemoryAccesses accesses;
    for (const traces::Fold& fold : timeline.folds) {
        accesses.writes += sums_of(fold);
        accesses.reads += fold.k_fold > 0 ? sums_of(fold) : 0;
    }
    for (const traces::VectorPass& pass : timeline.passes) {
        accesses.reads += pass.channels > 0 ? pass.elements : 0;
    }
    return accesses;
}

std::int64_t words_into(const traces::Timeline& timeline, Memory buffer) {
    std::int64_t words = 0;
    for (const traces::Load& load : timeline.loads) {
        words += !load.kept && !load.to_vector_unit && load.buffer == buffer ? load.words() : 0;
    }
    return words;
}

MemoryAccesses weight_accesses(const AcceleratorConfig& config, const traces::Timeline& timeline) {
    MemoryAccesses accesses{0, words_into(timeline, Memory::weight_buffer)};
    for (const traces::Fold& fold : timeline.folds) {
        accesses.reads += weight_reads(config, fold);
    }
    return accesses;
}

// What the layers read of all buffers, less the other two.
MemoryAccesses activation_accesses(const AcceleratorConfig& config, const traces::Timeline& timeline) {
    MemoryAccesses accesses{0, words_into(timeline, Memory::activation_buffer)};
    for (const traces::Store& store : timeline.stores) {
        accesses.writes += store.to_buffer ? store.words() : 0;
    }
    for (const traces::LayerStats& layer : timeline.layers) {
        accesses.reads += layer.buffer_reads;
    }
    accesses.reads -= weight_accesses(config, timeline).reads + output_accesses(timeline).reads;
    return accesses;
}

MemoryAccesses dram_accesses(const traces::Timeline& timeline) {
    MemoryAccesses accesses;
    for (const traces::LayerStats& layer : timeline.layers) {
        accesses.reads += layer.dram_read_words;
        accesses.writes += layer.dram_write_words;
    }
    return accesses;
}

const char* text_of(Memory memory) {
    switch (memory) {
        case Memory::dram:
            return "DRAM";
        case Memory::weight_buffer:
            return "weight buffer";
        case Memory::activation_buffer:
            return "activation buffer";
        case Memory::output_buffer:
            return "output buffer";
    }
    return "";
}

const BufferConfig& buffer_of(const AcceleratorConfig& config, Memory memory) {
    return memory == Memory::weight_buffer       ? config.weight_buffer
           : memory == Memory::activation_buffer ? config.activation_buffer
                                                 : config.output_buffer;
}

int word_bits(const AcceleratorConfig& config, Memory memory) {
    return memory == Memory::dram ? config.dram.word_bits : buffer_of(config, memory).word_bits;
}

// Signatures and check bits of the parameters that a word has on the average, or room for.
template <class Access>
void add_selective_memory(std::vector<EnergyPart>& parts, const Policy& policy, Memory memory, int bits,
                          const MemoryAccesses& accesses, std::int64_t scrubbed, Access access,
                          const EnergyTable& table) {
    const std::string name = text_of(memory);
    const protect::SelectiveCode code(bits);
    const int slots = protect::selective_slots(policy, memory, bits);
    const double planned = policy.selective_ecc->plan.share() * code.parameters();
    const double stored = memory == Memory::dram ? planned : slots;
    const double check_bits = code.signature_bits() + protect::kParameterCheckBits * stored;
    parts.push_back({name + " check bits", accesses.all(), access(1) * check_bits, true});
    parts.push_back({name + " encoders", accesses.writes, table.logic(code.encoder_area(slots)), true});
    const Picojoules decoder = table.logic(code.decoder_area(slots));
    parts.push_back({name + " decoders", accesses.reads, decoder, true});
    parts.push_back({name + " scrubbing", scrubbed, access(bits) + access(1) * check_bits + decoder, true});
}

// A memory, its check bits, codecs and scrubber.
void add_memory(std::vector<EnergyPart>& parts, const AcceleratorConfig& config, const Policy& policy,
                const traces::Timeline& timeline, Memory memory, const EnergyTable& table) {
    const std::string name = text_of(memory);
    const int bits = word_bits(config, memory);
    const auto access = [&](int width) {
        return memory == Memory::dram ? table.dram(width)
                                      : table.sram(buffer_of(config, memory).half(), width);
    };
    const protect::MemoryPart& part = policy.memory[index_of(memory)];
    const protect::MemoryCode& code = protect::memory_code(part.code);
    const MemoryAccesses accesses = accesses_of(config, timeline, memory);
    const std::int64_t period = part.scrub_period.count();
    const std::int64_t scrubbed = period > 0 ? timeline.cycles / period : 0;
    parts.push_back({name, accesses.all(), access(bits), false});
    if (protect::is_selective(policy, memory)) {
        return add_selective_memory(parts, policy, memory, bits, accesses, scrubbed, access, table);
    }
    const int check_bits = protect::stored_bits(policy, memory, bits) - bits;
    parts.push_back({name + " check bits", accesses.all(), access(check_bits), true});
    parts.push_back({name + " encoders", accesses.writes, table.logic(code.encoder_area(bits)), true});
    parts.push_back({name + " decoders", accesses.reads, table.logic(code.decoder_area(bits)), true});
    parts.push_back({name + " scrubbing", scrubbed,
                     access(bits + check_bits) + table.logic(code.decoder_area(bits)), true});
}

Picojoules mac_energy(const ArrayConfig& array, const EnergyTable& table) {
    switch (array.format) {
        case OperandFormat::bf16:
            return table.multiply_bf16() + table.add_fp32();
        case OperandFormat::fp32:
            return table.multiply_fp32() + table.add_fp32();
        default:
            return table.multiply(array.operand_bits, array.operand_bits) + table.add(array.accumulator_bits);
    }
}

// Of the vector unit. Fixed point has a rounding shift where int8 has a multiplication.
Picojoules element_energy(const ArrayConfig& array, const EnergyTable& table) {
    switch (array.format) {
        case OperandFormat::int8:
            return table.multiply(kSumBits + 1, kRequantiserBits + 1) + table.add(kSumBits);
        case OperandFormat::bf16:
            return table.add_fp32() + table.logic(cost::bf16_rounding());
        case OperandFormat::fp32:
            return table.add_fp32();
        default: {
            const int sum = array.accumulator_bits;
            return table.add(2 * sum) + table.logic(cost::multiplexers(sum * cost::growth_bits(sum)));
        }
    }
}

Picojoules register_energy(const ArrayConfig& array, const EnergyTable& table) {
    std::int64_t bits = 0;
    for (const dataflow::RegisterBank& bank : dataflow::register_banks(array)) {
        bits += bank.units * bank.bits;
    }
    const double pes = static_cast<double>(array.rows) * array.cols;
    return table.logic(cost::flipflops(1)) * (static_cast<double>(bits) / pes);
}

// One more column a fold; subtraction and comparison where a reduction ends.
void add_checksum(std::vector<EnergyPart>& parts, const AcceleratorConfig& config,
                  const traces::Timeline& timeline, const EnergyTable& table) {
    const ArrayConfig& array = config.array;
    const int growth = cost::growth_bits(array.cols);
    std::int64_t macs = 0, pixels = 0, drained = 0, compared = 0;
    for (const traces::Fold& fold : timeline.folds) {
        macs += fold.pixels * fold.terms;
        pixels += fold.pixels;
        const bool last = fold.k_fold == fold.k_folds - 1;
        drained += last ? sums_of(fold) : 0;
        compared += last ? fold.pixels : 0;
    }
    const std::int64_t held = config.output_buffer.half().count() / (std::int64_t{4} * array.cols);
    const Bytes memory(std::max<std::int64_t>(1, held) * (kSumBits + growth) / 8);
    parts.push_back({"checksum column MACs", macs,
                     table.multiply(array.operand_bits + growth, array.operand_bits) +
                         table.add(array.accumulator_bits + growth),
                     true});
    parts.push_back({"checksum sums", pixels + compared, table.sram(memory, kSumBits + growth), true});
    parts.push_back({"checksum subtractions", drained, table.add(kSumBits + growth), true});
    parts.push_back(
        {"checksum comparator", compared, table.logic(cost::equality_comparator(kSumBits + growth)), true});
}

// Every MAC writes its PE's registers with their codes, or those of all copies; the logic beside them works.
void add_pe_protection(std::vector<EnergyPart>& parts, const ArrayConfig& array, const Policy& policy,
                       std::int64_t macs, const EnergyTable& table) {
    const double pes = static_cast<double>(array.rows) * array.cols;
    parts.push_back(
        {"PE protection", macs, table.logic(pe_protection_area(array, policy).area * (1 / pes)), true});
}

// An element passes its lane's logic, and the filter's buffer on its way in and out.
void add_filters(std::vector<EnergyPart>& parts, const AcceleratorConfig& config, const Policy& policy,
                 std::int64_t elements, const EnergyTable& table) {
    const std::int64_t bytes = protect::filter_buffer_bytes(policy);
    GateEquivalents lanes{};
    for (const cost::AreaNode& part : protect::suppressor_logic(config, policy)) {
        lanes += part.area;
    }
    parts.push_back(
        {"filter and check", elements, table.logic(lanes * (1.0 / config.vector_unit.lanes)), true});
    if (bytes > 0) {
        parts.push_back({protect::kFilterBuffer, 2 * elements, table.sram(Bytes(bytes), kElementBits), true});
    }
}

std::int64_t logits_of(const traces::Timeline& timeline) {
    std::int64_t elements = 0;
    for (const traces::VectorPass& pass : timeline.passes) {
        elements += pass.layer == timeline.passes.back().layer ? pass.elements : 0;
    }
    return elements;
}

// Answers come from DRAM word by word, are kept and compared; exponentials are looked up. A second run that
// happens always is what the first one takes.
void add_inference_end(std::vector<EnergyPart>& parts, const AcceleratorConfig& config, const Policy& policy,
                       const traces::Timeline& timeline, const EnergyTable& table) {
    const std::int64_t runs = protect::least_runs(policy);
    // temporal-dmr alone always runs again, and confidence-rerun does not stand beside it.
    const Picojoules once = total_of(parts);
    if (policy.confidence_rerun || policy.temporal_dmr) {
        const std::int64_t logits = logits_of(timeline);
        const std::int64_t bytes = logits * kSumBits / 8;
        const std::int64_t words = (bytes + config.dram.word_bytes() - 1) / config.dram.word_bytes();
        const Bytes kept(protect::kKeptLogits * kSumBits / 8);
        parts.push_back({"answers read", runs * words, table.dram(config.dram.word_bits), true});
        parts.push_back({"answers kept", runs * logits, table.sram(kept, kSumBits), true});
        if (policy.confidence_rerun) {
            const Bytes exponentials(protect::kExponentWords * protect::kExponentBits / 8);
            parts.push_back({"confidence", 2 * logits, table.logic(protect::confidence_logic()), true});
            parts.push_back({"exponentials", logits, table.sram(exponentials, protect::kExponentBits), true});
        }
    }
    if (runs > 1) {
        parts.push_back({"further run", runs - 1, once, true});
    }
}

}  // namespace

MemoryAccesses accesses_of(const AcceleratorConfig& config, const traces::Timeline& timeline, Memory memory) {
    switch (memory) {
        case Memory::dram:
            return dram_accesses(timeline);
        case Memory::weight_buffer:
            return weight_accesses(config, timeline);
        case Memory::activation_buffer:
            return activation_accesses(config, timeline);
        case Memory::output_buffer:
            return output_accesses(timeline);
    }
    return {};
}

std::vector<EnergyPart> energy_of(const AcceleratorConfig& config, const Policy& policy,
                                  const traces::Timeline& timeline, const EnergyTable& table) {
    const ArrayConfig& array = config.array;
    std::int64_t macs = 0, elements = 0;
    for (const traces::LayerStats& layer : timeline.layers) {
        macs += layer.macs;
    }
    for (const traces::VectorPass& pass : timeline.passes) {
        elements += pass.elements;
    }
    check_format(config, policy);
    std::vector<EnergyPart> parts = {{"MACs", macs, mac_energy(array, table), false},
                                     {"PE registers", macs, register_energy(array, table), false},
                                     {"vector unit", elements, element_energy(array, table), false}};
    for (const Memory memory :
         {Memory::weight_buffer, Memory::activation_buffer, Memory::output_buffer, Memory::dram}) {
        add_memory(parts, config, policy, timeline, memory, table);
    }
    add_pe_protection(parts, array, policy, macs, table);
    add_filters(parts, config, policy, elements, table);
    if (policy.checksum) {
        add_checksum(parts, config, timeline, table);
    }
    if (policy.duplication) {
        parts.push_back(
            {"comparison of copies", elements, table.logic(cost::equality_comparator(kSumBits)), true});
    }
    if (policy.range) {
        parts.push_back(
            {"range restriction", elements, table.logic(protect::range_area(*policy.range, 1)), true});
    }
    add_inference_end(parts, config, policy, timeline, table);
    parts.erase(std::remove_if(parts.begin(), parts.end(),
                               [](const EnergyPart& part) { return part.total() == Picojoules(); }),
                parts.end());
    return parts;
}

Picojoules total_of(const std::vector<EnergyPart>& parts) {
    Picojoules sum;
    for (const EnergyPart& part : parts) {
        sum += part.total();
    }
    return sum;
}

Picojoules added_of(const std::vector<EnergyPart>& parts) {
    Picojoules sum;
    for (const EnergyPart& part : parts) {
        sum += part.protection ? part.total() : Picojoules();
    }
    return sum;
}

}  // namespace fluence::accel
