#include "sim/fault/sites.h"

#include <algorithm>

#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/registers.h"
#include "sim/dataflow/unit_state.h"
#include "sim/protect/answers.h"
#include "sim/protect/duplication.h"
#include "sim/protect/layer_filters.h"

namespace fluence::fault {

std::vector<SiteClass> site_classes(const workloads::Graph& graph, const AcceleratorConfig& config,
                                    const protect::Policy& policy) {
    std::vector<SiteClass> classes;
    const auto add = [&classes](SiteKind kind, std::int64_t units, int bits) {
        classes.push_back({kind, units, bits, -1, 1.0});
    };
    const auto add_buffer = [&](SiteKind kind, Memory memory, const BufferConfig& buffer) {
        add(kind, buffer.size.count() / buffer.word_bytes(),
            protect::stored_bits(policy, memory, buffer.word_bits));
    };
    for (const dataflow::RegisterBank& bank : dataflow::register_banks(config.array)) {
        const auto role = dataflow::register_role(config.array, bank.kind);
        add(bank.kind, bank.units, role ? protect::stored_bits(policy, *role, bank.bits) : bank.bits);
        classes.back().own_bits = bank.bits;
    }
    for (const dataflow::RegisterBank& bank : dataflow::unit_banks(graph, config, unit_parts(policy))) {
        add(bank.kind, bank.units, bank.bits);
    }
    add_buffer(SiteKind::weight_buffer, Memory::weight_buffer, config.weight_buffer);
    add_buffer(SiteKind::activation_buffer, Memory::activation_buffer, config.activation_buffer);
    add_buffer(SiteKind::output_buffer, Memory::output_buffer, config.output_buffer);
    add(SiteKind::dram, dataflow::MemoryMap(graph, config, protect::duplicated_orders(policy, graph)).words(),
        protect::stored_bits(policy, Memory::dram, config.dram.word_bits));
    return classes;
}

dataflow::UnitParts unit_parts(const protect::Policy& policy) {
    const protect::PolicyTiming timing = protect::timing_of(policy);
    dataflow::UnitParts parts;
    parts.checksum = timing.checksum_column;
    parts.range_restriction = policy.range.has_value();
    parts.relu_check = policy.relu_check.has_value();
    parts.added_stages = static_cast<int>(timing.vector_pipeline.count());
    parts.duplicates = policy.duplication.has_value();
    parts.filter_bytes = protect::filter_buffer_bytes(policy);
    parts.filter_threshold_bits = protect::threshold_bits(policy);
    parts.kept_answers = protect::kept_answers(policy);
    parts.kept_classes = protect::compare_of(policy) == protect::AnswerCompare::top1;
    parts.kept_bits = protect::kept_bits(policy);
    parts.confidence_thresholds = policy.confidence_rerun ? protect::kConfidenceThresholds : 0;
    parts.confidence_threshold_bits = protect::kConfidenceThresholdBits;
    return parts;
}

std::vector<SiteClass> unite(const std::vector<std::vector<SiteClass>>& classes) {
    std::vector<SiteClass> united;
    for (const std::vector<SiteClass>& one : classes) {
        for (const SiteClass& site : one) {
            const auto same = std::find_if(united.begin(), united.end(), [&](const SiteClass& other) {
                return other.kind == site.kind && other.layer == site.layer;
            });
            if (same == united.end()) {
                united.push_back(site);
            } else {
                same->units = std::max(same->units, site.units);
                same->bits = std::max(same->bits, site.bits);
            }
        }
    }
    return united;
}

}  // namespace fluence::fault
