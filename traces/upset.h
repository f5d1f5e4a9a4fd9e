// An upset: bits of one storage site inverted at the edge that begins one cycle, or held at one value from
// there on. Lists of upsets are files that can be replayed (docs/formats.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/memory.h"
#include "traces/timeline.h"

namespace fluence::traces {

// Registers of the array hold what their name says in every dataflow (dataflow::SpaceTimeMap's roles); how
// many there are of each, and how wide, is dataflow::register_banks()'s to say. `unit` of a PE register is
// row·C + column; a bank with several stages puts stage j's registers behind stage j−1's.
enum class SiteKind {
    pe_weight,         // the weight that the MAC multiplies with, or that passes by
    pe_weight_shadow,  // weight stationary with shadow registers
    pe_activation,     // the same two for activations
    pe_psum,        // moving partial sums, row R (if any) behind the last PE; output stationary: accumulators
    weight_buffer,  // unit = word of the buffer (both halves); data bits, then check bits
    activation_buffer,
    output_buffer,
    dram,                  // unit = word of dataflow::MemoryMap
    neuron,                // unit = flat element of the output of layer `layer`
    pe_activation_shadow,  // input stationary with shadow registers
    pe_product,            // multiplier pipeline, stages 1 … LM
    pe_psum_stage,         // output stationary: the LA − 1 stages behind the accumulator
    pe_drain,              // output stationary, drain `shift`
    array_skew,            // internal skew: row lane r has r registers, lane by lane, then the columns' lanes
    // Travelling control: Gemmini's mesh and tiny-tpu.
    pe_chain,   // what moves down to load or flush the PEs (d; wshift), row R behind the last PE
    pe_bank_1,  // c1 and c2, which change roles with the propagate bit
    pe_bank_2,
    pe_valid,  // control bits
    pe_propagate,
    pe_weight_valid,
    mac_output,  // unit = flat element of layer `layer`: its 32-bit sum of products, in front of the bias
    weight,      // unit = index into Layer::weights of layer `layer`, wrong in DRAM from the beginning on
    // Outside the array and the memories: dataflow::unit_banks() says how many and how wide.
    checksum_weight,      // the checksum column (dataflow/checksum_column.h): a row's w̃
    checksum_activation,  // and activation, with registers at the PE's input
    checksum_product,     // multiplier pipeline, stages 1 … LM, R rows each
    checksum_psum,        // moving sums as pe_psum's; output stationary: accumulators, then the stages behind
    checksum_sum,         // unit = word of the sums' memory
    checksum_compare,     // the comparator's registers, one a lane
    vector_pipeline,      // the vector unit (dataflow/vector_pipeline.h): unit = stage · lanes + lane
    vector_parameter,     // unit = word of the layer's parameter region (dataflow::MemoryMap)
    range_bound,          // range restriction: unit = lane; the lower bound's byte, then the upper one's
    relu_operand,         // ReLU check: unit = lane; x
    duplicate_sum,        // duplicated filters (dataflow/kept_sums.h): unit = word of the kept sums' memory
    duplicate_compare,    // their comparator's registers, one a lane
    filter_buffer,        // filters of whole pixels (dataflow/filter_unit.h): unit = byte, a code
    filter_threshold,     // their limits, one register a lane
    kept_answer,          // inference end (sim/protect/answers.h): unit = answer · words of an answer + word
    confidence_threshold,  // registers of top1_confidence and top2_difference
    // All neurons of layer `layer` on unprotected PEs, each by a draw of its own: unit = the number of the
    // stream of draws, bits = the level (level_of()). docs/fault-models.md defines the draws.
    neuron_dropout,  // outputs 0 with a probability
    neuron_noise,    // a normally distributed number is added to its code
};
inline constexpr int kSiteKindCount = 40;
const char* name_of(SiteKind kind);
SiteKind site_kind_named(const std::string& name);  // throws std::out_of_range
constexpr bool is_control(SiteKind kind) {
    return kind == SiteKind::pe_valid || kind == SiteKind::pe_propagate || kind == SiteKind::pe_weight_valid;
}
// Registers of the PE array, control bits and skew registers among them (dataflow::register_banks()).
constexpr bool is_array_register(SiteKind kind) {
    return kind <= SiteKind::pe_psum ||
           (kind >= SiteKind::pe_activation_shadow && kind <= SiteKind::pe_weight_valid);
}
// Values, whatever holds them: they belong to a layer, and in its run the upset has no cycle of its own.
constexpr bool is_value(SiteKind kind) {
    return kind == SiteKind::neuron || kind == SiteKind::mac_output || kind == SiteKind::weight ||
           kind == SiteKind::neuron_dropout || kind == SiteKind::neuron_noise;
}
// State of the machine outside the array and the memories (dataflow::unit_banks()).
constexpr bool is_unit_state(SiteKind kind) {
    return kind >= SiteKind::checksum_weight && kind <= SiteKind::confidence_threshold;
}
// Of them, state of a request: it outlives a run, and its cycles are those of the request
// (sim/protect/rerun.h).
constexpr bool is_request_state(SiteKind kind) {
    return kind == SiteKind::kept_answer || kind == SiteKind::confidence_threshold;
}
// Values that are drawn neuron by neuron; every run of an inference meets draws of its own.
constexpr bool is_disturbance(SiteKind kind) {
    return kind == SiteKind::neuron_dropout || kind == SiteKind::neuron_noise;
}

// A permanent fault: bits of a register of the array that are 0, or 1, in every cycle from the upset's on,
// whatever is written there.
enum class Held { no, at_0, at_1 };
inline constexpr int kHeldCount = 3;

struct Upset {
    SiteKind site = SiteKind::pe_weight;
    std::int64_t unit = 0;
    std::int32_t layer = -1;  // values only
    Cycle cycle = 0;          // of values: 0, or any cycle of a further run
    WordBits bits;            // the bits to invert or to hold; of disturbances the level
    Held held = Held::no;     // of registers of the array alone
};

// How much a disturbance disturbs: neuron_dropout: the probability of a neuron, in units of 2⁻³²;
// neuron_noise: the standard deviation in codes, in units of 2⁻¹⁶.
double level_of(const Upset& disturbance);
WordBits level_bits(SiteKind kind, double level);  // the nearest one
inline constexpr double kLargestNoise = 1 << 20;   // codes

}  // namespace fluence::traces
