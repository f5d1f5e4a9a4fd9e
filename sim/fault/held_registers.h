// Bits of the array's registers that are held: a permanent fault meets every value that passes, so the array
// is stepped once as it should be and once with the bits forced behind every edge, from the first held cycle
// to the end of the run, layer by layer on the tensors that earlier layers left. Upsets of registers in the
// same inference strike the same array.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/fault/array_side.h"
#include "sim/fault/effects.h"
#include "sim/fault/stepped_array.h"
#include "sim/fault/verdicts.h"

namespace fluence::fault {

struct HeldBits {
    SiteKind site{};
    std::int64_t unit = 0;
    Cycle from = 0;
    std::uint32_t mask = 0, value = 0;  // within the register's own bits; value within mask
};

class HeldRegisters {
  public:
    explicit HeldRegisters(const MachineView& machine) : machine_(machine) {}

    void hold(const HeldBits& held);
    void strike(const StruckRegister& struck) { struck_.push_back(struck); }
    // Behind the last of them.
    void finish();
    bool any() const { return !held_.empty(); }

    // Layers of the folds that they can reach.
    std::vector<LayerId> layers() const;
    // As SteppedArray's; to be asked for every one of layers(), in ascending order. `sums` need not outlive
    // the call. A register's code judges, in every cycle that it looks at it, the bits that differ from what
    // is held: what it corrects is as it should be, what it only detects ends the inference, whatever the
    // policy does about upsets (the bits would be wrong again), and the rest is forced.
    void evaluate(LayerId layer, const FoldSums& sums, const std::vector<StruckLayer>& struck,
                  LayerChanges& changes, Verdicts& verdicts);
    // What codes see behind the last fold. Behind the last evaluate().
    void end_run(const FoldSums& sums, Verdicts& verdicts);

  private:
    struct Forced : HeldBits {
        int bits = 0;                // of the register
        bool coded = false;          // the policy has a code for it, in some layer
        bool was_corrected = false;  // and has corrected it
    };

    void read_from(const FoldSums& sums);
    void step_to(Cycle last, Verdicts& verdicts);
    Cycle next_event() const;
    void step(Cycle t, Verdicts& verdicts);
    void force(Forced& held, Cycle t, Verdicts& verdicts);

    const MachineView& machine_;
    std::vector<Forced> held_;            // by ascending cycle
    std::vector<StruckRegister> struck_;  // by ascending cycle
    std::int32_t first_ = 0;              // fold with which stepping begins
    std::unique_ptr<ArraySide> right_, wrong_;
    std::int32_t entering_ = 0;  // the next fold that is not announced yet
    std::int32_t leaving_ = 0;   // folds in front of this one have left the array
    std::size_t strike_ = 0;     // the next upset
    Cycle next_ = 0;             // edge
    bool coded_ = false;         // a code looks at held bits
    bool aborted_ = false;
};

}  // namespace fluence::fault
