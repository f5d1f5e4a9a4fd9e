#include "sim/protect/policy.h"

#include <algorithm>
#include <stdexcept>

#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/register_code.h"
#include "sim/protect/registry.h"
#include "sim/protect/rerun.h"
#include "sim/protect/selective_code.h"

namespace fluence::protect {
namespace {

// The row of a part; its name was checked against part_names(point).
const PartInfo& row_of(Point point, const std::string& name) {
    for (const PartInfo& part : part_registry()) {
        if (part.point == point && name == part.name) {
            return part;
        }
    }
    throw std::out_of_range("unknown part " + name);
}

void parse_point(JsonObject& root, Point point, Policy& policy) {
    const std::string key = name_of(point);
    if (!root.has(key)) {
        return;
    }
    for (JsonObject& object : root.objects(key)) {
        const std::vector<std::string> names = part_names(point);
        if (names.empty()) {
            object.fail("part", "cannot be used: no part acts at this point", "an empty list");
        }
        const PartInfo& info = row_of(point, object.choice("part", names));
        info.parse(info, object, policy);
        object.finish();
    }
}

bool gated(const Policy& policy) {
    return policy.gradient && policy.gradient->gate == GradientPart::Gate::detection;
}

void check_composition(const JsonObject& root, const Policy& policy) {
    const std::string point = name_of(Point::layer_output);
    if (policy.checksum && policy.duplication) {
        root.fail(name_of(Point::mac_output),
                  "linear-checksum and duplicate-filters both compare the array's accumulators",
                  "one of them");
    }
    const bool compares = policy.checksum || policy.duplication;
    if (policy.zero && !compares) {
        root.fail(point, "zero-on-detection has no detector in mac_output",
                  "linear-checksum, duplicate-filters");
    }
    if (gated(policy) && !compares && !policy.relu_check) {
        root.fail(point, "gradient-suppression waits for a detection, and the policy has no detector",
                  "linear-checksum or duplicate-filters in mac_output, relu-check in activation, or "
                  "\"gate\": \"always\"");
    }
    if (gated(policy) && policy.zero) {
        root.fail(point, "gradient-suppression and zero-on-detection both act on what a detector found",
                  "one of them, or \"gate\": \"always\"");
    }
    if ((policy.gradient ? 1 : 0) + (policy.median ? 1 : 0) + (policy.just_say_zero ? 1 : 0) > 1) {
        root.fail(point, "has several filters for the same outputs",
                  "one of gradient-suppression, median, just-say-zero");
    }
    check_inference_end(root, policy);
    if (policy.ppe && policy.duplication) {
        root.fail("mac_output",
                  "has duplicate-filters beside ppe, and both say which channels columns compute",
                  "one of them");
    }
}

}  // namespace

Policy parse_policy(const nlohmann::json& value, const std::string& file) {
    JsonObject root(value, file);
    Policy policy;
    policy.name = root.text("name");
    if (policy.name.empty()) {
        root.fail("name", "is empty");
    }
    policy.description = root.text_or("description", "");
    for (const Point point : kPoints) {
        parse_point(root, point, policy);
    }
    root.finish();
    check_composition(root, policy);
    return policy;
}

Policy load_policy(const std::string& name_or_path) {
    const std::string path = find_config("policies", name_or_path);
    return parse_policy(read_json_file(path), path);
}

std::vector<Policy> preset_policies() {
    std::vector<Policy> policies;
    for (const std::string& name : config_names("policies")) {
        policies.push_back(load_policy(name));
    }
    return policies;
}

nlohmann::json to_json(const Policy& policy) {
    nlohmann::json value = {{"name", policy.name}, {"description", policy.description}};
    for (const PartInfo& info : part_registry()) {
        for (nlohmann::json& part : info.write(info, policy)) {
            part["part"] = info.name;
            value[name_of(info.point)].push_back(std::move(part));
        }
    }
    return value;
}

PolicyTiming timing_of(const Policy& policy) {
    PolicyTiming timing;
    for (const PartInfo& info : part_registry()) {
        if (!info.write(info, policy).empty()) {
            info.add_timing(info, timing, policy);
        }
    }
    return timing;
}

bool is_selective(const Policy& policy, Memory memory) {
    return policy.selective_ecc && (memory == Memory::dram ||
                                    (memory == Memory::weight_buffer && policy.selective_ecc->weight_buffer));
}

int selective_slots(const Policy& policy, Memory memory, int data_bits) {
    const int parameters = data_bits / kParameterBits;
    return memory == Memory::dram ? parameters : std::min(policy.selective_ecc->check_slots, parameters);
}

int stored_bits(const Policy& policy, Memory memory, int data_bits) {
    if (is_selective(policy, memory)) {
        return SelectiveCode(data_bits).stored_bits(selective_slots(policy, memory, data_bits));
    }
    return data_bits + memory_code(policy.memory[index_of(memory)].code).check_bits(data_bits);
}

int stored_bits(const Policy& policy, RegisterRole role, int data_bits) {
    const int outside = register_code(policy.registers[index_of(role)].code).stored_bits(data_bits);
    return policy.ppe
               ? std::max(outside,
                          register_code(policy.ppe->registers[index_of(role)].code).stored_bits(data_bits))
               : outside;
}

}  // namespace fluence::protect
