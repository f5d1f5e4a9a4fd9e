// Moves words one by one at the timeline's cycles: a load's from DRAM into a buffer or the vector unit, a
// store's from the vector unit to DRAM or, where the next layer reads them on chip, into a buffer.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <systemc>
#include <vector>

#include "sim/accel/interfaces.h"
#include "sim/accel/script.h"
#include "sim/accel/word_access.h"

namespace fluence::accel {

class DetailedDma : public sc_core::sc_module, public ClockedUnit, public BufferDirectory {
  public:
    tlm_utils::simple_initiator_socket<DetailedDma> dram;
    tlm_utils::simple_initiator_socket<DetailedDma> weight_buffer;
    tlm_utils::simple_initiator_socket<DetailedDma> activation_buffer;
    tlm_utils::simple_initiator_socket<DetailedDma> vector_unit;  // by DRAM byte address

    sc_core::sc_port<Signatures> dram_signatures, weight_signatures;

    DetailedDma(const sc_core::sc_module_name& name, const Script& script);

    Cycle next() const override { return next_; }
    void edge(Cycle t) override;
    void cycle(Cycle t) override;
    std::int64_t dram_word(Memory buffer, std::int64_t word) const override;

  private:
    void start_of_simulation() override;

    // A position among the words of a list of segments.
    struct Cursor {
        std::int64_t word = 0;  // over all segments
        std::size_t segment = 0;
        std::int64_t offset = 0;
        void step(const std::vector<traces::Segment>& segments);
    };
    struct Moving {
        std::int32_t index = 0;
        std::int64_t words = 0;
        Cursor read, written;
        Cycle next_read = kNever, next_write = kNever;
        std::vector<std::uint8_t> in_flight;         // a load's words, from the first
        std::vector<protect::Signature> signatures;  // likewise
    };

    void begin_transfers(Cycle t);
    void find_next();
    void read_word(Moving& load);
    void write_word(Moving& load);
    void store_word(Moving& store);
    void put(Memory buffer, std::int64_t word, std::int64_t dram_word, const std::uint8_t* data);

    const Script& script_;
    WordAccess dram_, weights_, activations_, codes_;
    std::vector<std::int32_t> loads_, stores_;  // in the order in which they begin
    std::size_t next_load_ = 0, next_store_ = 0;
    std::vector<Moving> loading_, storing_;
    Cycle next_ = kNever;
    std::vector<std::int64_t> weight_words_, activation_words_;  // the DRAM word in each word of a buffer
};

}  // namespace fluence::accel
