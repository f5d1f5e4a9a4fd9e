#include "sim/words/struck_sums.h"

#include "sim/fault/live_value.h"

namespace fluence::words {

using fault::AccumulatorBlock;
using fault::DeadReason;

void StoredSums::strike(std::int64_t word, const fault::Strike& strike, fault::Resolution& result) {
    const int width = golden_.pe().stored_bits();
    const int fields = machine_.config.output_buffer.word_bits / width;
    result.dead = DeadReason::idle;
    for (int field = 0; field < fields; ++field) {
        const WideBits mask =
            wide_bits(strike.bits >> static_cast<std::size_t>(width * field)) & low_wide_bits(width);
        if (mask != 0) {
            strike_accumulator(word * fields + field, strike.cycle, mask, result);
        }
    }
}

// Of the blocks that come to lie there, the last one that has begun is struck; a later one starts anew.
void StoredSums::strike_accumulator(std::int64_t accumulator, traces::Cycle cycle, WideBits mask,
                                    fault::Resolution& result) {
    const AccumulatorBlock* held = nullptr;
    std::int64_t position = 0;
    bool written_again = false;
    machine_.for_each_block(accumulator, [&](const AccumulatorBlock& block, std::int64_t at) {
        if (machine_.sum_written(block, 0, at) <= cycle) {
            held = &block;
            position = at;
        } else {
            written_again = true;
        }
    });
    if (held == nullptr) {
        return;
    }
    const auto last = static_cast<std::int32_t>(held->folds.size()) - 1;
    std::int32_t k_fold = 0;
    while (k_fold < last && machine_.sum_written(*held, k_fold + 1, position) <= cycle) {
        ++k_fold;
    }
    const traces::Cycle read = k_fold < last ? machine_.sum_written(*held, k_fold + 1, position) - 1 -
                                                   machine_.decode_cycles(Memory::output_buffer)
                                             : machine_.sum_drained(*held, position);
    const LayerId layer = machine_.fold(held->folds[0]).layer;
    fault::note_live(layer, static_cast<std::uint64_t>(stored(*held, position, k_fold)),
                     static_cast<std::uint64_t>(mask), result);
    if (cycle > read) {
        result.dead = written_again || k_fold < last ? DeadReason::overwritten : DeadReason::never_read;
        return;
    }
    struck_.push_back({layer, held, position, k_fold, mask});
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
