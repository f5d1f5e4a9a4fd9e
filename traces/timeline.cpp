#include "traces/timeline.h"

#include <algorithm>
#include <array>
#include <istream>
#include <iterator>
#include <ostream>
#include <type_traits>

#include "sim/core/error.h"

namespace fluence::traces {
namespace {

constexpr std::uint32_t kMagic = 0x334C5446;  // "FTL3"
// No real run comes near; a damaged count must not make the reader allocate without bound.
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 32;
constexpr std::size_t kReserveLimit = 1 << 16;

// One description of each record serves both directions: fields(archive, record) names every field once.
class Writer {
  public:
    explicit Writer(std::ostream& stream) : stream_(stream) {}

    template <class T>
    void operator()(const T& value) {
        static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
        stream_.write(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void operator()(const std::string& text) {
        (*this)(static_cast<std::uint64_t>(text.size()));
        stream_.write(text.data(), static_cast<std::streamsize>(text.size()));
    }
    template <class T>
    void operator()(const std::vector<T>& values) {
        (*this)(static_cast<std::uint64_t>(values.size()));
        for (const T& value : values) {
            item(value);
        }
    }

  private:
    template <class T>
    void item(const T& value) {
        if constexpr (std::is_arithmetic_v<T>) {
            (*this)(value);
        } else {
            fields(*this, value);
        }
    }

    std::ostream& stream_;
};

class Reader {
  public:
    Reader(std::istream& stream, const std::string& name) : stream_(stream), name_(name) {}

    template <class T>
    void operator()(T& value) {
        static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
        raw(reinterpret_cast<char*>(&value), sizeof value);
    }
    void operator()(bool& value) {
        unsigned char byte = 0;
        (*this)(byte);
        value = byte != 0;
    }
    void operator()(std::string& text) {
        const std::uint64_t size = count();
        text.clear();
        for (std::uint64_t i = 0; i < size; ++i) {
            char c = 0;
            (*this)(c);
            text += c;
        }
    }
    template <class T>
    void operator()(std::vector<T>& values) {
        const std::uint64_t size = count();
        values.clear();
        values.reserve(std::min<std::size_t>(size, kReserveLimit));
        for (std::uint64_t i = 0; i < size; ++i) {
            values.emplace_back();
            if constexpr (std::is_arithmetic_v<T>) {
                (*this)(values.back());
            } else {
                fields(*this, values.back());
            }
        }
    }
    [[noreturn]] void damaged(const std::string& reason) const { throw InputError(name_, "", reason); }

  private:
    std::uint64_t count() {
        std::uint64_t size = 0;
        (*this)(size);
        if (size > kMaxCount) {
            damaged("is damaged: a list of " + std::to_string(size) + " records");
        }
        return size;
    }
    void raw(char* bytes, std::size_t size) {
        if (!stream_.read(bytes, static_cast<std::streamsize>(size))) {
            damaged("ends too early");
        }
    }

    std::istream& stream_;
    const std::string& name_;
};

template <class Archive, class... Values>
void all(Archive& archive, Values&... values) {
    (archive(values), ...);
}

// `R` is the record, const where it is written.
template <class Archive, class R>
void fields(Archive& archive, R& r) {
    using Record = std::remove_const_t<R>;
    if constexpr (std::is_same_v<Record, Segment>) {
        all(archive, r.dram_word, r.buffer_word, r.words);
    } else if constexpr (std::is_same_v<Record, Gap>) {
        all(archive, r.word, r.bytes, r.cycles);
    } else if constexpr (std::is_same_v<Record, Load>) {
        all(archive, r.layer, r.content, r.owner, r.to_vector_unit, r.buffer, r.kept, r.begin, r.latency,
            r.word_bytes, r.bytes_per_cycle, r.segments, r.gaps);
    } else if constexpr (std::is_same_v<Record, Store>) {
        all(archive, r.layer, r.tensor, r.to_buffer, r.begin, r.latency, r.word_bytes, r.bytes_per_cycle,
            r.segments, r.gaps);
    } else if constexpr (std::is_same_v<Record, Fold>) {
        all(archive, r.layer, r.group, r.k_fold, r.k_folds, r.n_fold, r.first_pixel, r.pixels, r.first_k,
            r.terms, r.first_n, r.channels, r.used_rows, r.used_cols, r.weight_load, r.activation_load,
            r.weight_word, r.accumulator, r.accumulator_stride, r.preload, r.stream, r.end);
    } else if constexpr (std::is_same_v<Record, VectorPass>) {
        all(archive, r.layer, r.group, r.n_fold, r.first_pixel, r.pixels, r.first_n, r.channels,
            r.accumulator, r.first_element, r.elements, r.operand_loads, r.lanes, r.begin, r.end);
    } else if constexpr (std::is_same_v<Record, Stall>) {
        all(archive, r.layer, r.cause, r.begin, r.end);
    } else if constexpr (std::is_same_v<Record, LayerStats>) {
        all(archive, r.name, r.begin, r.end, r.macs, r.busy_cycles, r.stall_weights, r.stall_activations,
            r.stall_drain, r.stall_store, r.stall_port, r.preload_cycles, r.utilisation, r.dram_read_words,
            r.dram_write_words, r.unique_words, r.buffer_reads, r.buffer_writes);
    } else {
        static_assert(std::is_same_v<Record, Timeline>);
        archive(r.cycles);
        for (auto& cycles : r.decode_cycles) {
            archive(cycles);
        }
        all(archive, r.loads, r.stores, r.folds, r.passes, r.layers, r.stalls);
    }
}

}  // namespace

const char* name_of(StallCause cause) {
    constexpr std::array<const char*, kStallCauseCount> names = {"preload", "weights", "activations",
                                                                 "drain",   "store",   "port"};
    return names[static_cast<std::size_t>(cause)];
}

std::int64_t Transfer::words() const {
    std::int64_t total = 0;
    for (const Segment& segment : segments) {
        total += segment.words;
    }
    return total;
}

Gap Transfer::last_gap(std::int64_t word) const {
    const auto next = std::upper_bound(gaps.begin(), gaps.end(), word,
                                       [](std::int64_t w, const Gap& gap) { return w < gap.word; });
    return next == gaps.begin() ? Gap{} : *std::prev(next);
}

Cycle Transfer::port_free() const {
    const std::int64_t end = words();
    const Gap gap = gap_at(end);
    return begin + (end * word_bytes + gap.bytes + bytes_per_cycle - 1) / bytes_per_cycle + gap.cycles;
}

void write(std::ostream& stream, const Timeline& timeline) {
    Writer writer(stream);
    writer(kMagic);
    fields(writer, timeline);
}

Timeline read_timeline(std::istream& stream, const std::string& name) {
    Reader reader(stream, name);
    std::uint32_t magic = 0;
    reader(magic);
    if (magic != kMagic) {
        reader.damaged("is not a timeline");
    }
    Timeline timeline;
    fields(reader, timeline);
    return timeline;
}

}  // namespace fluence::traces
