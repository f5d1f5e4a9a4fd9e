#include "sim/words/stepped_dma.h"

#include <algorithm>

namespace fluence::words {
namespace {

template <class Transfer>
std::vector<const Transfer*> by_begin(const std::vector<Transfer>& transfers) {
    std::vector<const Transfer*> order;
    for (const Transfer& transfer : transfers) {
        order.push_back(&transfer);
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const Transfer* a, const Transfer* b) { return a->begin < b->begin; });
    return order;
}

}  // namespace

SteppedDma::SteppedDma(const SteppedScript& script, CodedMemory& dram, CodedMemory& weights,
                       CodedMemory& activations, SteppedVectorUnit& vector_unit)
    : dram_(dram),
      weights_(weights),
      activations_(activations),
      vector_unit_(vector_unit),
      loads_(by_begin(script.timeline.loads)),
      stores_(by_begin(script.timeline.stores)) {
    // Nothing moves for a load whose words are in the buffer already.
    loads_.erase(
        std::remove_if(loads_.begin(), loads_.end(), [](const traces::Load* load) { return load->kept; }),
        loads_.end());
    find_next();
}

void SteppedDma::Cursor::step(const std::vector<traces::Segment>& segments) {
    ++word;
    if (++offset == segments[segment].words) {
        ++segment;
        offset = 0;
    }
}

template <>
Cycle SteppedDma::Loading::next_read() const {
    return read.word < words ? transfer->read_cycle(read.word) : kNever;
}

void SteppedDma::begin_transfers(Cycle t) {
    for (; next_load_ < loads_.size() && loads_[next_load_]->begin <= t; ++next_load_) {
        Loading loading;
        loading.transfer = loads_[next_load_];
        loading.words = loading.transfer->words();
        loading.in_flight.resize(static_cast<std::size_t>(loading.words));
        loading_.push_back(std::move(loading));
    }
    for (; next_store_ < stores_.size() && stores_[next_store_]->begin <= t; ++next_store_) {
        Storing storing;
        storing.transfer = stores_[next_store_];
        storing.words = storing.transfer->words();
        storing_.push_back(std::move(storing));
    }
}

void SteppedDma::find_next() {
    next_ = next_load_ < loads_.size() ? loads_[next_load_]->begin : kNever;
    if (next_store_ < stores_.size()) {
        next_ = std::min(next_, stores_[next_store_]->begin);
    }
    for (const Loading& load : loading_) {
        next_ = std::min({next_, load.next_read(), load.next_write()});
    }
    for (const Storing& store : storing_) {
        next_ = std::min(next_, store.next_write());
    }
}

void SteppedDma::edge(Cycle t) {
    if (t < next_) {
        return;
    }
    begin_transfers(t);
    const auto arrive = [&](auto& all) {
        for (auto& moving : all) {
            while (moving.written.word < moving.words && moving.next_write() == t) {
                write_word(t, moving);
            }
        }
        all.erase(std::remove_if(all.begin(), all.end(),
                                 [](const auto& moving) { return moving.written.word == moving.words; }),
                  all.end());
    };
    arrive(loading_);
    arrive(storing_);
}

void SteppedDma::cycle(Cycle t) {
    if (t < next_) {
        return;
    }
    for (Loading& load : loading_) {
        while (load.next_read() == t) {
            read_word(t, load);
        }
    }
    find_next();
}

void SteppedDma::read_word(Cycle t, Loading& moving) {
    const traces::Segment& segment = moving.transfer->segments[moving.read.segment];
    moving.in_flight[static_cast<std::size_t>(moving.read.word)] =
        dram_.read_word(t, segment.dram_word + moving.read.offset);
    moving.read.step(moving.transfer->segments);
}

void SteppedDma::write_word(Cycle t, Loading& moving) {
    const traces::Load& load = *moving.transfer;
    const traces::Segment& segment = load.segments[moving.written.segment];
    const WideBits data = moving.in_flight[static_cast<std::size_t>(moving.written.word)];
    if (load.to_vector_unit) {
        vector_unit_.load_parameters(segment.dram_word + moving.written.offset, data);
    } else {
        CodedMemory& buffer = load.buffer == Memory::weight_buffer ? weights_ : activations_;
        buffer.write_word(t, segment.buffer_word + moving.written.offset, data);
    }
    moving.written.step(load.segments);
}

void SteppedDma::write_word(Cycle t, Storing& moving) {
    const traces::Store& store = *moving.transfer;
    const traces::Segment& segment = store.segments[moving.written.segment];
    const std::int64_t to = segment.dram_word + moving.written.offset;
    const WideBits data = vector_unit_.finished().word(to);
    if (store.to_buffer) {
        activations_.write_word(t, segment.buffer_word + moving.written.offset, data);
    } else {
        dram_.write_word(t, to, data);
    }
    moving.written.step(store.segments);
}

}  // namespace fluence::words
