#include "sim/words/coded_memory.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace fluence::words {
namespace {

constexpr Cycle kBefore = std::numeric_limits<Cycle>::min();  // the run

WordBits word_bits(WideBits bits) {
    return WordBits(static_cast<std::uint64_t>(bits >> 64)) << 64 |
           WordBits(static_cast<std::uint64_t>(bits));
}

}  // namespace

void DecoderLog::add(Cycle cycle, bool corrected, bool detected, bool aborts) {
    entries_.push_back({cycle, corrected, detected});
    ended_ = aborts ? std::min(ended_, cycle) : ended_;
}

bool DecoderLog::corrected() const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const Entry& entry) { return entry.corrected && entry.cycle <= ended_; });
}

bool DecoderLog::detected() const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const Entry& entry) { return entry.detected && entry.cycle <= ended_; });
}

CodedMemory::CodedMemory(std::int64_t words, int word_bytes, const protect::MemoryPart& part, DecoderLog& log)
    : word_bytes_(word_bytes),
      code_(protect::memory_code(part.code)),
      aborts_(part.on_due == protect::DueAction::abort),
      log_(log),
      written_(static_cast<std::size_t>(words)),
      changed_(static_cast<std::size_t>(words), kBefore) {}

CodedMemory::Word CodedMemory::now(std::int64_t word) const {
    Word content{written_[static_cast<std::size_t>(word)], std::nullopt};
    if (const auto struck = struck_.find(word); struck != struck_.end()) {
        content.struck = struck->second;
    }
    return content;
}

CodedMemory::Word CodedMemory::at(Cycle t, std::int64_t word) const {
    if (changed_[static_cast<std::size_t>(word)] > t) {
        for (const Change& change : changes_) {
            if (change.word == word && change.cycle > t) {
                return change.before;
            }
        }
    }
    return now(word);
}

WideBits CodedMemory::decode(Cycle t, const Word& word) {
    if (!word.struck) {
        return word.written;
    }
    const protect::DecodedWord read = code_.decode(*word.struck, static_cast<int>(8 * word_bytes_));
    log_.add(t, read.corrected, read.detected, read.detected && aborts_);
    return read.detected ? 0 : wide_bits(read.data);
}

void CodedMemory::change(Cycle t, std::int64_t word, const Word& to) {
    while (!changes_.empty() && changes_.front().cycle < t - code_.decode_cycles()) {
        changes_.pop_front();
    }
    changes_.push_back({t, word, now(word)});
    changed_[static_cast<std::size_t>(word)] = t;
    written_[static_cast<std::size_t>(word)] = to.written;
    struck_.erase(word);
    if (to.struck) {
        struck_.emplace(word, *to.struck);
    }
}

WideBits CodedMemory::part_of(WideBits word, std::int64_t first, int count) const {
    return word >> (8 * (first % word_bytes_)) & low_wide_bits(8 * count);
}

WideBits CodedMemory::read_word(Cycle t, std::int64_t word) {
    return decode(t, at(t, word));
}

WideBits CodedMemory::read(Cycle t, std::int64_t first, int count) {
    return part_of(read_word(t, first / word_bytes_), first, count);
}

void CodedMemory::write_word(Cycle t, std::int64_t word, WideBits data) {
    change(t, word, {data, std::nullopt});
}

void CodedMemory::write(Cycle t, std::int64_t first, int count, WideBits value) {
    const std::int64_t word = first / word_bytes_;
    const auto place = static_cast<int>(8 * (first % word_bytes_));
    const WideBits mask = low_wide_bits(8 * count) << place;
    const WideBits others = count == word_bytes_ ? 0 : decode(t, now(word)) & ~mask;
    write_word(t, word, others | (value << place & mask));
}

void CodedMemory::flip(Cycle t, std::int64_t word, const WordBits& bits) {
    const auto words = static_cast<std::int64_t>(written_.size());
    const auto data_bits = static_cast<int>(8 * word_bytes_);
    const int stored_bits = data_bits + code_.check_bits(data_bits);
    if (word < 0 || word >= words || (bits >> static_cast<std::size_t>(stored_bits)).any()) {
        throw std::out_of_range("the memory has " + std::to_string(words) + " words of " +
                                std::to_string(stored_bits) + " bits");
    }
    Word struck = now(word);
    if (!struck.struck) {
        struck.struck = code_.encode(word_bits(struck.written), data_bits);
    }
    *struck.struck ^= bits;
    change(t, word, struck);
}

}  // namespace fluence::words
