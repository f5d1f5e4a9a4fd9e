// Filters: suppressors that look at all channels of one output pixel of a layer (gradient statistics, median,
// just-say-zero). They act behind range restriction on the outputs of convolutions, linear layers and
// additions, but not on the last layer, nor on layers with fewer channels than the filter compares.
//
// As hardware. The vector unit finishes a layer's outputs block of channels by block of channels, so their
// codes wait in a filter buffer, and only complete pixels are filtered and stored:
//   always     with the pass that completes a pixel. The filter walks through the pixels, `lanes` side by
//              side, channel by channel, the last channel before the first one (the order is circular)
//   detection  when the layer is complete, if a detector fired in it; the clock stands meanwhile
// P pixels of C channels take filter_cycles() = ⌈P/lanes⌉·(C + 2) + 2: two channels are read twice, and a
// comparison and a selection are registers.
#pragma once

#include <string>
#include <vector>

#include "sim/arith/pixel_filter.h"
#include "sim/arith/sum_rule.h"
#include "sim/core/accelerator_config.h"
#include "sim/core/units.h"
#include "sim/protect/policy.h"
#include "workloads/bundle.h"

namespace fluence::protect {

// How the policy's filter, of which it has one at most, acts on a layer.
struct FilteredLayer {
    bool always = false;
    bool detected = false;
    bool any() const { return always || detected; }
};
FilteredLayer filtered(const Policy& policy, const workloads::Graph& graph, const workloads::Layer& layer);

Cycles filter_cycles(const AcceleratorConfig& config, std::int64_t pixels, std::int32_t channels);
// Bytes of the filter buffer; 0 without a filter.
std::int64_t filter_buffer_bytes(const Policy& policy);
// Bits of the register in which a lane has what the filter compares with: two limits of a gradient, 9 bits
// each, the lower one in the low bits; just-say-zero's largest score, 8 bits. 0: it compares with nothing.
inline constexpr int kGradientLimitBits = 9;
inline constexpr int kScoreBits = 8;
int threshold_bits(const Policy& policy);
// Which of a layer's thresholds those of a channel of a pixel are.
std::int64_t threshold_key(const Policy& policy, const workloads::Shape& output, std::int64_t channel,
                           std::int64_t pixel);
// Of the filter's comparisons of a pixel (arith::PixelFilter): 0, or 1.
std::int32_t first_comparison(const Policy& policy);

// Largest and smallest values that pass, by key (layer, channel or neuron; the filter's header says which).
struct Limits {
    std::vector<std::int32_t> lo, hi;
    friend bool operator==(const Limits& a, const Limits& b) { return a.lo == b.lo && a.hi == b.hi; }
};
// What filters know from the calibration images, by layer; empty where the policy needs nothing of it.
struct FilterTables {
    std::vector<Limits> gradient, just_say_zero;
    friend bool operator==(const FilterTables& a, const FilterTables& b) {
        return a.gradient == b.gradient && a.just_say_zero == b.just_say_zero;
    }
};
bool needs_calibration(const Policy& policy);
// Runs the network without filters, but under the policy's range restriction, on the first images of the
// bundle's calibration split. `sums`: how the machine adds. Throws InputError where the bundle has none.
FilterTables filter_tables(const Policy& policy, const workloads::Bundle& bundle, const arith::SumRule& sums);

// One entry a layer; empty where the policy filters nothing.
std::vector<arith::LayerFilters> layer_filters(const Policy& policy, const workloads::Graph& graph,
                                               const FilterTables& tables);

// For passing tables between processes.
std::string encode(const FilterTables& tables);
FilterTables decode_filter_tables(const std::string& bytes);

}  // namespace fluence::protect
