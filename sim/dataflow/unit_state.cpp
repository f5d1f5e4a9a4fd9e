#include "sim/dataflow/unit_state.h"

#include <algorithm>

#include "sim/dataflow/checksum_column.h"
#include "sim/dataflow/filter_unit.h"
#include "sim/dataflow/kept_sums.h"
#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/vector_pipeline.h"

namespace fluence::dataflow {

using traces::SiteKind;

std::vector<RegisterBank> unit_banks(const workloads::Graph& graph, const AcceleratorConfig& config,
                                     const UnitParts& parts) {
    std::vector<RegisterBank> banks;
    if (parts.checksum) {
        const ChecksumColumn column(config.array);
        banks = {{SiteKind::checksum_weight, column.weights(), column.weight_bits()},
                 {SiteKind::checksum_activation, column.activations(), config.array.operand_bits},
                 {SiteKind::checksum_product, column.products(), column.product_bits()},
                 {SiteKind::checksum_psum, column.sums(), column.sum_bits()},
                 {SiteKind::checksum_sum, kChecksumBanks * checksum_words(graph, config), column.sum_bits()},
                 {SiteKind::checksum_compare, config.vector_unit.lanes, column.sum_bits()}};
    }
    const VectorUnitConfig& unit = config.vector_unit;
    std::int64_t words = 0;
    const MemoryMap map(graph, config);
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        words = std::max(words, map.parameters(layer_id(i)).words);
    }
    banks.push_back({SiteKind::vector_pipeline,
                     std::int64_t{VectorPipeline(unit, parts.added_stages).stages()} * unit.lanes,
                     VectorPipeline::register_bits(config.array.format)});
    banks.push_back({SiteKind::vector_parameter, words, config.dram.word_bits});
    if (parts.relu_check) {
        banks.push_back({SiteKind::relu_operand, unit.lanes, kReluOperandBits});
    }
    if (parts.range_restriction) {
        banks.push_back({SiteKind::range_bound, unit.lanes, kRangeBoundBits});
    }
    if (parts.duplicates) {
        banks.push_back({SiteKind::duplicate_sum, kept_sum_words(graph, config), kKeptSumBits});
        banks.push_back({SiteKind::duplicate_compare, unit.lanes, kKeptSumBits});
    }
    banks.push_back({SiteKind::filter_buffer, parts.filter_bytes, kFilteredCodeBits});
    if (parts.filter_threshold_bits > 0) {
        banks.push_back({SiteKind::filter_threshold, unit.lanes, parts.filter_threshold_bits});
    }
    if (parts.kept_answers > 0) {
        const std::int64_t kept =
            parts.kept_classes ? graph.images() : graph.tensor(graph.logits).shape.elements();
        banks.push_back({SiteKind::kept_answer, parts.kept_answers * kept, parts.kept_bits});
    }
    banks.push_back(
        {SiteKind::confidence_threshold, parts.confidence_thresholds, parts.confidence_threshold_bits});
    banks.erase(
        std::remove_if(banks.begin(), banks.end(), [](const RegisterBank& bank) { return bank.units == 0; }),
        banks.end());
    return banks;
}

std::optional<RegisterBank> unit_bank(const workloads::Graph& graph, const AcceleratorConfig& config,
                                      const UnitParts& parts, SiteKind kind) {
    for (const RegisterBank& bank : unit_banks(graph, config, parts)) {
        if (bank.kind == kind) {
            return bank;
        }
    }
    return std::nullopt;
}

}  // namespace fluence::dataflow
