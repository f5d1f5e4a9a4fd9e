// The parts that policies are composed of: one row each in registry.cpp.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "sim/core/json.h"
#include "sim/protect/policy.h"

namespace fluence::protect {

// Where a part acts; each is a key of a policy file that holds a list of parts.
enum class Point { memory, pe, mac_output, activation, layer_output, inference_end };
inline constexpr int kPointCount = 6;
inline constexpr std::array<Point, kPointCount> kPoints = {Point::memory,       Point::pe,
                                                           Point::mac_output,   Point::activation,
                                                           Point::layer_output, Point::inference_end};
const char* name_of(Point point);

struct PartInfo {
    const char* name;
    Point point;
    const char* summary;  // one line
    const char* example;  // the part in a policy file, complete
    // Reads the part's own keys ("part" is taken) into the policy. Throws InputError where the policy
    // already holds the part, or another owner of the same words.
    void (*parse)(const PartInfo& info, JsonObject& object, Policy& policy);
    // The part as it stands in the policy, without the key "part": one entry for each time that the policy
    // gives it, with other options each; none where the policy does not have it.
    std::vector<nlohmann::json> (*write)(const PartInfo& info, const Policy& policy);
    // Adds what the part does to the machine's timing; called where the policy has it.
    void (*add_timing)(const PartInfo& info, PolicyTiming& timing, const Policy& policy);
};

const std::vector<PartInfo>& part_registry();
// Names of the parts of one point; empty where none exists.
std::vector<std::string> part_names(Point point);

}  // namespace fluence::protect
