// Upsets in words of the output buffer: one or several accumulators, each written by one fold of the
// reduction and read by the next, and at last by the vector unit.
//
// A word of several accumulators is written in part: the word as it stands is decoded, the new accumulator
// put in its place and the whole encoded again. An error elsewhere in the word is thereby corrected,
// detected (the other accumulators become zero) or, unseen, taken into a valid word.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"
#include "sim/fault/strike.h"
#include "sim/fault/verdicts.h"
#include "sim/fault/word_sites.h"

namespace fluence::fault {

// What happens to one word of the output buffer that upsets strike.
class AccumulatorWord {
  public:
    // `strikes`: by ascending cycle. `words`: what DRAM holds. `joint`: sums that are written may be wrong
    // themselves.
    AccumulatorWord(const MachineView& machine, const WordSites& words, std::int64_t word,
                    std::vector<Strike> strikes, bool joint);

    // Layers whose accumulators the word holds when or after it was struck.
    const std::vector<LayerId>& layers() const { return layers_; }

    // Verdicts, and why nothing changed if nothing did. Unless joint, bits and layer of the strike as well.
    // `sums`, `golden`: of the fault-free run.
    void report(const FoldSums& sums, const arith::GoldenRun& golden, Verdicts& verdicts, Resolution& result);
    // What the accumulators of one layer come to. `golden`: null where `sums` are not of the fault-free run.
    void evaluate(LayerId layer, const FoldSums& sums, const arith::GoldenRun* golden, LayerChanges& changes);

  private:
    static constexpr int kMaxFields = kMaxWordBits / 32;

    // One accumulator of the word, and up to which fold it is summed.
    struct Slot {
        const AccumulatorBlock* block = nullptr;  // null: nothing yet
        std::int64_t position = 0;                // inside the block
        std::int32_t k_fold = -1;
    };
    struct Event {
        // At one edge words take their new values, then they are struck, and then read.
        enum class Kind { write, strike, read_by_array, read_by_vector_unit };
        Cycle cycle = 0;
        Kind kind = Kind::write;
        int field = 0;
        Slot slot;             // whose sum is written or read
        bool followed = true;  // false: of the first block that comes to lie there undisturbed
        std::size_t strike = 0;
        friend bool operator<(const Event& a, const Event& b) {
            return a.cycle != b.cycle ? a.cycle < b.cycle : a.kind < b.kind;
        }
    };
    // How the stored accumulator differs from the fault-free one.
    struct State {
        Slot slot;
        std::uint32_t flipped = 0;  // bits, in a word that the code takes for valid
        bool zero = false;
        std::uint32_t offset = 0;  // of a sum that was read wrong, or summed wrong, and written
        std::uint32_t pending = 0;
    };
    // What one walk through the events is for.
    struct Walk {
        Verdicts* verdicts = nullptr;
        LayerChanges* changes = nullptr;  // values of `layer`
        LayerId layer{};
        const FoldSums* sums = nullptr;
        const arith::GoldenRun* golden = nullptr;
    };

    void schedule(int field);
    void schedule(const AccumulatorBlock& block, std::int64_t position, int field);
    void walk(const Walk& walk);
    void write(const Event& event, const Walk& walk);
    void read(const Event& event, const Walk& walk);
    // The scrubber's reads in front of cycle `until`.
    void scrub(Cycle until, const Walk& walk);
    // What decoding the word in that cycle makes of it.
    struct Decoded {
        bool zero = false;
        WordBits residual;
    };
    Decoded decode(Cycle cycle, const Walk& walk);
    // All sums of the word anew, from the words that DRAM holds.
    void recompute(Cycle cycle, const Walk& walk);
    std::uint32_t recomputed_off(const Slot& slot, Cycle cycle, const Walk& walk) const;
    void take_in(const WordBits& residual);
    const traces::Fold& fold(const AccumulatorBlock& block, std::int32_t k_fold) const {
        return machine_.fold(block.folds[static_cast<std::size_t>(k_fold)]);
    }
    LayerId layer_of(const Slot& slot) const { return fold(*slot.block, 0).layer; }
    std::int64_t element(const Slot& slot) const;
    LayerChanges::Copy copy_of(const Slot& slot) const;
    std::uint32_t golden_sum(const Slot& slot, const Walk& walk) const;
    void note(const FoldSums& sums, const arith::GoldenRun& golden, Resolution& result) const;

    const MachineView& machine_;
    const WordSites& words_;
    const std::int64_t word_;
    const std::vector<Strike> strikes_;
    const bool joint_;
    const int fields_;
    std::vector<Event> events_;
    std::vector<LayerId> layers_;
    std::array<Slot, kMaxFields> before_;       // what the word held in front of the events
    std::array<bool, kMaxFields> rewritten_{};  // something is written behind the first strike
    // Of a walk.
    WordBits latent_;  // inverted bits that no decoder has met yet
    Cycle latent_since_ = 0;
    std::array<State, kMaxFields> states_;
    bool read_ = false;  // anything of value was read
    bool corrected_ = false, detected_ = false;
};

}  // namespace fluence::fault
