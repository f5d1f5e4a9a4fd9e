#include "sim/fault/site_table.h"

namespace fluence::fault {

const std::vector<SiteInfo>& site_table() {
    static const std::vector<SiteInfo> table = {
        {SiteKind::pe_weight, "weight register of a PE"},
        {SiteKind::pe_weight_shadow, "shadow register of a PE's weight"},
        {SiteKind::pe_activation, "activation register of a PE"},
        {SiteKind::pe_activation_shadow, "shadow register of a PE's activation (input stationary)"},
        {SiteKind::pe_product, "multiplier pipeline of a PE"},
        {SiteKind::pe_psum, "moving partial sum, or accumulator, of a PE"},
        {SiteKind::pe_psum_stage, "stages behind a PE's accumulator"},
        {SiteKind::pe_drain, "drain register of a PE (output stationary)"},
        {SiteKind::array_skew, "registers that skew operands at the array's edge"},
        {SiteKind::pe_chain, "chain that loads or flushes PEs (travelling control)"},
        {SiteKind::pe_bank_1, "first of two banks that change roles (travelling control)"},
        {SiteKind::pe_bank_2, "second of them"},
        {SiteKind::pe_valid, "valid bit (travelling control)"},
        {SiteKind::pe_propagate, "bit that chooses the bank (travelling control)"},
        {SiteKind::pe_weight_valid, "valid bit of a weight on its way (travelling control)"},
        {SiteKind::weight_buffer, "word of the weight buffer, check bits included"},
        {SiteKind::activation_buffer, "word of the activation buffer, check bits included"},
        {SiteKind::output_buffer, "word of the output buffer, check bits included"},
        {SiteKind::dram, "word of DRAM, check bits included"},
        {SiteKind::vector_pipeline, "pipeline register of a lane of the vector unit"},
        {SiteKind::vector_parameter, "word of biases, multipliers and shifts in the vector unit"},
        {SiteKind::checksum_weight, "weight of the checksum column (linear-checksum)"},
        {SiteKind::checksum_activation, "activation register of the checksum column"},
        {SiteKind::checksum_product, "multiplier pipeline of the checksum column"},
        {SiteKind::checksum_psum, "sum register of the checksum column"},
        {SiteKind::checksum_sum, "word of the checksum column's sums"},
        {SiteKind::checksum_compare, "comparator's register of a lane"},
        {SiteKind::relu_operand, "what a lane compares a code behind ReLU with (relu-check)"},
        {SiteKind::range_bound, "bounds of a lane (range-restriction)"},
        {SiteKind::duplicate_sum, "sum that waits for its copy's (duplicate-filters)"},
        {SiteKind::duplicate_compare, "comparator's register of a lane, for copies"},
        {SiteKind::filter_buffer,
         "code that waits for its pixel (gradient-suppression, median, just-say-zero)"},
        {SiteKind::filter_threshold, "thresholds of a lane (gradient-suppression, just-say-zero)"},
        {SiteKind::kept_answer,
         "logit or class of an answer that waits for the next run's (temporal-dmr, confidence-rerun)"},
        {SiteKind::confidence_threshold, "threshold of a confidence (confidence-rerun)"},
        {SiteKind::neuron, "output of a layer (value models)"},
        {SiteKind::mac_output, "sum of products of an output, in front of the bias (value models)"},
        {SiteKind::weight, "weight of a layer, in DRAM (value models)"},
    };
    return table;
}

}  // namespace fluence::fault
