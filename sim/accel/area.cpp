#include "sim/accel/area.h"

#include <algorithm>

#include "sim/accel/format_support.h"
#include "sim/accel/pe_protection_area.h"
#include "sim/cost/logic.h"
#include "sim/dataflow/registers.h"
#include "sim/protect/area.h"
#include "sim/protect/duplication.h"
#include "sim/protect/rerun_area.h"
#include "sim/protect/suppressor_area.h"

namespace fluence::accel {
namespace {

using cost::added_part;
using cost::area_part;
using cost::area_sum;
using cost::AreaNode;
using cost::times;
using traces::SiteKind;

constexpr int kRequantiserBits = 31;  // of the requantiser's multiplier

// A register bit with what stands in front of it.
GateEquivalents register_bits(SiteKind kind, const ArrayConfig& array, std::int64_t bits) {
    const bool stationary_sum = array.dataflow_kind() == DataflowKind::output_stationary;
    const bool travelling = array.control == ArrayControl::travelling;
    const bool inputs_kept = array.dataflow_kind() == DataflowKind::input_stationary;
    switch (kind) {
        case SiteKind::pe_weight:
            return !stationary_sum && !inputs_kept ? times(bits, cost::enabled_flipflops(1))
                                                   : times(bits, cost::flipflops(1));
        case SiteKind::pe_activation:
            return inputs_kept ? times(bits, cost::enabled_flipflops(1)) : times(bits, cost::flipflops(1));
        case SiteKind::pe_weight_shadow:
        case SiteKind::pe_activation_shadow:
            return times(bits, cost::shadow_register(1));
        case SiteKind::pe_psum:  // an accumulator starts anew and holds its value
            return stationary_sum && !travelling ? times(bits, cost::clearable_flipflops(1))
                                                 : times(bits, cost::flipflops(1));
        case SiteKind::pe_drain:  // takes the accumulator's or the neighbour's value, or keeps its own
            return times(bits, cost::enabled_flipflops(1) + cost::multiplexers(1));
        case SiteKind::pe_bank_1:  // loaded from the chain or (output stationary) the adder
        case SiteKind::pe_bank_2:
            return times(bits, stationary_sum ? cost::enabled_flipflops(1) + cost::multiplexers(1)
                                              : cost::enabled_flipflops(1));
        default:
            return times(bits, cost::flipflops(1));
    }
}

// The two banks of Gemmini's PE change roles: what the MAC sees and what leaves down the column is selected.
GateEquivalents bank_selection(const ArrayConfig& array) {
    if (array.control != ArrayControl::travelling || array.operand_register == OperandRegister::output) {
        return {};
    }
    const bool stationary_sum = array.dataflow_kind() == DataflowKind::output_stationary;
    return cost::multiplexers(2 * (stationary_sum ? array.accumulator_bits : array.operand_bits));
}

GateEquivalents saturation(const ArrayConfig& array) {
    return array.overflow == Overflow::saturate ? cost::multiplexers(array.accumulator_bits)
                                                : GateEquivalents();
}

// External skew: the feeders read a lane a cycle later than its neighbour, so that only the start of a stream
// is delayed. (Internal skew: a register bank.)
GateEquivalents feeders(const ArrayConfig& array) {
    if (array.skew == Skew::internal) {
        return {};
    }
    const bool columns_stream = array.dataflow_kind() == DataflowKind::output_stationary;
    return cost::flipflops(array.rows + (columns_stream ? array.cols : 0));
}

// Of the sums that leave the output buffer.
int vector_sum_bits(const ArrayConfig& array) {
    return array.format == OperandFormat::int8 ? 8 * stored_widths(array.format).sum : array.accumulator_bits;
}

// A lane. Fixed point: bias, rounding, a shifter over the sum's width, clamp. Floats: bias, rounding to the
// word, ReLU.
GateEquivalents requantise_area(const ArrayConfig& array) {
    const int sum = vector_sum_bits(array);
    switch (array.format) {
        case OperandFormat::int8:
            return cost::requantiser(sum, kRequantiserBits);
        case OperandFormat::bf16:
            return cost::fp32_adder() + cost::bf16_rounding() + cost::relu(array.operand_bits);
        case OperandFormat::fp32:
            return cost::fp32_adder() + cost::relu(array.operand_bits);
        default:
            return times(2, cost::adder(sum)) + cost::multiplexers(sum * cost::growth_bits(sum)) +
                   cost::range_clamp(array.operand_bits);
    }
}

AreaNode vector_unit_area(const AcceleratorConfig& config, const protect::Policy& policy) {
    const VectorUnitConfig& unit = config.vector_unit;
    const int stages = static_cast<int>(unit.pipeline_depth.count());
    const int sum = vector_sum_bits(config.array);
    const int element = 8 * stored_widths(config.array.format).operand;
    std::vector<AreaNode> parts = {
        area_part("requantise and ReLU", times(unit.lanes, requantise_area(config.array))),
        area_part("add and pool", times(unit.lanes, is_float(config.array.format)
                                                        ? cost::fp32_adder() + cost::multiplexers(element)
                                                        : cost::adder(sum) + cost::adder(element) +
                                                              cost::multiplexers(element))),
        area_part("pipeline registers", times(unit.lanes, cost::flipflops(stages * sum)))};
    if (policy.range) {
        parts.push_back(added_part("range restriction", protect::range_area(*policy.range, unit.lanes)));
    }
    for (AreaNode& part : protect::suppressor_area(config, policy)) {
        parts.push_back(std::move(part));
    }
    return area_sum("vector unit", std::move(parts));
}

// Product registers take what the sum can use of a product.
GateEquivalents multiplier_area(const ArrayConfig& array) {
    switch (array.format) {
        case OperandFormat::bf16:
            return cost::bf16_multiplier();
        case OperandFormat::fp32:
            return cost::fp32_multiplier();
        default:
            return cost::multiplier_low(array.operand_bits, array.operand_bits,
                                        array.multiplier_stages > 0
                                            ? dataflow::product_bits(array)
                                            : std::min(array.accumulator_bits, 2 * array.operand_bits));
    }
}

}  // namespace

AreaNode array_area(const ArrayConfig& array) {
    const std::int64_t pes = std::int64_t{array.rows} * array.cols;
    std::vector<AreaNode> registers;
    for (const dataflow::RegisterBank& bank : dataflow::register_banks(array)) {
        registers.push_back(
            area_part(traces::name_of(bank.kind), register_bits(bank.kind, array, bank.units * bank.bits)));
    }
    const bool floats = is_float(array.format);
    return area_sum(
        "PE array",
        {area_sum("registers", std::move(registers)),
         area_part("multipliers", times(pes, multiplier_area(array))),
         area_part("adders", times(pes, floats ? cost::fp32_adder()
                                               : cost::adder(array.accumulator_bits) + saturation(array))),
         area_part("bank selection", times(pes, bank_selection(array))), area_part("feeders", feeders(array)),
         area_part("accumulation",
                   times(protect::sums_per_cycle(array),
                         floats ? cost::fp32_adder() : cost::adder(vector_sum_bits(array))))});
}

AreaNode area_of(const AcceleratorConfig& config, const protect::Policy& policy) {
    check_format(config, policy);
    AreaNode array = array_area(config.array);
    AreaNode vector_unit = vector_unit_area(config, policy);
    const GateEquivalents logic = array.area + vector_unit.area - cost::added_area(vector_unit);
    const auto buffer = [&](Memory memory, const char* name, const BufferConfig& of) {
        return protect::buffer_area(config, policy, memory, name, of);
    };
    std::vector<AreaNode> parts = {
        std::move(array),
        std::move(vector_unit),
        buffer(Memory::weight_buffer, "weight buffer", config.weight_buffer),
        buffer(Memory::activation_buffer, "activation buffer", config.activation_buffer),
        buffer(Memory::output_buffer, "output buffer", config.output_buffer),
        protect::dram_interface_area(config, policy),
        area_part("controller and DMA", logic * kControlShare)};
    parts.push_back(pe_protection_area(config.array, policy));
    if (policy.duplication) {
        parts.push_back(protect::duplication_area(config));
    }
    if (policy.checksum) {
        parts.push_back(protect::checksum_area(config, policy));
    }
    parts.push_back(protect::inference_end_area(policy));
    return area_sum("accelerator", std::move(parts));
}

}  // namespace fluence::accel
