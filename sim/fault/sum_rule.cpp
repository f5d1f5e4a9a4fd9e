#include "sim/fault/sum_rule.h"

#include <set>
#include <stdexcept>

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
    const dataflow::TilePlan plan = dataflow::dataflow_of(config).plan(graph, config, map);
    std::vector<std::set<std::int64_t>> ends(graph.layers.size());
    std::vector<std::size_t> folds(graph.layers.size(), 0);
    for (const traces::Fold& fold : plan.folds) {
        ends[index_of(fold.layer)].insert(fold.first_k + fold.terms);
        folds[index_of(fold.layer)] = static_cast<std::size_t>(fold.k_folds);
    }
    for (std::size_t i = 0; i < ends.size(); ++i) {
        if (ends[i].size() != folds[i]) {
            throw std::logic_error(graph.layers[i].name + ": its blocks are not folded alike");
        }
        rule.fold_ends.emplace_back(ends[i].begin(), ends[i].end());
    }
    return rule;
}

}  // namespace fluence::fault
