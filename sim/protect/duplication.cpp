#include "sim/protect/duplication.h"

#include <algorithm>
#include <map>
#include <memory>

#include "sim/cost/logic.h"
#include "sim/cost/sram.h"
#include "sim/protect/parts.h"

namespace fluence::protect {
namespace {

constexpr int kSumBits = 32;      // of an accumulator in the output buffer
constexpr int kChannelBits = 16;  // that say which channel a column has

// By how much the accumulators of the channels that are computed twice are off, mod 2³²: of the channel
// itself less those of its copy.
std::map<std::int64_t, std::uint32_t> differences(const arith::LayerFault& fault,
                                                  const std::vector<bool>& duplicated, std::int64_t plane) {
    std::map<std::int64_t, std::uint32_t> differences;
    for (const arith::AccumulatorDelta& change : fault.accumulators) {
        if (duplicated[static_cast<std::size_t>(change.index / plane)]) {
            differences[change.index] += static_cast<std::uint32_t>(change.delta);
        }
    }
    for (const arith::AccumulatorDelta& change : fault.duplicates) {
        differences[change.index] -= static_cast<std::uint32_t>(change.delta);
    }
    return differences;
}

Choice chosen_filters(const Policy& policy, const workloads::Graph& graph) {
    return choice_of(policy.duplication->plan, PlanKind::filters, graph);
}

// The planned channels of a layer; in groups with fewer of them than another one the first others, too.
std::vector<bool> evened_out(std::vector<bool> chosen, const workloads::GemmShape& gemm) {
    const auto count = [&](std::int64_t group) {
        const auto first = chosen.begin() + static_cast<std::ptrdiff_t>(group * gemm.n);
        return std::count(first, first + static_cast<std::ptrdiff_t>(gemm.n), true);
    };
    std::ptrdiff_t most = 0;
    for (int group = 0; group < gemm.groups; ++group) {
        most = std::max(most, count(group));
    }
    for (int group = 0; group < gemm.groups; ++group) {
        std::ptrdiff_t missing = most - count(group);
        for (std::int64_t n = 0; missing > 0; ++n) {
            auto channel = chosen[static_cast<std::size_t>(group * gemm.n + n)];
            missing -= channel ? 0 : 1;
            channel = true;
        }
    }
    return chosen;
}

std::vector<bool> duplicated(const Choice& choice, const workloads::Graph& graph, std::size_t layer) {
    return choice[layer].empty()
               ? std::vector<bool>()
               : evened_out(choice[layer], workloads::gemm_shape(graph, graph.layers[layer]));
}

}  // namespace

std::vector<bool> duplicated_channels(const Policy& policy, const workloads::Graph& graph, LayerId layer) {
    if (!policy.duplication || !graph.layer(layer).has_macs()) {
        return {};
    }
    const std::shared_ptr<const Choice>& known = policy.duplication->plan.choice;
    return duplicated(known ? *known : chosen_filters(policy, graph), graph, index_of(layer));
}

std::vector<std::vector<std::int32_t>> duplicated_orders(const Policy& policy,
                                                         const workloads::Graph& graph) {
    std::vector<std::vector<std::int32_t>> orders;
    if (!policy.duplication) {
        return orders;
    }
    const Choice choice = chosen_filters(policy, graph);
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        orders.emplace_back();
        const std::vector<bool> twice = duplicated(choice, graph, i);
        for (std::size_t channel = 0; channel < twice.size(); ++channel) {
            orders.back().insert(orders.back().end(), twice[channel] ? 2 : 1,
                                 static_cast<std::int32_t>(channel));
        }
    }
    return orders;
}

Policy with_choices(Policy policy, const workloads::Graph& graph) {
    if (policy.duplication) {
        policy.duplication->plan.choice = std::make_shared<const Choice>(chosen_filters(policy, graph));
    }
    return policy;
}

DuplicationVerdict apply_duplication(const Policy& policy, const workloads::Graph& graph,
                                     arith::LayerFault& fault) {
    DuplicationVerdict verdict;
    const std::vector<bool> twice = duplicated_channels(policy, graph, fault.layer);
    if (twice.empty()) {
        return verdict;
    }
    const workloads::Layer& layer = graph.layer(fault.layer);
    const bool suppress = policy.zero && layer.output != graph.logits;
    const std::int64_t plane = graph.tensor(layer.output).shape.plane();
    for (const auto& [element, difference] : differences(fault, twice, plane)) {
        if (difference == 0) {
            continue;
        }
        verdict.detected = true;
        if (suppress) {
            fault.forced.push_back({element, 0});
            verdict.suppressed = true;
        }
    }
    return verdict;
}

cost::AreaNode duplication_area(const AcceleratorConfig& config) {
    using cost::added_part;
    using cost::times;
    const std::int64_t pixels = std::max<std::int64_t>(
        1, config.output_buffer.half().count() / (std::int64_t{kSumBits / 8} * config.array.cols));
    return cost::area_sum(
        "duplicated filters",
        {added_part("kept sums", cost::sram(pixels, kSumBits)),
         added_part("comparators", times(config.vector_unit.lanes,
                                         cost::equality_comparator(kSumBits) + cost::flipflops(kSumBits))),
         added_part("channel table", times(config.array.cols, cost::enabled_flipflops(kChannelBits)))});
}

void parse_duplication(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.duplication) {
        object.fail("part", "is given twice");
    }
    policy.duplication = DuplicationPart{parse_plan_request(object, "plan", PlanKind::filters)};
}

std::vector<nlohmann::json> write_duplication(const PartInfo&, const Policy& policy) {
    if (!policy.duplication) {
        return {};
    }
    return {{{"plan", to_json(policy.duplication->plan)}}};
}

// The comparison, behind the read of an accumulator.
void time_duplication(const PartInfo&, PolicyTiming& timing, const Policy&) {
    timing.vector_pipeline += Cycles(1);
}

}  // namespace fluence::protect
