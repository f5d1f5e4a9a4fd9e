// What the parts of a policy add to a machine, in NAND2 equivalents.
//
// Ports with a codec, by the words that cross them in one cycle (W: bytes of a word; R, C: edges of the
// array):
//   DRAM               ⌈bytes_per_cycle / W⌉ encoders and decoders
//   weight buffer      writes from the DMA: encoders as for DRAM. Reads: a row of stationary weights, ⌈C / W⌉
//                      decoders; weights that stream, a word a lane: C (output stationary), R (input
//                      stationary)
//   activation buffer  writes from the DMA or the vector unit, the wider. Reads: a word a row, R; stationary
//                      activations a word a column, C
//   output buffer      S sums accumulated a cycle: ⌈4·S / W⌉ encoders and as many decoders, and ⌈4·lanes / W⌉
//                      decoders for the vector unit
// A memory that is scrubbed has a scrubber with an encoder and a decoder of its own.
#pragma once

#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/core/memory.h"
#include "sim/core/units.h"
#include "sim/cost/area_tree.h"
#include "sim/protect/policy.h"

namespace fluence::protect {

// S: sums that leave the array, and are accumulated, in one cycle. Down the columns: one a column; output
// stationary with drain `shift`: one a row; `parallel`: the PEs of an antidiagonal.
int sums_per_cycle(const ArrayConfig& array);

// A buffer: two SRAM macros (or banks of macros), the halves, with the columns, codecs and scrubber of its
// code.
cost::AreaNode buffer_area(const AcceleratorConfig& config, const Policy& policy, Memory memory,
                           const std::string& name, const BufferConfig& buffer);
// Codecs in front of the DRAM; of no area without a code. DRAM itself is off chip.
cost::AreaNode dram_interface_area(const AcceleratorConfig& config, const Policy& policy);
// Range restriction of the vector unit's lanes: thresholds, comparators, a pipeline register.
GateEquivalents range_area(const RangePart& part, int lanes);
// The checksum column, the memory of its sums (one a pixel in each half of the output buffer) with their
// adder, and what compares them with the sum of the drained accumulators.
cost::AreaNode checksum_area(const AcceleratorConfig& config, const Policy& policy);

// Check bits of a DRAM word over its data bits; under selective ECC those of weights, signatures included.
double dram_check_share(const AcceleratorConfig& config, const Policy& policy);

}  // namespace fluence::protect
