#include "sim/accel/workload.h"

#include "sim/accel/format_support.h"
#include "sim/arith/sum_rule.h"
#include "sim/core/error.h"
#include "sim/dataflow/registry.h"
#include "sim/protect/answers.h"
#include "sim/protect/array_orders.h"
#include "sim/protect/layer_filters.h"

namespace fluence::accel {
namespace {

// The checksum column takes in activations that leave the array, and its sums have to be linear.
void check_checksum(const Workload& workload) {
    if (!workload.policy.checksum) {
        return;
    }
    const std::string key = workload.policy.name + ": linear-checksum";
    const ArrayConfig& array = workload.config.array;
    if (array.dataflow_kind() == DataflowKind::input_stationary) {
        throw InputError(workload.config.name, key,
                         "takes in activations that leave the array, and here they stay in it",
                         "weight-stationary, output-stationary");
    }
    arith::SumRule rule;
    rule.bits = array.accumulator_bits;
    rule.overflow = array.overflow;
    if (rule.overflow == Overflow::wrap) {
        return;  // linear modulo the registers' width, in which it is compared
    }
    rule.fold_ends = dataflow::fold_ends(workload.graph, workload.plan);
    for (std::size_t i = 0; i < workload.graph.layers.size(); ++i) {
        if (arith::can_overflow(workload.graph, layer_id(i), rule)) {
            throw InputError(
                workload.config.name, key,
                "would take overflows for errors: sums of " + workload.graph.layers[i].name +
                    " can leave the range of array.accumulator_bits, and where they saturate the "
                    "sum over a block is no longer that of its checksum weights",
                "overflow \"wrap\"");
        }
    }
}

// Copies may change where the folds of a reduction end, and sums that leave their range notice that: values
// then would not be those of the network without copies.
void check_duplication(const Workload& workload) {
    arith::SumRule rule;
    rule.bits = workload.config.array.accumulator_bits;
    rule.overflow = workload.config.array.overflow;
    if (!workload.policy.duplication || rule.exact()) {
        return;
    }
    const workloads::Graph& graph = workload.graph;
    const dataflow::MemoryMap map(graph, workload.config);
    const dataflow::TilePlan plain =
        dataflow::dataflow_of(workload.config)
            .plan(graph, workload.config, map, plan_options(workload.policy, graph));
    const auto ends = dataflow::fold_ends(graph, workload.plan);
    rule.fold_ends = dataflow::fold_ends(graph, plain);
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        if (ends[i] != rule.fold_ends[i] && arith::can_overflow(graph, layer_id(i), rule)) {
            throw InputError(workload.config.name, workload.policy.name + ": duplicate-filters",
                             "changes where the folds of " + graph.layers[i].name +
                                 " end, whose sums can leave the range of array.accumulator_bits",
                             "32 accumulator bits, a larger weight buffer, or other filters");
        }
    }
}

// Plans of files are for one network.
void check_plans(const Workload& workload) {
    const auto& part = workload.policy.selective_ecc;  // (that of duplicated filters has made the map)
    if (part && part->plan.plan) {
        protect::choice_of(*part->plan.plan, workload.graph);
    }
}

// In front of everything that looks at weights.
const protect::Policy& supported(const AcceleratorConfig& config, const protect::Policy& policy,
                                 Words words) {
    check_format(config, policy);
    if (words == Words::move) {
        require_int8(config, "an inference with values");
    }
    return policy;
}

}  // namespace

dataflow::UnitParts unit_parts(const Workload& workload) {
    dataflow::UnitParts parts;
    parts.checksum = workload.timing.checksum_column;
    parts.range_restriction = workload.policy.range.has_value();
    parts.relu_check = workload.policy.relu_check.has_value();
    parts.added_stages = static_cast<int>(workload.timing.vector_pipeline.count());
    parts.duplicates = workload.policy.duplication.has_value();
    parts.filter_bytes = protect::filter_buffer_bytes(workload.policy);
    parts.filter_threshold_bits = protect::threshold_bits(workload.policy);
    parts.kept_answers = protect::kept_answers(workload.policy);
    parts.kept_classes = protect::compare_of(workload.policy) == protect::AnswerCompare::top1;
    parts.kept_bits = protect::kept_bits(workload.policy);
    parts.confidence_thresholds = workload.policy.confidence_rerun ? protect::kConfidenceThresholds : 0;
    parts.confidence_threshold_bits = protect::kConfidenceThresholdBits;
    return parts;
}

dataflow::PlanOptions plan_options(const protect::Policy& policy, const workloads::Graph& graph) {
    dataflow::PlanOptions options;
    for (const workloads::Layer& layer : graph.layers) {
        const protect::FilteredLayer filtered = protect::filtered(policy, graph, layer);
        options.release.push_back(filtered.detected ? dataflow::Release::complete_layer
                                  : filtered.always ? dataflow::Release::complete_pixels
                                                    : dataflow::Release::at_once);
        options.filters_pixels = options.filters_pixels || filtered.always;
    }
    options.buffer_bytes = protect::filter_buffer_bytes(policy);
    options.policy = policy.name;
    return options;
}

Workload::Workload(const workloads::Graph& network, const AcceleratorConfig& machine,
                   const protect::Policy& protection, Words moving)
    : graph(network),
      config(machine),
      policy(supported(machine, protection, moving)),
      timing(protect::timing_of(protection)),
      map(network, machine, protect::array_orders(protection, network, machine)),
      plan(dataflow::dataflow_of(machine).plan(network, machine, map, plan_options(protection, network))),
      clock(machine.clock_mhz),
      words(moving) {
    check_checksum(*this);
    check_duplication(*this);
    check_plans(*this);
}

}  // namespace fluence::accel
