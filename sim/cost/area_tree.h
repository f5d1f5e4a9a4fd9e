// An area as a tree of named parts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/units.h"

namespace fluence::cost {

struct AreaNode {
    std::string name;         // "PE array", "weight buffer", "secded decoders" …
    GateEquivalents area{};   // of this node and everything below
    bool protection = false;  // exists only because of a policy
    std::vector<AreaNode> parts;
};

AreaNode area_part(const std::string& name, GateEquivalents area);
AreaNode added_part(const std::string& name, GateEquivalents area);  // there for protection
// The sum of its parts, those of no area left out; protection where every part is.
AreaNode area_sum(const std::string& name, std::vector<AreaNode> parts);
// The nodes that exist only because of a policy, added up.
GateEquivalents added_area(const AreaNode& node);

GateEquivalents times(std::int64_t count, GateEquivalents area);

}  // namespace fluence::cost
