// A memory of the register-true machine of words behind its code: words are encoded when they are written and
// decoded when they are read. A word that nothing struck is what was written.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "sim/core/wide_bits.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"

namespace fluence::words {

using traces::Cycle;

// What the decoders of a machine said, read by read. The machine finishes the cycle in which it aborts.
class DecoderLog {
  public:
    void add(Cycle cycle, bool corrected, bool detected, bool aborts);

    // The cycle in which the inference was aborted; past all cycles where it was not.
    Cycle ended() const { return ended_; }
    bool aborted() const { return ended_ != std::numeric_limits<Cycle>::max(); }
    // Of the reads up to there.
    bool corrected() const;
    bool detected() const;

  private:
    struct Entry {
        Cycle cycle = 0;
        bool corrected = false, detected = false;
    };
    std::vector<Entry> entries_;
    Cycle ended_ = std::numeric_limits<Cycle>::max();
};

// Values are little endian and lie inside a word. Cycles of calls never fall, but for those of reads that a
// decoder has in hand.
class CodedMemory {
  public:
    // Words of 1 to 16 bytes, all 0. Keeps a reference to `log`.
    CodedMemory(std::int64_t words, int word_bytes, const protect::MemoryPart& part, DecoderLog& log);

    int word_bytes() const { return static_cast<int>(word_bytes_); }

    // Read and decoded in cycle t: a word; a value of `count` bytes from byte address `first` on.
    WideBits read_word(Cycle t, std::int64_t word);
    WideBits read(Cycle t, std::int64_t first, int count);
    // For a unit that takes it at edge t: read so many cycles earlier that the decoder is done.
    WideBits read_for_edge(Cycle t, std::int64_t first, int count) {
        return read(t - 1 - code_.decode_cycles(), first, count);
    }
    // What lies there before the run.
    void put(std::int64_t word, WideBits data) { written_[static_cast<std::size_t>(word)] = data; }
    // At edge t. A value that does not fill its word: the word is read, decoded and encoded again.
    void write_word(Cycle t, std::int64_t word, WideBits data);
    void write(Cycle t, std::int64_t first, int count, WideBits value);
    // Inverts stored bits behind edge t: data, then check bits. Throws std::out_of_range for words and bits
    // that it does not have.
    void flip(Cycle t, std::int64_t word, const WordBits& bits);

  private:
    // A code word: that of `written`, or what upsets made of it.
    struct Word {
        WideBits written = 0;
        std::optional<WordBits> struck;
    };
    struct Change {
        Cycle cycle = 0;
        std::int64_t word = 0;
        Word before;
    };

    Word now(std::int64_t word) const;
    Word at(Cycle t, std::int64_t word) const;
    WideBits decode(Cycle t, const Word& word);
    void change(Cycle t, std::int64_t word, const Word& to);
    WideBits part_of(WideBits word, std::int64_t first, int count) const;

    const std::int64_t word_bytes_;
    const protect::MemoryCode& code_;
    const bool aborts_;
    DecoderLog& log_;
    std::vector<WideBits> written_;
    std::map<std::int64_t, WordBits> struck_;
    std::deque<Change> changes_;  // that a read for an edge may have to look behind, in order
    std::vector<Cycle> changed_;  // by word: the last one
};

}  // namespace fluence::words
