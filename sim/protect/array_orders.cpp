#include "sim/protect/array_orders.h"

#include "sim/protect/duplication.h"
#include "sim/protect/ppe.h"

namespace fluence::protect {

std::vector<std::vector<std::int32_t>> array_orders(const Policy& policy, const workloads::Graph& graph,
                                                    const AcceleratorConfig& config) {
    return policy.ppe ? channel_orders(policy, graph, config) : duplicated_orders(policy, graph);
}

}  // namespace fluence::protect
