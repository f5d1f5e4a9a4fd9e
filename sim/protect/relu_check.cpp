#include "sim/protect/relu_check.h"

#include <map>

#include "sim/protect/parts.h"

namespace fluence::protect {

using workloads::OpKind;

bool has_relu(const workloads::Graph& graph, const workloads::Layer& layer) {
    return (layer.has_macs() || layer.kind == OpKind::add) &&
           graph.tensor(layer.output).format == workloads::NumberFormat::u8;
}

// A code behind ReLU has one right value, so any flip that remains is seen.
bool relu_check_detects(const workloads::Graph& graph, const arith::LayerFault& fault) {
    const workloads::Layer& layer = graph.layer(fault.layer);
    if (fault.relu_alarm || !has_relu(graph, layer)) {
        return fault.relu_alarm;
    }
    const workloads::NumberFormat format = graph.tensor(layer.output).format;
    const std::uint32_t stored = (std::uint32_t{1} << workloads::width_bits(format)) - 1;
    std::map<std::int64_t, std::uint32_t> flips;
    for (const arith::OutputFlip& flip : fault.outputs) {
        flips[flip.index] ^= flip.checked ? flip.mask & stored : 0;
    }
    for (const auto& [index, mask] : flips) {
        if (mask != 0) {
            return true;
        }
    }
    return false;
}

void parse_relu_check(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.relu_check) {
        object.fail("part", "is given twice");
    }
    policy.relu_check = ReluCheckPart{};
}

std::vector<nlohmann::json> write_relu_check(const PartInfo&, const Policy& policy) {
    return std::vector<nlohmann::json>(policy.relu_check ? 1 : 0, nlohmann::json::object());
}

// x waits in a register until it is compared.
void time_relu_check(const PartInfo&, PolicyTiming& timing, const Policy&) {
    timing.vector_pipeline += Cycles(1);
}

}  // namespace fluence::protect
