#include "sim/words/machine_check.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "sim/core/error.h"
#include "sim/core/text.h"
#include "sim/core/wide_bits.h"
#include "sim/protect/registry.h"
#include "sim/words/resolver.h"

namespace fluence::words {
namespace {

// The largest magnitude that the sum of a fold can have, whatever the activations.
WideBits largest_sum(const workloads::WordGraph& graph, std::size_t layer,
                     const std::vector<std::int64_t>& fold_ends) {
    const int bits = workloads::word_bits(graph.format);
    const workloads::Words& weights = graph.layers[layer].weights;
    const std::int64_t k = fold_ends.back();
    WideBits largest = 0;
    for (std::size_t row = 0; row < weights.size(); row += static_cast<std::size_t>(k)) {
        std::int64_t begin = 0;
        for (const std::int64_t end : fold_ends) {
            WideBits sum = 0;
            for (; begin < end; ++begin) {
                const WideInteger w = wide_integer(weights[row + static_cast<std::size_t>(begin)], bits);
                sum += static_cast<WideBits>(w < 0 ? -w : w);
            }
            largest = std::max(largest, sum);
        }
    }
    return largest << (bits - 1);
}

}  // namespace

OperandFormat machine_format(workloads::WordFormat format) {
    switch (format) {
        case workloads::WordFormat::fxp16:
            return OperandFormat::fxp16;
        case workloads::WordFormat::fxp32:
            return OperandFormat::fxp32;
        case workloads::WordFormat::bf16:
            return OperandFormat::bf16;
        case workloads::WordFormat::fp32:
            return OperandFormat::fp32;
    }
    throw std::out_of_range("number format without a machine");
}

void check_policy(const protect::Policy& policy) {
    const std::string file = "policy " + policy.name;
    std::vector<std::string> codes = protect::part_names(protect::Point::memory);
    codes.erase(std::find(codes.begin(), codes.end(), "selective-ecc"));
    for (const protect::PartInfo& part : protect::part_registry()) {
        const bool code = std::find(codes.begin(), codes.end(), part.name) != codes.end();
        if (!code && !part.write(part, policy).empty()) {
            throw InputError(file, name_of(part.point),
                             std::string("has ") + part.name +
                                 ": values of words are modelled with codes of memories alone",
                             comma_list(codes));
        }
    }
    for (const Memory memory : kMemories) {
        const protect::MemoryPart& part = policy.memory[index_of(memory)];
        if (part.on_due != protect::DueAction::zero && part.on_due != protect::DueAction::abort) {
            throw InputError(
                file, "memory.on_due",
                std::string(part.on_due == protect::DueAction::refetch ? "is \"refetch\" for "
                                                                       : "is \"recompute\" for ") +
                    name_of(memory) + ", which is not modelled with values of words",
                "zero, abort");
        }
        if (part.scrub_period.count() != 0) {
            throw InputError(file, "memory.scrub_period_cycles",
                             "is " + std::to_string(part.scrub_period.count()) + " for " + name_of(memory) +
                                 ": scrubbing is not modelled with values of words",
                             "0");
        }
    }
}

void check_machine(const workloads::WordGraph& graph, const AcceleratorConfig& config,
                   const protect::Policy& policy) {
    if (config.array.format != machine_format(graph.format)) {
        throw InputError(
            config.name, "format",
            std::string("is ") + name_of(config.array.format) + ", the network's " + name_of(graph.format),
            name_of(graph.format));
    }
    if (config.array.control != ArrayControl::central) {
        throw InputError(config.name, "control", "is travelling: values of words move under central control",
                         "central");
    }
    check_policy(policy);
    if (!workloads::is_fixed_point(graph.format)) {
        return;
    }
    const arith::MachineOrder order = machine_order(graph, config);
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        if (graph.structure.layers[i].has_macs() &&
            largest_sum(graph, i, order.fold_ends[i]) > low_wide_bits(config.array.accumulator_bits - 1)) {
            throw InputError(config.name, "accumulator_bits",
                             "is " + std::to_string(config.array.accumulator_bits) + ": sums of layer \"" +
                                 graph.structure.layers[i].name +
                                 "\" could leave the register without any upset",
                             "wider registers for sums");
        }
    }
}

}  // namespace fluence::words
