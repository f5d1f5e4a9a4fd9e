// Upsets in words of the output buffer: one or several accumulators, each written by one k fold and read by
// the next, and at last by the vector unit.
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

namespace fluence::fault {

class AccumulatorSites {
  public:
    AccumulatorSites(const MachineView& machine, Effects& effects) : machine_(machine), effects_(effects) {}

    // `bits`: data bits, then check bits, none of them absent. Fills `result` but for its faults.
    void word(std::int64_t word, Cycle cycle, const WordBits& bits, Resolution& result);

  private:
    static constexpr int kMaxFields = kMaxWordBits / 32;

    // One accumulator of the word and what it holds when the upset strikes.
    struct Slot {
        const AccumulatorBlock* block = nullptr;  // null: nothing yet
        std::int64_t position = 0;                // inside the block
        std::int32_t k_fold = -1;                 // the last one that was added
        bool written_again = false;
    };
    struct Event {
        enum class Kind { write, read_by_array, read_by_vector_unit };
        Cycle cycle = 0;
        Kind kind = Kind::write;
        int field = 0;
        std::int32_t k_fold = 0;  // whose sum is written; or whose sum is read
        // At one edge words take their new values first and are read then.
        friend bool operator<(const Event& a, const Event& b) {
            return a.cycle != b.cycle ? a.cycle < b.cycle : a.kind < b.kind;
        }
    };
    // How the stored accumulator differs from the golden one.
    struct State {
        std::uint32_t flipped = 0;  // bits, in a word that the code takes for valid
        bool zero = false;
        std::uint32_t offset = 0;  // of a sum that was read wrong and written back
        std::uint32_t pending = 0;
    };

    Slot find(std::int64_t accumulator, int field, Cycle cycle);
    void schedule(const Slot& slot, int field, Cycle cycle);
    Cycle write_edge(const AccumulatorBlock& block, std::int32_t k_fold, std::int64_t position) const;
    const traces::Fold& fold(const AccumulatorBlock& block, std::int32_t k_fold) const {
        return machine_.timeline
            .folds[static_cast<std::size_t>(block.folds[static_cast<std::size_t>(k_fold)])];
    }
    std::uint32_t golden_sum(const Slot& slot, std::int32_t k_fold) const;
    std::int64_t element(const Slot& slot) const;
    void write(const Event& event, Resolution& result);
    void read(const Event& event, Resolution& result);
    protect::Decoded decode(Resolution& result) const;

    const MachineView& machine_;
    Effects& effects_;
    int fields_ = 0;
    WordBits latent_;  // inverted bits that no decoder has met yet
    std::array<Slot, kMaxFields> slots_;
    std::array<State, kMaxFields> states_;
    std::vector<Event> events_;
    bool read_ = false;  // anything of value was read
};

}  // namespace fluence::fault
