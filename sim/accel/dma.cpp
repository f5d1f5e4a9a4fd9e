#include "sim/accel/dma.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <tuple>

#include "sim/accel/burst.h"

namespace fluence::accel {
namespace {

constexpr int kStorePriority = 0;

int priority_of(traces::Content content) {
    switch (content) {
        case traces::Content::parameters:
            return 1;
        case traces::Content::activations:
            return 2;
        case traces::Content::weights:
            return 3;
    }
    return 3;
}

}  // namespace

Dma::Dma(const sc_core::sc_module_name& name, const Workload& workload, PortTable& ports)
    : sc_module(name),
      dram("dram"),
      weight_buffer("weight_buffer"),
      activation_buffer("activation_buffer"),
      vector_unit("vector_unit"),
      reports("reports"),
      workload_(workload),
      ports_(ports),
      port_(workload.config.dram) {
    SC_THREAD(serve);
}

void Dma::request_load(std::int32_t load) {
    enqueue(priority_of(workload_.plan.loads[static_cast<std::size_t>(load)].content), load);
}

void Dma::request_store(std::int32_t store) {
    enqueue(kStorePriority, store);
}

void Dma::enqueue(int priority, std::int32_t index) {
    queue_.push_back({workload_.clock.next_edge(), priority, index});
    arrived_.notify(sc_core::SC_ZERO_TIME);
}

Dma::Request Dma::take_first() {
    const auto first = std::min_element(queue_.begin(), queue_.end(), [](const Request& a, const Request& b) {
        return std::tie(a.cycle, a.priority, a.index) < std::tie(b.cycle, b.priority, b.index);
    });
    const Request request = *first;
    queue_.erase(first);
    return request;
}

// Decides in the middle of a cycle, when all requests of the cycle are in, so that the order in which the
// kernel runs the requesting processes has no influence.
void Dma::serve() {
    for (;;) {
        while (queue_.empty()) {
            wait(arrived_);
        }
        const Cycle begin = std::max(port_free_, workload_.clock.next_edge());
        workload_.clock.wait_until_middle(begin);
        const Request request = take_first();
        if (request.priority == kStorePriority) {
            store(request.index, begin);
        } else {
            load(request.index, begin);
        }
    }
}

TransferTimes Dma::occupy(const traces::Transfer& planned, const TransferTimes& times, BufferPorts* buffer) {
    traces::Transfer transfer = planned;
    times.write_to(transfer);
    if (buffer != nullptr) {
        // The word that passes DRAM's port in cycle t is written in cycle t + latency.
        const auto access = [&transfer] {
            return Access{transfer.port_cycle(0) + transfer.latency,
                          transfer.port_cycle(transfer.words() - 1) + transfer.latency + 1};
        };
        transfer.begin += buffer->delay(BufferUser::dma, access());
        buffer->take(BufferUser::dma, access());
    }
    port_free_ = transfer.port_free();
    return {transfer.begin, transfer.latency, std::move(transfer.gaps)};
}

void Dma::load(std::int32_t index, Cycle begin) {
    const traces::Load& load = workload_.plan.loads[static_cast<std::size_t>(index)];
    const Cycle latency = workload_.config.dram.latency.count() + workload_.decode_cycles(Memory::dram);
    if (workload_.moves_words()) {
        for (const traces::Segment& segment : load.segments) {
            words_.resize(static_cast<std::size_t>(segment.words * load.word_bytes));
            expect(latency,
                   burst(dram, workload_.clock, tlm::TLM_READ_COMMAND, segment.dram_word * load.word_bytes,
                         words_.data(), segment.words * load.word_bytes));
            deliver(load, segment);
        }
    }
    const TransferTimes times{begin, latency, port_.move(load.segments)};
    reports->load_began(index, occupy(load, times, load.to_vector_unit ? nullptr : &ports_.of(load.buffer)));
}

void Dma::expect(Cycle latency, Cycle answered) const {
    if (latency != answered) {
        throw std::logic_error(std::string(name()) +
                               ": a memory answers at another time than the transfers' timing says");
    }
}

void Dma::deliver(const traces::Load& load, const traces::Segment& segment) {
    const std::int64_t bytes = segment.words * load.word_bytes;
    if (load.to_vector_unit) {
        burst(vector_unit, workload_.clock, tlm::TLM_WRITE_COMMAND, segment.dram_word * load.word_bytes,
              words_.data(), bytes);
        return;
    }
    auto& buffer = load.buffer == Memory::weight_buffer ? weight_buffer : activation_buffer;
    burst(buffer, workload_.clock, tlm::TLM_WRITE_COMMAND, segment.buffer_word * load.word_bytes,
          words_.data(), bytes);
}

void Dma::store(std::int32_t index, Cycle begin) {
    const traces::Store& store = workload_.plan.stores[static_cast<std::size_t>(index)];
    const Cycle latency = store.to_buffer ? 0 : workload_.config.dram.latency.count();
    if (workload_.moves_words()) {
        for (const traces::Segment& segment : store.segments) {
            const std::int64_t address = segment.dram_word * store.word_bytes;
            const std::int64_t bytes = segment.words * store.word_bytes;
            words_.resize(static_cast<std::size_t>(bytes));
            burst(vector_unit, workload_.clock, tlm::TLM_READ_COMMAND, address, words_.data(), bytes);
            // The memory's delay includes the edge at which the word is in place.
            expect(latency + 1,
                   store.to_buffer
                       ? burst(activation_buffer, workload_.clock, tlm::TLM_WRITE_COMMAND,
                               segment.buffer_word * store.word_bytes, words_.data(), bytes)
                       : burst(dram, workload_.clock, tlm::TLM_WRITE_COMMAND, address, words_.data(), bytes));
        }
    }
    TransferTimes times{begin, latency, {}};
    if (!store.to_buffer) {
        times.gaps = port_.move(store.segments);
    }
    reports->store_began(
        index, occupy(store, times, store.to_buffer ? &ports_.of(Memory::activation_buffer) : nullptr));
}

}  // namespace fluence::accel
