#include "traces/upset.h"

#include <array>
#include <cmath>
#include <stdexcept>

namespace fluence::traces {
namespace {

constexpr std::array<const char*, kSiteKindCount> kNames = {"pe_weight",        "pe_weight_shadow",
                                                            "pe_activation",    "pe_psum",
                                                            "weight_buffer",    "activation_buffer",
                                                            "output_buffer",    "dram",
                                                            "neuron",           "pe_activation_shadow",
                                                            "pe_product",       "pe_psum_stage",
                                                            "pe_drain",         "array_skew",
                                                            "pe_chain",         "pe_bank_1",
                                                            "pe_bank_2",        "pe_valid",
                                                            "pe_propagate",     "pe_weight_valid",
                                                            "mac_output",       "weight",
                                                            "checksum_weight",  "checksum_activation",
                                                            "checksum_product", "checksum_psum",
                                                            "checksum_sum",     "checksum_compare",
                                                            "vector_pipeline",  "vector_parameter",
                                                            "range_bound",      "relu_operand",
                                                            "duplicate_sum",    "duplicate_compare",
                                                            "filter_buffer",    "filter_threshold",
                                                            "kept_answer",      "confidence_threshold",
                                                            "neuron_dropout",   "neuron_noise"};

// Units of a level in 1.
double units_of(SiteKind kind) {
    constexpr int kDropout = 32, kNoise = 16;
    return std::ldexp(1.0, kind == SiteKind::neuron_dropout ? kDropout : kNoise);
}

}  // namespace

const char* name_of(SiteKind kind) {
    return kNames[static_cast<std::size_t>(kind)];
}

double level_of(const Upset& disturbance) {
    return static_cast<double>(disturbance.bits.to_ullong()) / units_of(disturbance.site);
}

WordBits level_bits(SiteKind kind, double level) {
    return WordBits(static_cast<unsigned long long>(std::llround(level * units_of(kind))));
}

SiteKind site_kind_named(const std::string& name) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (name == kNames[i]) {
            return static_cast<SiteKind>(i);
        }
    }
    throw std::out_of_range(name);
}

}  // namespace fluence::traces
