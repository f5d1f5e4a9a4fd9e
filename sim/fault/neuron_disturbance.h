// Disturbances of neurons (SiteKind::neuron_dropout, neuron_noise) as changes of output codes.
//
// Draws. The neurons of a layer, in the order of their flat index, take one draw each from the stream
// (upset's unit, RandomPurpose::neuron_disturbance, layer): dropout 32 bits, of which those below the level
// drop out; noise a standard normal number, whose product with the level is rounded to the nearest integer,
// halves away from zero. Neurons on protected PEs take theirs in vain, so that every policy meets the same
// draws.
//
// Protected is a neuron whose channel a column of the ppe part's region computes while the array works on the
// layer, and every neuron where all PEs stand more than once (tmr, dmr). Codes of single registers outside a
// region protect no PE.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/fault_effect.h"
#include "sim/core/accelerator_config.h"
#include "sim/fault/upset.h"
#include "sim/protect/ppe.h"

namespace fluence::fault {

class NeuronDisturbance {
  public:
    // Keeps a reference to the graph.
    NeuronDisturbance(const workloads::Graph& graph, const AcceleratorConfig& config,
                      const protect::Policy& policy);

    // Whether any neuron of the layer is on an unprotected PE.
    bool reaches(LayerId layer) const;
    // What `upsets`, all of them disturbances of one layer, do to its outputs: numbers add up, and are added
    // to the 0 of neurons that drop out. Ascending, outputs that nothing is done to left out.
    std::vector<arith::DisturbedOutput> outputs(LayerId layer, const std::vector<Upset>& upsets) const;

  private:
    bool is_protected(LayerId layer, std::int64_t channel) const {
        return all_protected_ || neurons_.covers(layer, channel);
    }

    const workloads::Graph& graph_;
    const protect::ProtectedNeurons neurons_;
    const bool all_protected_;
};

}  // namespace fluence::fault
