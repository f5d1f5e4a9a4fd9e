#include <algorithm>

#include "sim/core/text.h"
#include "sim/protect/parts.h"
#include "sim/protect/register_code.h"

namespace fluence::protect {
namespace {

std::vector<std::string> role_names() {
    std::vector<std::string> names;
    names.reserve(kRegisterRoles.size());
    for (const RegisterRole role : kRegisterRoles) {
        names.emplace_back(name_of(role));
    }
    return names;
}

const char* text_of(RegisterAction action) {
    return action == RegisterAction::abort ? "abort" : "recompute";
}

bool holds(const Policy& policy, RegisterRole role, const PartInfo& info) {
    return policy.registers[index_of(role)].code == info.name;
}

// A part that leaves registers out has the key, one that copies whole PEs has not.
bool chooses_registers(const PartInfo& info) {
    return !register_code(info.name).whole_pe();
}

std::vector<std::string> wanted_registers(const PartInfo& info, JsonObject& object) {
    const std::vector<std::string> valid = role_names();
    if (!chooses_registers(info) || !object.has("registers")) {
        return valid;
    }
    std::vector<std::string> wanted = object.text_list("registers");
    if (wanted.empty()) {
        object.fail("registers", "names no register", comma_list(valid));
    }
    for (const std::string& name : wanted) {
        if (std::find(valid.begin(), valid.end(), name) == valid.end()) {
            object.fail("registers", "holds \"" + name + "\"", comma_list(valid));
        }
    }
    return wanted;
}

}  // namespace

void parse_register_code(const PartInfo& info, JsonObject& object, Policy& policy) {
    RegisterPart wanted;
    wanted.code = info.name;
    if (register_code(info.name).detects()) {
        const std::string recompute = text_of(RegisterAction::recompute);
        const std::string action =
            object.choice_or("on_due", recompute, {recompute, text_of(RegisterAction::abort)});
        wanted.on_due = action == recompute ? RegisterAction::recompute : RegisterAction::abort;
    }
    for (const std::string& name : wanted_registers(info, object)) {
        RegisterPart& part = policy.registers[index_of(register_role_named(name))];
        if (part.code != "none") {
            object.fail(
                chooses_registers(info) ? "registers" : "part",
                "gives the " + name + " registers a second code: they have " + part.code + " already");
        }
        part = wanted;
    }
}

// Registers with the same code and the same action share an entry.
std::vector<nlohmann::json> write_register_code(const PartInfo& info, const Policy& policy) {
    std::vector<nlohmann::json> entries;
    for (const RegisterAction action : {RegisterAction::recompute, RegisterAction::abort}) {
        nlohmann::json registers = nlohmann::json::array();
        for (const RegisterRole role : kRegisterRoles) {
            if (holds(policy, role, info) && policy.registers[index_of(role)].on_due == action) {
                registers.push_back(name_of(role));
            }
        }
        if (registers.empty()) {
            continue;
        }
        nlohmann::json entry = nlohmann::json::object();
        if (chooses_registers(info)) {
            entry["registers"] = std::move(registers);
        }
        if (register_code(info.name).detects()) {
            entry["on_due"] = text_of(action);
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

// Check bits are computed and compared beside the register, in the cycle in which its value is used.
void time_register_code(const PartInfo&, PolicyTiming&, const Policy&) {}

}  // namespace fluence::protect
