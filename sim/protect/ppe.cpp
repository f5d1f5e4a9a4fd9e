#include "sim/protect/ppe.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/text.h"

namespace fluence::protect {
namespace {

int columns_of(const PpePart::Split& split, int cols) {
    if (split.share < 0) {
        return split.columns;
    }
    // A share of 1/3 of 3 columns is one column, whatever rounding left of it.
    constexpr double kRounding = 1e-9;
    return static_cast<int>(std::ceil(split.share * cols - kRounding));
}

void check_columns(const Policy& policy, const PpePart::Split& split, const std::string& key, int cols) {
    if (columns_of(split, cols) > cols) {
        throw InputError(policy.name, key,
                         "is " + std::to_string(split.columns) + ", and the array has " +
                             std::to_string(cols) + " columns",
                         "0 … " + std::to_string(cols));
    }
}

std::vector<std::string> mac_layers(const workloads::Graph& graph) {
    std::vector<std::string> names;
    for (const workloads::Layer& layer : graph.layers) {
        if (layer.has_macs()) {
            names.push_back(layer.name);
        }
    }
    return names;
}

void check(const Policy& policy, const workloads::Graph& graph, const AcceleratorConfig& config) {
    if (config.array.dataflow_kind() == DataflowKind::input_stationary) {
        throw InputError(config.name, policy.name + ": ppe",
                         "ranks channels, and in an input-stationary array every column computes all of them",
                         "weight-stationary, output-stationary");
    }
    check_columns(policy, policy.ppe->split, "pe.ppe.columns", config.array.cols);
    const std::vector<std::string> layers = mac_layers(graph);
    for (const auto& [layer, split] : policy.ppe->schedule) {
        const std::string key = "pe.ppe.schedule." + layer;
        if (std::find(layers.begin(), layers.end(), layer) == layers.end()) {
            throw InputError(policy.name, key, "is no layer with MACs of " + graph.name, comma_list(layers));
        }
        check_columns(policy, split, key, config.array.cols);
    }
}

}  // namespace

int protected_columns(const PpePart& part, int cols, const std::string& layer) {
    const auto found = part.schedule.find(layer);
    return columns_of(found == part.schedule.end() ? part.split : found->second, cols);
}

int protected_columns(const PpePart& part, int cols) {
    int widest = columns_of(part.split, cols);
    for (const auto& [layer, split] : part.schedule) {
        widest = std::max(widest, columns_of(split, cols));
    }
    return widest;
}

const RegisterPart& register_part(const Policy& policy, RegisterRole role, std::int64_t column, int cols) {
    return policy.ppe && column < protected_columns(*policy.ppe, cols) ? policy.ppe->registers[index_of(role)]
                                                                       : policy.registers[index_of(role)];
}

bool is_checked(const Policy& policy, std::int64_t column, int cols, const std::string& layer) {
    return !policy.ppe || column >= protected_columns(*policy.ppe, cols) ||
           column < protected_columns(*policy.ppe, cols, layer);
}

std::vector<std::int32_t> channel_order(const Policy& policy, const workloads::Graph& graph, LayerId id,
                                        int cols) {
    const workloads::Layer& layer = graph.layer(id);
    if (!policy.ppe || !layer.has_macs()) {
        return {};
    }
    const workloads::GemmShape gemm = workloads::gemm_shape(graph, layer);
    const std::vector<double> resilience = channel_resilience(policy.ppe->ranking, graph, id, policy.name);
    std::vector<std::int32_t> order(resilience.size());
    std::vector<std::int32_t> ranked(static_cast<std::size_t>(gemm.n));
    for (std::int32_t group = 0; group < gemm.groups; ++group) {
        const auto first = group * gemm.n;
        std::iota(ranked.begin(), ranked.end(), static_cast<std::int32_t>(first));
        std::stable_sort(ranked.begin(), ranked.end(), [&](std::int32_t a, std::int32_t b) {
            return resilience[static_cast<std::size_t>(a)] < resilience[static_cast<std::size_t>(b)];
        });
        auto next = ranked.begin();
        for (std::int64_t column = 0; column < cols; ++column) {
            for (std::int64_t n = column; n < gemm.n; n += cols) {
                order[static_cast<std::size_t>(first + n)] = *next++;
            }
        }
    }
    return order;
}

std::vector<std::vector<std::int32_t>> channel_orders(const Policy& policy, const workloads::Graph& graph,
                                                      const AcceleratorConfig& config) {
    std::vector<std::vector<std::int32_t>> orders;
    if (policy.ppe) {
        check(policy, graph, config);
        for (std::size_t i = 0; i < graph.layers.size(); ++i) {
            orders.push_back(channel_order(policy, graph, layer_id(i), config.array.cols));
        }
    }
    return orders;
}

ProtectedNeurons::ProtectedNeurons(const Policy& policy, const workloads::Graph& graph,
                                   const AcceleratorConfig& config)
    : covered_(graph.layers.size()) {
    const std::vector<std::vector<std::int32_t>> orders = channel_orders(policy, graph, config);
    for (std::size_t i = 0; i < orders.size(); ++i) {
        if (orders[i].empty()) {
            continue;
        }
        const int columns = protected_columns(*policy.ppe, config.array.cols, graph.layers[i].name);
        const std::int64_t group = workloads::gemm_shape(graph, graph.layers[i]).n;
        covered_[i].resize(orders[i].size());
        for (std::size_t at = 0; at < orders[i].size(); ++at) {
            covered_[i][static_cast<std::size_t>(orders[i][at])] =
                static_cast<std::int64_t>(at) % group % config.array.cols < columns;
        }
    }
}

}  // namespace fluence::protect
