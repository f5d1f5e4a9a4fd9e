#include "sim/accel/pe_protection_area.h"

#include "sim/accel/area.h"
#include "sim/cost/logic.h"
#include "sim/dataflow/registers.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/ppe.h"
#include "sim/protect/register_code.h"

namespace fluence::accel {
namespace {

using cost::AreaNode;
using cost::times;

// What reads and writes a register of `bits` with its code; the additional bits themselves are counted apart.
GateEquivalents codec(const std::string& name, int bits) {
    const protect::RegisterCode& code = protect::register_code(name);
    if (code.stored_bits(bits) == 3 * bits) {
        return cost::majority_voter(bits);
    }
    if (code.stored_bits(bits) == 2 * bits) {
        return cost::equality_comparator(bits);
    }
    const protect::MemoryCode& memory = protect::memory_code(name == "register-parity" ? "parity" : "secded");
    return memory.encoder_area(bits) + memory.decoder_area(bits);
}

const AreaNode* part_named(const AreaNode& node, const std::string& name) {
    for (const AreaNode& part : node.parts) {
        if (part.name == name) {
            return &part;
        }
    }
    return nullptr;
}

// Of the unprotected array: a bank's registers.
GateEquivalents bank_area(const AreaNode& array, traces::SiteKind kind) {
    const AreaNode* registers = part_named(array, "registers");
    const AreaNode* bank = registers == nullptr ? nullptr : part_named(*registers, traces::name_of(kind));
    return bank == nullptr ? GateEquivalents() : bank->area;
}

// Units of a bank that serve a column left of `end`.
std::int64_t units_left_of(const ArrayConfig& array, const dataflow::RegisterBank& bank, int end) {
    std::int64_t units = 0;
    for (std::int64_t unit = 0; unit < bank.units; ++unit) {
        units += dataflow::first_column_served(array, bank.kind, unit) < end ? 1 : 0;
    }
    return units;
}

// So many registers of a bank, with the code.
AreaNode coded(const AreaNode& array, const dataflow::RegisterBank& bank, std::int64_t units,
               const std::string& code, const std::string& where) {
    const int added_bits = protect::register_code(code).stored_bits(bank.bits) - bank.bits;
    const GateEquivalents a_register = bank_area(array, bank.kind) * (1.0 / static_cast<double>(bank.units));
    return cost::added_part(
        std::string(traces::name_of(bank.kind)) + where + ", " + code,
        (a_register * (static_cast<double>(added_bits) / bank.bits) + codec(code, bank.bits)) *
            static_cast<double>(units));
}

// The arithmetic of PEs that are copied whole, all of the array's.
GateEquivalents copied_arithmetic(const AreaNode& array, const std::string& code) {
    GateEquivalents area{};
    if (protect::register_code(code).whole_pe()) {
        for (const char* name : {"multipliers", "adders", "bank selection"}) {
            const AreaNode* part = part_named(array, name);
            area += part == nullptr ? GateEquivalents() : part->area;
        }
    }
    return area * (code == "tmr" ? 2.0 : 1.0);
}

// What the controller needs to send channels to columns: the channel of each column, as long as the vector
// unit drains a block; and, where the split changes, P and a gate a column.
std::vector<AreaNode> mapping(const ArrayConfig& array, const protect::PpePart& part) {
    constexpr int kChannelBits = 16;
    constexpr double kAnd2 = 1.333;
    std::vector<AreaNode> parts = {
        cost::added_part("channel table", times(array.cols, cost::enabled_flipflops(kChannelBits)))};
    if (!part.schedule.empty()) {
        const int bits = cost::growth_bits(array.cols + 1);
        parts.push_back(cost::added_part("split", cost::enabled_flipflops(bits) +
                                                      times(array.cols, cost::equality_comparator(bits)) +
                                                      GateEquivalents(kAnd2 * array.cols)));
    }
    return parts;
}

}  // namespace

AreaNode pe_protection_area(const ArrayConfig& array, const protect::Policy& policy) {
    const AreaNode unprotected = array_area(array);
    const int split = policy.ppe ? protect::protected_columns(*policy.ppe, array.cols) : 0;
    std::vector<AreaNode> parts;
    for (const dataflow::RegisterBank& bank : dataflow::register_banks(array)) {
        const auto role = dataflow::register_role(array, bank.kind);
        if (!role) {
            continue;
        }
        const std::int64_t inside = units_left_of(array, bank, split);
        const auto add = [&](std::int64_t units, const protect::RegisterPart& part, const char* where) {
            if (units > 0 && part.code != "none") {
                parts.push_back(coded(unprotected, bank, units, part.code, where));
            }
        };
        add(bank.units - inside, policy.registers[index_of(*role)], "");
        if (policy.ppe) {
            add(inside, policy.ppe->registers[index_of(*role)], " of protected columns");
        }
    }
    const auto copied = [&](const protect::RegisterPart& part, double share) {
        parts.push_back(
            cost::added_part("copied arithmetic", copied_arithmetic(unprotected, part.code) * share));
    };
    const double region = static_cast<double>(split) / array.cols;
    copied(policy.registers[index_of(RegisterRole::psum)], 1 - region);
    if (policy.ppe) {
        copied(policy.ppe->registers[index_of(RegisterRole::psum)], region);
        for (AreaNode& part : mapping(array, *policy.ppe)) {
            parts.push_back(std::move(part));
        }
    }
    return cost::area_sum("PE protection", std::move(parts));
}

}  // namespace fluence::accel
