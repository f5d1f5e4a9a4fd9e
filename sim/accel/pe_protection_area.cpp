#include "sim/accel/pe_protection_area.h"

#include "sim/accel/area.h"
#include "sim/cost/logic.h"
#include "sim/dataflow/registers.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/register_code.h"

namespace fluence::accel {
namespace {

using cost::AreaNode;
using cost::times;

const protect::RegisterPart* part_of(const ArrayConfig& array, const protect::Policy& policy,
                                     traces::SiteKind kind) {
    const auto role = dataflow::register_role(array, kind);
    if (!role || policy.registers[index_of(*role)].code == "none") {
        return nullptr;
    }
    return &policy.registers[index_of(*role)];
}

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

// The arithmetic of PEs that are copied whole.
GateEquivalents copied_arithmetic(const AreaNode& array, const protect::Policy& policy) {
    const std::string& code = policy.registers[index_of(RegisterRole::psum)].code;
    GateEquivalents area{};
    if (protect::register_code(code).whole_pe()) {
        for (const char* name : {"multipliers", "adders", "bank selection"}) {
            const AreaNode* part = part_named(array, name);
            area += part == nullptr ? GateEquivalents() : part->area;
        }
    }
    return area * (code == "tmr" ? 2.0 : 1.0);
}

}  // namespace

AreaNode pe_protection_area(const ArrayConfig& array, const protect::Policy& policy) {
    const AreaNode unprotected = array_area(array);
    std::vector<AreaNode> parts;
    for (const dataflow::RegisterBank& bank : dataflow::register_banks(array)) {
        const protect::RegisterPart* part = part_of(array, policy, bank.kind);
        if (part == nullptr) {
            continue;
        }
        const int added_bits = protect::register_code(part->code).stored_bits(bank.bits) - bank.bits;
        parts.push_back(cost::added_part(
            std::string(traces::name_of(bank.kind)) + ", " + part->code,
            bank_area(unprotected, bank.kind) * (static_cast<double>(added_bits) / bank.bits) +
                times(bank.units, codec(part->code, bank.bits))));
    }
    parts.push_back(cost::added_part("copied arithmetic", copied_arithmetic(unprotected, policy)));
    return cost::area_sum("PE protection", std::move(parts));
}

}  // namespace fluence::accel
