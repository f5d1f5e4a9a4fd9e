#include "sim/words/struck_sums.h"

#include <algorithm>

#include "sim/fault/live_value.h"

namespace fluence::words {
namespace {

using fault::AccumulatorBlock;
using fault::DeadReason;
using fault::MachineView;
using fault::Strike;
using traces::Cycle;

// A stored sum: of a position of a block, behind one of the folds.
struct Slot {
    const AccumulatorBlock* block = nullptr;  // null: nothing yet
    std::int64_t position = 0;
    std::int32_t k_fold = 0;
};

// One word of the output buffer from its first upset on. What its reads deliver depends on the inverted bits
// alone (protect::MemoryCode), not on the sums.
class StruckWord {
  public:
    // Keeps references.
    StruckWord(const MachineView& machine, std::int64_t word, int sum_bits,
               const std::vector<Strike>& strikes)
        : machine_(machine),
          strikes_(strikes),
          word_bits_(machine.config.output_buffer.word_bits),
          sum_bits_(sum_bits),
          fields_(static_cast<std::size_t>(word_bits_ / sum_bits)) {
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            schedule(word, i);
        }
        for (const Strike& strike : strikes) {
            events_.push_back({strike.cycle, Event::Kind::strike, 0, {}, &strike.bits});
        }
        std::stable_sort(events_.begin(), events_.end());
    }

    void walk(fault::Verdicts& verdicts, std::vector<StruckStoredSum>& struck) {
        for (const Event& event : events_) {
            switch (event.kind) {
                case Event::Kind::write:
                    write(event, verdicts);
                    break;
                case Event::Kind::strike:
                    latent_ ^= *event.bits;
                    break;
                case Event::Kind::read:
                    read(event, verdicts, struck);
            }
        }
    }

    // Visits the sums that the first strike met: visit(slot, its inverted bits).
    template <class Visit>
    void for_each_met(const Visit& visit) const {
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            if (fields_[i].before.block != nullptr) {
                visit(fields_[i].before, bits_of(strikes_.front().bits, i));
            }
        }
    }

    // Behind walk(), where nothing came of it.
    DeadReason reason() const {
        const WordBits& bits = strikes_.front().bits;
        const bool data = (bits << static_cast<std::size_t>(kMaxWordBits - word_bits_)).any();
        bool held = false;  // a struck accumulator, or any where check bits alone were struck, holds a sum
        bool rewritten = false;
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            if (!data || bits_of(bits, i) != 0) {
                held = held || fields_[i].before.block != nullptr;
                rewritten = rewritten || fields_[i].rewritten;
            }
        }
        return !held       ? DeadReason::idle
               : seen_     ? (corrected_ ? DeadReason::corrected : DeadReason::no_effect)
               : rewritten ? DeadReason::overwritten
                           : DeadReason::never_read;
    }

  private:
    struct Event {
        // At one edge words take their new values, then they are struck, and then read.
        enum class Kind { write, strike, read };
        Cycle cycle = 0;
        Kind kind = Kind::write;
        std::size_t field = 0;
        Slot slot;
        const WordBits* bits = nullptr;
        friend bool operator<(const Event& a, const Event& b) {
            return a.cycle != b.cycle ? a.cycle < b.cycle : a.kind < b.kind;
        }
    };
    // One accumulator of the word.
    struct Field {
        Slot before;             // what it holds when the first upset strikes
        bool rewritten = false;  // later on
        // How the value of the code word differs from the sum that was written.
        bool zero = false;
        WideBits flipped = 0;
    };

    WideBits bits_of(const WordBits& bits, std::size_t field) const {
        return wide_bits(bits >> (field * static_cast<std::size_t>(sum_bits_))) & low_wide_bits(sum_bits_);
    }

    // The first block to come behind the last strike starts anew.
    void schedule(std::int64_t word, std::size_t index) {
        Field& field = fields_[index];
        const Cycle first_strike = strikes_.front().cycle;
        bool undisturbed = false;
        const std::int64_t accumulator =
            word * static_cast<std::int64_t>(fields_.size()) + static_cast<std::int64_t>(index);
        machine_.for_each_block(accumulator, [&](const AccumulatorBlock& block, std::int64_t position) {
            const auto last = static_cast<std::int32_t>(block.folds.size()) - 1;
            const Cycle begin = machine_.sum_written(block, 0, position);
            if (undisturbed) {
                return;
            }
            if (machine_.sum_drained(block, position) < first_strike) {
                field.before = {&block, position, last};
            } else if (begin > strikes_.back().cycle) {
                undisturbed = true;
                field.rewritten = true;
                events_.push_back({begin, Event::Kind::write, index, {&block, position, 0}, nullptr});
            } else {
                schedule(block, position, index);
            }
        });
    }

    void schedule(const AccumulatorBlock& block, std::int64_t position, std::size_t index) {
        Field& field = fields_[index];
        const Cycle first_strike = strikes_.front().cycle;
        const auto last = static_cast<std::int32_t>(block.folds.size()) - 1;
        for (std::int32_t k = 0; k <= last; ++k) {
            const Slot slot{&block, position, k};
            const Cycle written = machine_.sum_written(block, k, position);
            if (written > first_strike) {
                events_.push_back({written, Event::Kind::write, index, slot, nullptr});
                field.rewritten = true;
            } else {
                field.before = slot;
            }
            const Cycle read = k < last ? machine_.sum_written(block, k + 1, position) - 1 -
                                              machine_.decode_cycles(Memory::output_buffer)
                                        : machine_.sum_drained(block, position);
            if (read >= first_strike) {
                events_.push_back({read, Event::Kind::read, index, slot, nullptr});
            }
        }
    }

    protect::Decoded decode(Cycle cycle, fault::Verdicts& verdicts) {
        const protect::Decoded decoded =
            machine_.code(Memory::output_buffer).decode_error(latent_, word_bits_);
        const bool aborts =
            decoded.detected &&
            machine_.policy.memory[index_of(Memory::output_buffer)].on_due == protect::DueAction::abort;
        verdicts.add({cycle, decoded.corrected, decoded.detected, decoded.detected, aborts, 0});
        seen_ = seen_ || decoded.corrected || decoded.detected;
        corrected_ = (corrected_ || decoded.corrected) && !decoded.detected;
        return decoded;
    }

    void write(const Event& event, fault::Verdicts& verdicts) {
        if (latent_.any() && fields_.size() > 1) {
            const protect::Decoded decoded = decode(event.cycle, verdicts);
            for (std::size_t i = 0; i < fields_.size(); ++i) {
                fields_[i].zero = fields_[i].zero || decoded.detected;
                fields_[i].flipped = decoded.detected ? 0 : fields_[i].flipped ^ bits_of(decoded.residual, i);
            }
        }
        latent_.reset();
        fields_[event.field].zero = false;
        fields_[event.field].flipped = 0;
    }

    void read(const Event& event, fault::Verdicts& verdicts, std::vector<StruckStoredSum>& struck) {
        const Field& field = fields_[event.field];
        bool zero = field.zero;
        WideBits flipped = field.flipped;
        if (latent_.any()) {
            const protect::Decoded decoded = decode(event.cycle, verdicts);
            zero = zero || decoded.detected;
            flipped = decoded.detected ? 0 : flipped ^ bits_of(decoded.residual, event.field);
        }
        if (zero || flipped != 0) {
            const LayerId layer = machine_.fold(event.slot.block->folds[0]).layer;
            struck.push_back(
                {layer, event.slot.block, event.slot.position, event.slot.k_fold, zero, flipped});
            seen_ = true;
            corrected_ = false;
        }
    }

    const MachineView& machine_;
    const std::vector<Strike>& strikes_;
    const int word_bits_, sum_bits_;
    std::vector<Event> events_;
    std::vector<Field> fields_;
    WordBits latent_;                        // inverted bits that no decoder has taken into the word
    bool seen_ = false, corrected_ = false;  // by reads; and by them all
};

}  // namespace

void StoredSums::strike(std::int64_t word, const std::vector<Strike>& strikes, fault::Resolution& result) {
    StruckWord struck(machine_, word, golden_.pe().stored_bits(), strikes);
    bool noted = false;
    struck.for_each_met([&](const Slot& slot, WideBits mask) {
        const LayerId layer = machine_.fold(slot.block->folds[0]).layer;
        result.layer = result.layer < 0 ? static_cast<std::int32_t>(layer) : result.layer;
        if (mask != 0 && !noted) {
            noted = true;
            fault::note_live(layer,
                             static_cast<std::uint64_t>(stored(*slot.block, slot.position, slot.k_fold)),
                             static_cast<std::uint64_t>(mask), result);
        }
    });
    struck.walk(verdicts_, struck_);
    result.dead = struck.reason();
}

WideBits StoredSums::stored(const AccumulatorBlock& block, std::int64_t position, std::int32_t k_fold) const {
    WideBits total = 0;
    for (std::int32_t j = 0; j <= k_fold; ++j) {
        const traces::Fold& fold = machine_.fold(block.folds[static_cast<std::size_t>(j)]);
        const WideBits sum =
            golden_.partial(fold, position % fold.pixels, position / fold.pixels, fold.terms);
        total = j == 0 ? golden_.pe().stored(sum) : golden_.pe().accumulate(total, sum);
    }
    return total;
}

}  // namespace fluence::words
