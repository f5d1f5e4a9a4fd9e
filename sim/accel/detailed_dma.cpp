#include "sim/accel/detailed_dma.h"

#include <algorithm>
#include <numeric>

namespace fluence::accel {
namespace {

constexpr std::int64_t kNotInDram = -1;

template <class Transfer>
std::vector<std::int32_t> by_begin(const std::vector<Transfer>& transfers) {
    std::vector<std::int32_t> order(transfers.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return transfers[static_cast<std::size_t>(a)].begin < transfers[static_cast<std::size_t>(b)].begin;
    });
    return order;
}

std::vector<std::int64_t> nothing_in(const BufferConfig& buffer) {
    return std::vector<std::int64_t>(static_cast<std::size_t>(buffer.size.count() / buffer.word_bytes()),
                                     kNotInDram);
}

}  // namespace

DetailedDma::DetailedDma(const sc_core::sc_module_name& name, const Script& script)
    : sc_module(name),
      dram("dram"),
      weight_buffer("weight_buffer"),
      activation_buffer("activation_buffer"),
      vector_unit("vector_unit"),
      dram_signatures("dram_signatures"),
      weight_signatures("weight_signatures"),
      script_(script),
      dram_(dram, script.workload.map.word_bytes()),
      weights_(weight_buffer, script.workload.map.word_bytes()),
      activations_(activation_buffer, script.workload.map.word_bytes()),
      codes_(vector_unit, script.workload.map.word_bytes()),
      loads_(by_begin(script.timeline.loads)),
      stores_(by_begin(script.timeline.stores)),
      weight_words_(nothing_in(script.workload.config.weight_buffer)),
      activation_words_(nothing_in(script.workload.config.activation_buffer)) {
    // Nothing moves for a load whose words are in the buffer already.
    loads_.erase(std::remove_if(
                     loads_.begin(), loads_.end(),
                     [&](std::int32_t i) { return script.timeline.loads[static_cast<std::size_t>(i)].kept; }),
                 loads_.end());
    find_next();
}

void DetailedDma::start_of_simulation() {
    for (WordAccess* access : {&dram_, &weights_, &activations_, &codes_}) {
        access->connect();
    }
}

void DetailedDma::Cursor::step(const std::vector<traces::Segment>& segments) {
    ++word;
    if (++offset == segments[segment].words) {
        ++segment;
        offset = 0;
    }
}

void DetailedDma::begin_transfers(Cycle t) {
    const traces::Timeline& timeline = script_.timeline;
    for (; next_load_ < loads_.size(); ++next_load_) {
        const traces::Load& load = timeline.loads[static_cast<std::size_t>(loads_[next_load_])];
        if (load.begin > t) {
            break;
        }
        Moving moving;
        moving.index = loads_[next_load_];
        moving.words = load.words();
        moving.next_read = load.read_cycle(0);
        moving.next_write = load.write_cycle(0);
        moving.in_flight.resize(static_cast<std::size_t>(moving.words * load.word_bytes));
        moving.signatures.resize(static_cast<std::size_t>(moving.words));
        loading_.push_back(std::move(moving));
    }
    for (; next_store_ < stores_.size(); ++next_store_) {
        const traces::Store& store = timeline.stores[static_cast<std::size_t>(stores_[next_store_])];
        if (store.begin > t) {
            break;
        }
        Moving moving;
        moving.index = stores_[next_store_];
        moving.words = store.words();
        moving.next_write = store.write_cycle(0);
        storing_.push_back(std::move(moving));
    }
}

void DetailedDma::find_next() {
    const traces::Timeline& timeline = script_.timeline;
    next_ = kNever;
    if (next_load_ < loads_.size()) {
        next_ = timeline.loads[static_cast<std::size_t>(loads_[next_load_])].begin;
    }
    if (next_store_ < stores_.size()) {
        next_ = std::min(next_, timeline.stores[static_cast<std::size_t>(stores_[next_store_])].begin);
    }
    for (const std::vector<Moving>* all : {&loading_, &storing_}) {
        for (const Moving& moving : *all) {
            next_ = std::min({next_, moving.next_read, moving.next_write});
        }
    }
}

void DetailedDma::edge(Cycle t) {
    if (t < next_) {
        return;
    }
    begin_transfers(t);
    const auto finish = [&](std::vector<Moving>& all, void (DetailedDma::*write)(Moving&)) {
        bool finished = false;
        for (Moving& moving : all) {
            while (moving.next_write == t) {
                (this->*write)(moving);
            }
            finished = finished || moving.written.word == moving.words;
        }
        if (finished) {
            all.erase(std::remove_if(all.begin(), all.end(),
                                     [](const Moving& m) { return m.written.word == m.words; }),
                      all.end());
        }
    };
    finish(loading_, &DetailedDma::write_word);
    finish(storing_, &DetailedDma::store_word);
}

void DetailedDma::cycle(Cycle t) {
    if (t < next_) {
        return;
    }
    for (Moving& load : loading_) {
        while (load.next_read == t) {
            read_word(load);
        }
    }
    find_next();
}

void DetailedDma::read_word(Moving& moving) {
    const traces::Load& load = script_.timeline.loads[static_cast<std::size_t>(moving.index)];
    const std::uint8_t* data = dram_.read(load.segments[moving.read.segment].dram_word + moving.read.offset);
    std::copy_n(data, load.word_bytes, moving.in_flight.begin() + moving.read.word * load.word_bytes);
    moving.signatures[static_cast<std::size_t>(moving.read.word)] = dram_signatures->signature();
    moving.read.step(load.segments);
    moving.next_read = moving.read.word < moving.words ? load.read_cycle(moving.read.word) : kNever;
}

void DetailedDma::write_word(Moving& moving) {
    const traces::Load& load = script_.timeline.loads[static_cast<std::size_t>(moving.index)];
    const traces::Segment& segment = load.segments[moving.written.segment];
    const std::uint8_t* data = moving.in_flight.data() + moving.written.word * load.word_bytes;
    const std::int64_t from = segment.dram_word + moving.written.offset;
    if (load.to_vector_unit) {
        codes_.write(from, data);
    } else {
        weight_signatures->set_signature(moving.signatures[static_cast<std::size_t>(moving.written.word)]);
        put(load.buffer, segment.buffer_word + moving.written.offset, from, data);
    }
    moving.written.step(load.segments);
    moving.next_write = moving.written.word < moving.words ? load.write_cycle(moving.written.word) : kNever;
}

void DetailedDma::store_word(Moving& moving) {
    const traces::Store& store = script_.timeline.stores[static_cast<std::size_t>(moving.index)];
    const traces::Segment& segment = store.segments[moving.written.segment];
    const std::int64_t to = segment.dram_word + moving.written.offset;
    const std::uint8_t* data = codes_.read(to);
    if (store.to_buffer) {
        put(Memory::activation_buffer, segment.buffer_word + moving.written.offset, kNotInDram, data);
    } else {
        dram_.write(to, data);
    }
    moving.written.step(store.segments);
    moving.next_write = moving.written.word < moving.words ? store.write_cycle(moving.written.word) : kNever;
}

void DetailedDma::put(Memory buffer, std::int64_t word, std::int64_t dram_word, const std::uint8_t* data) {
    const bool weights = buffer == Memory::weight_buffer;
    (weights ? weights_ : activations_).write(word, data);
    (weights ? weight_words_ : activation_words_)[static_cast<std::size_t>(word)] = dram_word;
}

std::int64_t DetailedDma::dram_word(Memory buffer, std::int64_t word) const {
    return (buffer == Memory::weight_buffer ? weight_words_ : activation_words_)
        .at(static_cast<std::size_t>(word));
}

}  // namespace fluence::accel
