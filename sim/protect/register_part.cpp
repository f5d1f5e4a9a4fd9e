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

// A part that leaves registers out has the key, one that copies whole PEs has not.
bool chooses_registers(const std::string& code) {
    return !register_code(code).whole_pe();
}

std::vector<std::string> wanted_registers(const std::string& code, JsonObject& object) {
    std::vector<std::string> valid = role_names();
    if (!chooses_registers(code) || !object.has("registers")) {
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

void parse_protected_registers(const std::string& code, JsonObject& object, RegisterParts& registers) {
    RegisterPart wanted;
    wanted.code = code;
    if (register_code(code).detects()) {
        const std::string recompute = text_of(RegisterAction::recompute);
        const std::string action =
            object.choice_or("on_due", recompute, {recompute, text_of(RegisterAction::abort)});
        wanted.on_due = action == recompute ? RegisterAction::recompute : RegisterAction::abort;
    }
    for (const std::string& name : wanted_registers(code, object)) {
        RegisterPart& part = registers[index_of(register_role_named(name))];
        if (part.code != "none") {
            object.fail(
                chooses_registers(code) ? "registers" : "part",
                "gives the " + name + " registers a second code: they have " + part.code + " already");
        }
        part = wanted;
    }
}

// Registers with the same code and the same action share an entry.
std::vector<nlohmann::json> write_protected_registers(const std::string& code,
                                                      const RegisterParts& registers) {
    std::vector<nlohmann::json> entries;
    for (const RegisterAction action : {RegisterAction::recompute, RegisterAction::abort}) {
        nlohmann::json names = nlohmann::json::array();
        for (const RegisterRole role : kRegisterRoles) {
            const RegisterPart& part = registers[index_of(role)];
            if (part.code == code && part.on_due == action) {
                names.push_back(name_of(role));
            }
        }
        if (names.empty()) {
            continue;
        }
        nlohmann::json entry = nlohmann::json::object();
        if (chooses_registers(code)) {
            entry["registers"] = std::move(names);
        }
        if (register_code(code).detects()) {
            entry["on_due"] = text_of(action);
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

void parse_register_code(const PartInfo& info, JsonObject& object, Policy& policy) {
    parse_protected_registers(info.name, object, policy.registers);
}

std::vector<nlohmann::json> write_register_code(const PartInfo& info, const Policy& policy) {
    return write_protected_registers(info.name, policy.registers);
}

// Check bits are computed and compared beside the register, in the cycle in which its value is used.
void time_register_code(const PartInfo&, PolicyTiming&, const Policy&) {}

}  // namespace fluence::protect
