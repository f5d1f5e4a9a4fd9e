#include "sim/fault/sum_rule.h"

#include "sim/dataflow/registry.h"

namespace fluence::fault {

arith::SumRule sum_rule(const workloads::Graph& graph, const AcceleratorConfig& config) {
    arith::SumRule rule;
    rule.bits = config.array.accumulator_bits;
    rule.overflow = config.array.overflow;
    if (rule.exact()) {
        return rule;
    }
    const dataflow::MemoryMap map(graph, config);
    rule.fold_ends = dataflow::fold_ends(graph, dataflow::dataflow_of(config).plan(graph, config, map, {}));
    return rule;
}

}  // namespace fluence::fault
