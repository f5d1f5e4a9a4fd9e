// Area of a machine under a policy, part by part.
//
// What is counted: the PE array with its accumulating adders, the vector unit, the three on-chip buffers, the
// controller with DMA and address generators, and everything that a policy adds. Not counted: DRAM and
// wiring. A sum over
//   PEs              rows·cols weight-stationary PEs, int8 operands and 32-bit sums; with shadow weights the
//                    double-buffered PE
//   accumulation     one 32-bit adder a column in front of the output buffer
//   vector unit      a lane: requantiser with a 31-bit multiplier (ReLU is its clamp), a 32-bit adder for
//                    residual additions and average pools, an 8-bit maximum for pools, a register a pipeline
//                    cycle
//   buffers          two SRAM macros (or banks of macros) each: the halves of the double buffer
//   controller, DMA  estimated as kControlShare of the vector unit and the array's logic (choice; no
//                    reference stands behind it, and no policy changes it)
// Ports with a codec, by the words that cross them in one cycle (W: bytes of a word):
//   DRAM               ⌈bytes_per_cycle / W⌉ encoders and decoders
//   weight buffer      writes from the DMA: encoders as for DRAM; reads of a row of weights: ⌈cols / W⌉
//   decoders activation buffer  writes from the DMA or the vector unit, the wider; reads: one word a row,
//   rows decoders output buffer      ⌈4·cols / W⌉ encoders and as many decoders for accumulation, ⌈4·lanes /
//   W⌉ decoders for the
//                      vector unit
// A memory that is scrubbed has a scrubber with an encoder and a decoder of its own.
#pragma once

#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/core/units.h"
#include "sim/protect/policy.h"

namespace fluence::protect {

inline constexpr double kControlShare = 0.05;

struct AreaNode {
    std::string name;         // "PE array", "weight buffer", "SECDED decoders" …
    GateEquivalents area{};   // of this node and everything below
    bool protection = false;  // exists only because of the policy
    std::vector<AreaNode> parts;
};

// Logic and on-chip memories; DRAM is off chip, its check bits are reported by dram_check_share().
AreaNode area_of(const AcceleratorConfig& config, const Policy& policy);
// The nodes that exist only because of the policy, added up.
GateEquivalents added_area(const AreaNode& node);
// Check bits of a DRAM word over its data bits.
double dram_check_share(const AcceleratorConfig& config, const Policy& policy);

}  // namespace fluence::protect
