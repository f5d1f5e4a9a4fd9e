#include "sim/dataflow/registers.h"

#include "sim/dataflow/space_time.h"

namespace fluence::dataflow {

using traces::SiteKind;

namespace {

// Gemmini's mesh and tiny-tpu's array.
std::vector<RegisterBank> travelling_banks(const ArrayConfig& array) {
    const std::int64_t cols = array.cols;
    const std::int64_t pes = array.rows * cols;
    const DataflowKind kind = array.dataflow_kind();
    const bool weights_move = kind == DataflowKind::input_stationary;
    const SiteKind moving = weights_move ? SiteKind::pe_weight : SiteKind::pe_activation;
    const SiteKind kept = weights_move ? SiteKind::pe_activation : SiteKind::pe_weight;
    if (array.operand_register == OperandRegister::output) {
        return {{kept, pes, array.operand_bits},
                {moving, pes, array.operand_bits},
                {SiteKind::pe_psum, pes, array.accumulator_bits},
                {SiteKind::pe_chain, pes, array.operand_bits},
                {SiteKind::pe_valid, pes, 1},
                {SiteKind::pe_weight_valid, pes, 1}};
    }
    // What moves down is registered once more behind the last row.
    const bool sums_stay = kind == DataflowKind::output_stationary;
    const RegisterBank down = sums_stay ? RegisterBank{SiteKind::pe_weight, pes + cols, array.operand_bits}
                                        : RegisterBank{SiteKind::pe_psum, pes + cols, array.accumulator_bits};
    const int kept_bits = sums_stay ? array.accumulator_bits : array.operand_bits;
    return {{moving, pes, array.operand_bits},
            down,
            {SiteKind::pe_chain, pes + cols, kept_bits},
            {SiteKind::pe_bank_1, pes, kept_bits},
            {SiteKind::pe_bank_2, pes, kept_bits},
            {SiteKind::pe_valid, pes, 1},
            {SiteKind::pe_propagate, pes, 1}};
}

}  // namespace

int product_bits(const ArrayConfig& array) {
    switch (array.format) {
        case OperandFormat::int8:
            return kProductBits;
        case OperandFormat::bf16:
        case OperandFormat::fp32:
            return array.accumulator_bits;
        default:
            return 2 * array.operand_bits;
    }
}

std::vector<RegisterBank> register_banks(const ArrayConfig& array) {
    if (array.control == ArrayControl::travelling) {
        return travelling_banks(array);
    }
    const std::int64_t cols = array.cols;
    const std::int64_t pes = array.rows * cols;
    const DataflowKind kind = array.dataflow_kind();
    std::vector<RegisterBank> banks = {{SiteKind::pe_weight, pes, array.operand_bits}};
    if (array.shadow_weights) {
        banks.push_back({kind == DataflowKind::input_stationary ? SiteKind::pe_activation_shadow
                                                                : SiteKind::pe_weight_shadow,
                         pes, array.operand_bits});
    }
    banks.push_back({SiteKind::pe_activation, pes, array.operand_bits});
    banks.push_back({SiteKind::pe_psum, SpaceTimeMap(array).psum_rows() * cols, array.accumulator_bits});
    if (array.multiplier_stages > 0) {
        banks.push_back({SiteKind::pe_product, array.multiplier_stages * pes, product_bits(array)});
    }
    if (array.accumulator_stages > 1) {
        banks.push_back(
            {SiteKind::pe_psum_stage, (array.accumulator_stages - 1) * pes, array.accumulator_bits});
    }
    const bool stationary_sum = kind == DataflowKind::output_stationary;
    if (stationary_sum && array.drain == Drain::shift) {
        banks.push_back({SiteKind::pe_drain, pes, array.accumulator_bits});
    }
    if (array.skew == Skew::internal) {
        const std::int64_t lanes =
            std::int64_t{array.rows} * (array.rows - 1) / 2 + (stationary_sum ? cols * (cols - 1) / 2 : 0);
        banks.push_back({SiteKind::array_skew, lanes, array.operand_bits});
    }
    return banks;
}

std::optional<RegisterBank> register_bank(const ArrayConfig& array, SiteKind kind) {
    for (const RegisterBank& bank : register_banks(array)) {
        if (bank.kind == kind) {
            return bank;
        }
    }
    return std::nullopt;
}

std::optional<RegisterRole> register_role(const ArrayConfig& array, SiteKind kind) {
    switch (kind) {
        case SiteKind::pe_weight:
        case SiteKind::pe_weight_shadow:
            return RegisterRole::weight;
        case SiteKind::pe_activation:
        case SiteKind::pe_activation_shadow:
            return RegisterRole::activation;
        case SiteKind::pe_psum:
        case SiteKind::pe_product:
        case SiteKind::pe_psum_stage:
        case SiteKind::pe_drain:
            return RegisterRole::psum;
        case SiteKind::pe_chain:
        case SiteKind::pe_bank_1:
        case SiteKind::pe_bank_2:
            break;
        default:
            return std::nullopt;
    }
    // What the array keeps, and moves to where it is kept.
    switch (array.dataflow_kind()) {
        case DataflowKind::weight_stationary:
            return RegisterRole::weight;
        case DataflowKind::input_stationary:
            return RegisterRole::activation;
        case DataflowKind::output_stationary:
            return RegisterRole::psum;
    }
    return std::nullopt;
}

std::int64_t first_column_served(const ArrayConfig& array, SiteKind kind, std::int64_t unit) {
    return kind == SiteKind::pe_drain ? 0 : unit % array.cols;
}

}  // namespace fluence::dataflow
