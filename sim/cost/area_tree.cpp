#include "sim/cost/area_tree.h"

#include <algorithm>

namespace fluence::cost {

AreaNode area_part(const std::string& name, GateEquivalents area) {
    return {name, area, false, {}};
}

AreaNode added_part(const std::string& name, GateEquivalents area) {
    return {name, area, true, {}};
}

AreaNode area_sum(const std::string& name, std::vector<AreaNode> parts) {
    AreaNode node{name, {}, false, std::move(parts)};
    node.parts.erase(std::remove_if(node.parts.begin(), node.parts.end(),
                                    [](const AreaNode& part) { return part.area == GateEquivalents(); }),
                     node.parts.end());
    for (const AreaNode& part : node.parts) {
        node.area += part.area;
    }
    node.protection =
        !node.parts.empty() && std::all_of(node.parts.begin(), node.parts.end(),
                                           [](const AreaNode& part) { return part.protection; });
    return node;
}

GateEquivalents added_area(const AreaNode& node) {
    if (node.protection) {
        return node.area;
    }
    GateEquivalents area;
    for (const AreaNode& part : node.parts) {
        area += added_area(part);
    }
    return area;
}

GateEquivalents times(std::int64_t count, GateEquivalents area) {
    return area * static_cast<double>(count);
}

}  // namespace fluence::cost
