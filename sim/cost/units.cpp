#include "sim/cost/units.h"

#include <optional>

#include "sim/core/error.h"
#include "sim/cost/ecc.h"
#include "sim/cost/logic.h"
#include "sim/cost/protected_pe.h"

namespace fluence::cost {
namespace {

constexpr int kAccumulator = 32;
constexpr int kChecksumColumns = 16;  // that the reference checksum units were written for
constexpr int kMaxWidth = 1024;
constexpr int kMaxDataBits = 128;  // of memory codes
constexpr int kMaxParameter = 65536;

// What the units of one column of the table below have in common.
template <GateEquivalents (*Area)(int)>
UnitCost combinational(int width, int) {
    return {Area(width), 0};
}

UnitCost sec_encoder_cost(int k, int) {
    return {syndrome_encoder(hamming_ones(k), hamming_check_bits(k)), 0};
}
UnitCost sec_decoder_cost(int k, int) {
    return {sec_decoder(hamming_ones(k), k, hamming_check_bits(k)), 0};
}
UnitCost hsiao_encoder_cost(int k, int) {
    return {syndrome_encoder(hsiao_ones(k), hamming_check_bits(k) + 1), 0};
}
UnitCost hsiao_decoder_cost(int k, int) {
    return {secded_decoder(hsiao_ones(k), k, hamming_check_bits(k) + 1), 0};
}

const std::vector<UnitInfo>& table() {
    static const std::vector<UnitInfo> rows = {
        {"dff", "register", 1, kMaxWidth, 0,
         [](int w, int) {
             return UnitCost{flipflops(w), w};
         }},
        {"dff_en", "register with load enable", 1, kMaxWidth, 0,
         [](int w, int) {
             return UnitCost{enabled_flipflops(w), w};
         }},
        {"mul_sWxW", "signed multiplier, both operands of the width", 2, 64, 0,
         [](int w, int) {
             return UnitCost{multiplier(w, w), 0};
         }},
        {"adder", "ripple-carry adder", 1, kMaxWidth, 0, combinational<adder>},
        {"pe_ws_int8_acc#", "weight-stationary PE, accumulator of # bits", 2, 64, 128,
         [](int w, int acc) {
             return UnitCost{pe_weight_stationary(w, acc), 2 * w + acc};
         }},
        {"pe_ws_int8_acc#_merged", "the same with multiplier and adder in one compressor tree", 2, 64, 128,
         [](int w, int acc) {
             return UnitCost{pe_weight_stationary_merged(w, acc), 2 * w + acc};
         }},
        {"pe_ws_db_int8_acc#", "weight-stationary PE with double-buffered weight", 2, 64, 128,
         [](int w, int acc) {
             return UnitCost{pe_weight_stationary_shadow(w, acc), 3 * w + acc};
         }},
        {"pe_os_int8_acc#", "output-stationary PE with drain chain", 2, 64, 128,
         [](int w, int acc) {
             return UnitCost{pe_output_stationary(w, acc), 2 * w + acc};
         }},
        {"prot_pe_base", "weight-stationary PE, unprotected", 2, 32, 0,
         [](int w, int) { return protected_pe_base(w, kAccumulator); }},
        {"prot_pe_parity", "the same with a parity bit on each register", 2, 32, 0,
         [](int w, int) { return protected_pe_parity(w, kAccumulator); }},
        {"prot_pe_secded_w", "the same with SECDED on the weight register", 4, 32, 0,
         [](int w, int) {
             return protected_pe_secded(w, kAccumulator, {true, false, false});
         }},
        {"prot_pe_secded_all", "the same with SECDED on weight, activation and sum register", 4, 32, 0,
         [](int w, int) {
             return protected_pe_secded(w, kAccumulator, {true, true, true});
         }},
        {"prot_pe_tmr_weight", "the same with three weight registers and a voter", 2, 32, 0,
         [](int w, int) {
             return protected_pe_tmr_registers(w, kAccumulator, {true, false, false});
         }},
        {"prot_pe_tmr_psum", "the same with three sum registers and a voter", 2, 32, 0,
         [](int w, int) {
             return protected_pe_tmr_registers(w, kAccumulator, {false, false, true});
         }},
        {"prot_pe_tmr_regs", "the same with all registers three times and voters", 2, 32, 0,
         [](int w, int) {
             return protected_pe_tmr_registers(w, kAccumulator, {true, true, true});
         }},
        {"prot_pe_tmr", "three PEs and voters", 2, 32, 0,
         [](int w, int) { return protected_pe_tmr(w, kAccumulator); }},
        {"prot_pe_dmr", "two PEs and comparators", 2, 32, 0,
         [](int w, int) { return protected_pe_dmr(w, kAccumulator); }},
        {"fp32_mul", "fp32 multiplier", 32, 32, 0,
         [](int, int) {
             return UnitCost{fp32_multiplier(), 0};
         }},
        {"fp32_add", "fp32 adder", 32, 32, 0,
         [](int, int) {
             return UnitCost{fp32_adder(), 0};
         }},
        {"pe_ws_fp32", "weight-stationary fp32 PE", 32, 32, 0,
         [](int, int) {
             return UnitCost{fp32_pe_weight_stationary(), 4 * 32};
         }},
        {"bf16_mul", "bf16 multiplier, exact fp32 product", 16, 16, 0,
         [](int, int) {
             return UnitCost{bf16_multiplier(), 0};
         }},
        {"bf16_round", "fp32 to bf16, to nearest even", 16, 16, 0,
         [](int, int) {
             return UnitCost{bf16_rounding(), 0};
         }},
        {"pe_ws_bf16", "weight-stationary PE of bf16 operands and fp32 sums", 16, 16, 0,
         [](int, int) {
             return UnitCost{bf16_pe_weight_stationary(), 2 * 16 + 32};
         }},
        {"parity_gen", "parity bit of a word", 2, kMaxWidth, 0, combinational<parity_generator>},
        {"parity_chk", "parity check of a word", 1, kMaxWidth, 0, combinational<parity_checker>},
        {"hamming_sec_enc", "Hamming encoder", 4, kMaxDataBits, 0, sec_encoder_cost},
        {"hamming_sec_dec", "Hamming decoder", 4, kMaxDataBits, 0, sec_decoder_cost},
        {"secded_exthamming_enc", "extended Hamming encoder", 4, kMaxDataBits, 0,
         combinational<extended_hamming_encoder>},
        {"secded_exthamming_dec", "extended Hamming decoder", 4, kMaxDataBits, 0,
         combinational<extended_hamming_decoder>},
        {"secded_hsiao_enc", "Hsiao encoder", 4, kMaxDataBits, 0, hsiao_encoder_cost},
        {"secded_hsiao_dec", "Hsiao decoder", 4, kMaxDataBits, 0, hsiao_decoder_cost},
        {"tmr_voter", "majority of three words", 1, kMaxWidth, 0, combinational<majority_voter>},
        {"tmr_voter_flag", "majority of three words, with a flag", 1, kMaxWidth, 0,
         combinational<majority_voter_with_flag>},
        {"dmr_comparator", "equality of two words", 1, kMaxWidth, 0, combinational<equality_comparator>},
        {"range_clamp", "two-sided clamp, thresholds as inputs", 2, 128, 0, combinational<range_clamp>},
        {"range_zero", "zero where out of range, thresholds as inputs", 2, 128, 0, combinational<range_zero>},
        {"range_clamp_regs", "two-sided clamp with threshold registers", 2, 128, 0,
         [](int w, int) {
             return UnitCost{range_clamp_with_thresholds(w), 2 * w};
         }},
        {"range_clamp_hi_reg", "one-sided clamp with its threshold register", 2, 128, 0,
         [](int w, int) {
             return UnitCost{range_clamp_upper_with_threshold(w), w};
         }},
        {"fp32_range_clamp", "two-sided fp32 clamp", 32, 32, 0,
         [](int, int) {
             return UnitCost{fp32_range_clamp(), 0};
         }},
        {"relu", "ReLU", 2, kMaxWidth, 0, combinational<relu>},
        {"requant_m#", "requantiser of an accumulator of the width, multiplier of # bits", 8, 64, 64,
         [](int w, int m) {
             return UnitCost{requantiser(w, m), 0};
         }},
        {"requant_fix_m#", "requantiser with a fixed pre-shift and no zero point", 8, 64, 64,
         [](int w, int m) {
             return UnitCost{requantiser_fixed_shift(w, m), 0};
         }},
        {"csum_tree_#xW", "adder tree over # columns", 1, 128, kMaxParameter,
         [](int w, int n) {
             return UnitCost{adder_tree(n, w), 0};
         }},
        {"csum_acc_seq", "sequential checksum of 16 columns", 4, 128, 0,
         [](int w, int) {
             return UnitCost{sequential_checksum(w, kChecksumColumns), w + growth_bits(kChecksumColumns)};
         }},
        {"csum_col_pe", "PE of the checksum column beside 16 columns", 2, 64, 0,
         [](int w, int) {
             const int growth = growth_bits(kChecksumColumns);
             return UnitCost{checksum_pe(w, kAccumulator, kChecksumColumns), 2 * (w + growth) + kAccumulator};
         }},
        {"grad_lane", "gradient suppressor lane, one neighbour", 2, 128, 0,
         [](int w, int) {
             return UnitCost{gradient_lane(w), 3 * w + 2};
         }},
        {"grad_lane2", "gradient suppressor lane, both neighbours", 2, 128, 0,
         [](int w, int) {
             return UnitCost{gradient_lane_both_sides(w), 4 * w + 2};
         }},
        {"grad_lane_noreg", "gradient suppressor lane without its registers", 2, 128, 0,
         combinational<gradient_lane_combinational>},
        {"grad_stats", "running sum and maximum of gradients", 2, 128, 0,
         [](int w, int) {
             return UnitCost{gradient_statistics(w), 3 * w + 17};
         }},
        {"median3", "median of three", 1, 128, 0,
         [](int w, int) {
             return UnitCost{median(3, w), 0};
         }},
        {"median5", "median of five", 1, 128, 0,
         [](int w, int) {
             return UnitCost{median(5, w), 0};
         }},
        {"median9", "median of nine", 1, 128, 0,
         [](int w, int) {
             return UnitCost{median(9, w), 0};
         }},
        {"popcount", "number of ones", 2, kMaxWidth, 0, combinational<popcount>},
        {"regfile_#xW_1r1w", "register file of # words", 1, 1024, kMaxParameter,
         [](int w, int d) {
             return UnitCost{register_file(d, w), d * w};
         }},
        {"shift_fifo_#xW", "shift-register FIFO of # words", 1, 1024, kMaxParameter,
         [](int w, int d) {
             return UnitCost{shift_fifo(d, w), d * w};
         }},
    };
    return rows;
}

// The number at `at`, which moves behind it; nothing where there is none of at most six digits.
std::optional<int> read_number(const std::string& name, std::size_t& at) {
    std::size_t end = at;
    while (end < name.size() && name[end] >= '0' && name[end] <= '9') {
        ++end;
    }
    if (end == at || end - at > 6) {
        return std::nullopt;
    }
    const int value = std::stoi(name.substr(at, end - at));
    at = end;
    return value;
}

// The parameter in `name` where it matches the row's pattern (0 where the pattern has none).
std::optional<int> match(const UnitInfo& row, const std::string& name) {
    int parameter = 0;
    std::size_t at = 0;
    for (const char* c = row.pattern; *c != '\0'; ++c) {
        if (*c == '#' || *c == 'W') {
            const std::optional<int> number = read_number(name, at);
            if (!number) {
                return std::nullopt;
            }
            parameter = *c == '#' ? *number : parameter;
        } else if (at >= name.size() || name[at++] != *c) {
            return std::nullopt;
        }
    }
    return at == name.size() ? std::optional<int>(parameter) : std::nullopt;
}

void require_range(const std::string& key, int value, int low, int high) {
    if (value < low || value > high) {
        throw InputError("", key, "is " + std::to_string(value),
                         std::to_string(low) + " to " + std::to_string(high));
    }
}

}  // namespace

const std::vector<UnitInfo>& unit_registry() {
    return table();
}

UnitCost unit_cost(const std::string& name, int width) {
    std::string valid;
    for (const UnitInfo& row : table()) {
        if (const std::optional<int> parameter = match(row, name)) {
            if (row.max_parameter > 0) {
                require_range("number in " + name, *parameter, 1, row.max_parameter);
            }
            require_range("width of " + name, width, row.min_width, row.max_width);
            return row.cost(width, *parameter);
        }
        valid += (valid.empty() ? "" : ", ") + std::string(row.pattern);
    }
    throw InputError("", "unit", "there is no unit \"" + name + "\"", valid + "; # is a number, W the width");
}

}  // namespace fluence::cost
