// Upset → the exact set of changed values, or the reason it is dead. Closed form: from the timeline, the
// space-time map and the memory map, without stepping the machine. (Arrays with travelling control are the
// exception, and bits that are held: the array alone is stepped through the folds that the upset of a
// register can reach.) tests/fault holds it against machines that are stepped.
//
// Several upsets in one inference: what each leaves wrong is collected, memory words in the order of their
// events, and then layer by layer, on the tensors that earlier layers left, the sums that something reaches
// are computed in the array's own order.
//
// Words. A read decodes: a corrected word counts as clean, one whose error is detected and not corrected as
// zero (or what the policy's DueAction makes of it), whichever bits were struck. A load decodes DRAM words
// and encodes what it got for the buffer. An accumulator that shares its word with others is written by read,
// change and write of the whole word, which decodes as well. The host reads the logits from DRAM, decoded,
// when the run is over.
#pragma once

#include <memory>
#include <vector>

#include "sim/arith/engine.h"
#include "sim/core/accelerator_config.h"
#include "sim/fault/upset.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::fault {

struct Resolution {
    DeadReason dead = DeadReason::none;
    bool corrected = false;             // a code corrected at least one read
    bool detected = false;              // a code detected at least one read that it could not correct
    bool zeroed = false;                // and such a word read as zero
    bool aborted = false;               // DueAction::abort: the inference ended
    traces::Cycle ended = -1;           // and in which cycle; the run's cycles: when the host read the logits
    traces::Cycle recovery_cycles = 0;  // DueAction: cycles for which the machine's clock stood
    // The struck field (register, or of the struck elements of the word that hold a value the lowest) before
    // and after the upset, as raw bits; equal where no value was struck (check bits, padding, idle; zeros in
    // registers that move at every edge count as values). Of a neuron: the golden code behind restriction. Of
    // a filter's threshold, which is not known here: 0, and the bits that the upset inverts. Of held bits:
    // what they would be where they are wrong, and what they are held at.
    std::uint64_t golden_bits = 0, faulty_bits = 0;
    // No layer is changed, but products or partial sums were off on their way to a sum that is right (changes
    // that cancel, registers that wrap or saturate). Not told under travelling control and of held bits.
    bool sums_absorbed = false;
    std::int32_t layer = -1;                // layer whose work was at the site when it was struck; −1: none
    std::vector<arith::LayerFault> faults;  // ascending by layer; empty where dead or aborted
};

// One machine run under one policy. Keeps references to all arguments. resolve() may be called from several
// threads; it throws std::out_of_range for a unit or layer that the machine does not have
// (DRAM words behind the last one are dead, absent: other policies of a campaign may have them).
class Resolver {
  public:
    // `bounds`: the policy's range restriction, as the Engine's; copied. Null or empty: it has none. Keeps
    // references to the others.
    Resolver(const workloads::Graph& graph, const AcceleratorConfig& config, const protect::Policy& policy,
             const traces::Timeline& timeline, const std::vector<arith::OutputBounds>* bounds = nullptr);
    ~Resolver();

    // `golden`: of the struck image under this policy. Not for registers under travelling control and held
    // bits (below).
    Resolution resolve(const Upset& upset, const arith::GoldenRun& golden) const;
    // The joint effect of upsets in one inference, exactly, whatever they share: a word, a register, an
    // accumulator, a layer (later ones meet what earlier ones left). None: dead (absent). `engine` made
    // `golden`. golden_bits, faulty_bits and layer are those of the first upset in time.
    Resolution resolve(const std::vector<Upset>& upsets, const arith::GoldenRun& golden,
                       arith::Engine& engine) const;

    // What `upsets`, of which those in DRAM count, leave in DRAM's words when the last edge of the run is
    // `last_edge` (its cycles, or the cycle of an abort): the bits in which a word differs from a valid code
    // word of what the machine wrote there, as upsets in cycle 0 of a run that follows. Words that the run
    // wrote anew behind them are right; scrubbing counts.
    std::vector<Upset> left_in_dram(const std::vector<Upset>& upsets, traces::Cycle last_edge) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace fluence::fault
