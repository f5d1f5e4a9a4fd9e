// Moves words one by one at the timeline's cycles: a load's from DRAM into a buffer or the vector unit, a
// store's from the vector unit to DRAM or, where the next layer reads them on chip, into the activation
// buffer.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/words/coded_memory.h"
#include "sim/words/stepped_script.h"
#include "sim/words/stepped_vector_unit.h"

namespace fluence::words {

class SteppedDma {
  public:
    // Keeps references to its arguments, and to the timeline of `script`.
    SteppedDma(const SteppedScript& script, CodedMemory& dram, CodedMemory& weights, CodedMemory& activations,
               SteppedVectorUnit& vector_unit);

    // The next cycle in which something moves; kNever.
    Cycle next() const { return next_; }
    // Words arrive.
    void edge(Cycle t);
    // Words leave DRAM.
    void cycle(Cycle t);

  private:
    // A position among the words of a list of segments.
    struct Cursor {
        std::int64_t word = 0;  // over all segments
        std::size_t segment = 0;
        std::int64_t offset = 0;
        void step(const std::vector<traces::Segment>& segments);
    };
    template <class Transfer>
    struct Moving {
        const Transfer* transfer = nullptr;
        std::int64_t words = 0;
        Cursor read, written;
        std::vector<WideBits> in_flight;  // a load's words, from the first
        Cycle next_read() const;
        Cycle next_write() const { return transfer->write_cycle(written.word); }
    };
    using Loading = Moving<traces::Load>;
    using Storing = Moving<traces::Store>;

    void begin_transfers(Cycle t);
    void find_next();
    void read_word(Cycle t, Loading& load);
    void write_word(Cycle t, Loading& load);
    void write_word(Cycle t, Storing& store);

    CodedMemory& dram_;
    CodedMemory& weights_;
    CodedMemory& activations_;
    SteppedVectorUnit& vector_unit_;
    std::vector<const traces::Load*> loads_;    // that move something, in the order in which they begin
    std::vector<const traces::Store*> stores_;  // likewise
    std::size_t next_load_ = 0, next_store_ = 0;
    std::vector<Loading> loading_;
    std::vector<Storing> storing_;
    Cycle next_ = kNever;
};

}  // namespace fluence::words
