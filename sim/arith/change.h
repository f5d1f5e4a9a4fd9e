// What travels between layers in the delta engine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "sim/arith/engine.h"

namespace fluence::arith {

// An element whose code differs from the golden one.
struct Change {
    std::int32_t pixel;  // y · width + x
    std::int32_t channel;
    std::int32_t code;
    std::int32_t golden;
};

// Leaves what resize() adds uninitialised.
template <class Value>
struct UninitialisedAllocator : std::allocator<Value> {
    template <class Other>
    struct rebind {
        using other = UninitialisedAllocator<Other>;
    };
    template <class... Arguments>
    void construct(Value* at, Arguments&&... arguments) {
        if constexpr (sizeof...(arguments) == 0) {
            ::new (static_cast<void*>(at)) Value;
        } else {
            ::new (static_cast<void*>(at)) Value{std::forward<Arguments>(arguments)...};
        }
    }
};

// The changes of one tensor, ascending by pixel, then channel; each element at most once.
using Changes = std::vector<Change, UninitialisedAllocator<Change>>;

// Writes a change place by place.
inline void write_change(Change* to, std::int32_t pixel, std::int32_t channel, std::int32_t code,
                         std::int32_t golden) {
    to->pixel = pixel;
    to->channel = channel;
    to->code = code;
    to->golden = golden;
}

// Appends found[0 … count) to `output`; what `found` then holds is scratch.
inline void append_changes(Changes& found, std::size_t count, Changes& output) {
    if (output.empty()) {
        found.resize(count);
        output.swap(found);
    } else {
        output.insert(output.end(), found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count));
    }
}

// One layer of a faulty inference.
struct LayerStep {
    LayerId layer;
    const GoldenRun& golden;
    const std::vector<Changes>& changes;  // by tensor; those of the layer's inputs are read
    const LayerFault* fault;              // null: none
    const OutputBounds* bounds;           // null: none
    const Codes& golden_output;           // in front of filters; `output` is relative to it
    // The same as [pixel][channel]; null where it is not at hand, or where bounds may have altered it.
    const std::int16_t* golden_codes;
    Changes& output;           // overwritten
    std::int64_t& restricted;  // += wrong codes that range restriction altered
    std::int64_t& filtered;    // += wrong codes that filters altered
};

inline std::int32_t bounded(const OutputBounds& bounds, std::int32_t channel, std::int32_t code) {
    const std::int32_t lo = bounds.lo[static_cast<std::size_t>(channel)];
    const std::int32_t hi = bounds.hi[static_cast<std::size_t>(channel)];
    if (bounds.zero_outside) {
        return code < lo || code > hi ? 0 : code;
    }
    return std::clamp(code, lo, hi);
}

inline void add_wrapping(std::int32_t& sum, std::int32_t term) {
    sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) + static_cast<std::uint32_t>(term));
}

// A set of small numbers that is filled at random and read in ascending order.
class OrderedSet {
  public:
    void reserve(std::int64_t size) {
        words_.resize(std::max(words_.size(), static_cast<std::size_t>((size + 63) / 64)));
    }
    void insert(std::int64_t value) {
        const std::int64_t word = value >> 6;
        words_[static_cast<std::size_t>(word)] |= std::uint64_t{1} << (value & 63);
        first_ = std::min(first_, word);
        last_ = std::max(last_, word);
    }
    // Members from `first` to `last` will be inserted by mark().
    void expect(std::int64_t first, std::int64_t last) {
        first_ = std::min(first_, first >> 6);
        last_ = std::max(last_, last >> 6);
    }
    void mark(std::int64_t value) {
        words_[static_cast<std::size_t>(value >> 6)] |= std::uint64_t{1} << (value & 63);
    }
    void insert_all(std::int64_t size) {
        for (std::int64_t value = 0; value < size; ++value) {
            insert(value);
        }
    }
    // Moves all members, ascending, into `members`.
    void take(std::vector<std::int32_t>& members) {
        members.clear();
        for (std::int64_t word = first_; word <= last_; ++word) {
            std::uint64_t bits = words_[static_cast<std::size_t>(word)];
            for (; bits != 0; bits &= bits - 1) {
                members.push_back(static_cast<std::int32_t>(word * 64 + __builtin_ctzll(bits)));
            }
            words_[static_cast<std::size_t>(word)] = 0;
        }
        first_ = kNone;
        last_ = -1;
    }

  private:
    static constexpr std::int64_t kNone = INT64_MAX;
    std::vector<std::uint64_t> words_;
    std::int64_t first_ = kNone, last_ = -1;
};

}  // namespace fluence::arith
