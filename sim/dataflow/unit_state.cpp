#include "sim/dataflow/unit_state.h"

#include <algorithm>

#include "sim/dataflow/checksum_column.h"

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
