// Control connections between the modules; data flows through TLM sockets.
//
// The detailed machine goes through every cycle in three steps: edge(t), in which registers and words take
// their new values; the upsets of cycle t; cycle(t), in which words are read.
#pragma once

#include <cstdint>
#include <limits>
#include <systemc>
#include <vector>

#include "sim/accel/run_observer.h"
#include "sim/protect/policy.h"
#include "sim/protect/selective_code.h"
#include "traces/upset.h"

namespace fluence::accel {

// Asks the DMA for a transfer of the tile plan. The request stands from the present cycle on.
class TransferRequests : public virtual sc_core::sc_interface {
  public:
    virtual void request_load(std::int32_t load) = 0;
    virtual void request_store(std::int32_t store) = 0;
};

// The DMA reports that it began a transfer; its words move from `begin` on as traces::Load and Store say.
class TransferReports : public virtual sc_core::sc_interface {
  public:
    virtual void load_began(std::int32_t load, const TransferTimes& times) = 0;
    virtual void store_began(std::int32_t store, const TransferTimes& times) = 0;
};

// The array executes a fold in two steps, called at the fold's edges; where nothing stays in the array the
// first one is left out.
class FoldCommands : public virtual sc_core::sc_interface {
  public:
    virtual void preload(std::int32_t fold) = 0;
    virtual void stream(std::int32_t fold) = 0;
};

// The vector unit executes a pass, called in its first cycle.
class PassCommands : public virtual sc_core::sc_interface {
  public:
    virtual void run(std::int32_t pass) = 0;
};

// The cells of a memory, for the injector.
class Cells : public virtual sc_core::sc_interface {
  public:
    // Inverts bits of one stored byte.
    virtual void flip(std::int64_t byte, std::uint8_t mask) = 0;
};

// The registers of the array, for the injector.
class Registers : public virtual sc_core::sc_interface {
  public:
    virtual std::uint32_t read(traces::SiteKind bank, std::int64_t unit) const = 0;
    virtual void flip(traces::SiteKind bank, std::int64_t unit, std::uint32_t mask) = 0;
};

// A unit of the detailed machine, driven cycle by cycle. A cycle in which no unit has anything to do is
// passed over.
class ClockedUnit : public virtual sc_core::sc_interface {
  public:
    // The first cycle after the last one driven in which the unit has something to do; kNever.
    virtual Cycle next() const = 0;
    virtual void edge(Cycle t) = 0;
    virtual void cycle(Cycle t) = 0;
};
inline constexpr Cycle kNever = std::numeric_limits<Cycle>::max();

// What a codec asks where it read a word with an error that it cannot correct.
class DueHandler : public virtual sc_core::sc_interface {
  public:
    // True: `data` is the word's repaired contents, to be written back. False: the word reads as zero.
    virtual bool recover(std::int64_t word, std::uint8_t* data) = 0;
};

// What the codes of the PE registers report.
class RegisterAlarm : public virtual sc_core::sc_interface {
  public:
    virtual void register_corrected() = 0;
    // An error that the code cannot correct, in cycle t.
    virtual void register_error(protect::RegisterAction action, Cycle t) = 0;
};

// The signatures of words under selective ECC go with their data from DRAM to the weight buffer; 0 for other
// words and memories.
class Signatures : public virtual sc_core::sc_interface {
  public:
    // As the word that was read last was taken.
    virtual protect::Signature signature() const = 0;
    // Of the words that are written from now on.
    virtual void set_signature(protect::Signature signature) = 0;
};

// Two steps of scrubbing one word, in consecutive cycles.
class Scrubbing : public virtual sc_core::sc_interface {
  public:
    virtual void read_for_scrubbing(std::int64_t word) = 0;
    // Writes the word back if the code corrected it.
    virtual void write_scrubbed() = 0;
};

// Registers and words outside the array and the memories (dataflow::unit_banks), for the injector.
class UnitState : public virtual sc_core::sc_interface {
  public:
    // `bits`: none that the unit does not have.
    virtual void flip_state(traces::SiteKind bank, std::int64_t unit, const WordBits& bits) = 0;
};

// The memory of the checksum column's sums: the word of a pixel of a pass (dataflow/checksum_column.h). To be
// called at edges.
class ChecksumSums : public virtual sc_core::sc_interface {
  public:
    virtual void subtract(std::int32_t pass, std::int64_t pixel, std::int32_t accumulator) = 0;
    virtual std::uint64_t difference(std::int32_t pass, std::int64_t pixel) const = 0;
};

// What recovery must know about the contents of the buffers.
class BufferDirectory : public virtual sc_core::sc_interface {
  public:
    // DRAM word that lies in a buffer's word; −1 where DRAM does not hold it.
    virtual std::int64_t dram_word(Memory buffer, std::int64_t word) const = 0;
};
struct SumInBuffer {
    std::int32_t fold = -1;  // the last one that it contains; −1: no sum yet
    std::int64_t m = 0, n = 0;
};
class SumDirectory : public virtual sc_core::sc_interface {
  public:
    virtual SumInBuffer sum_at(std::int64_t accumulator) const = 0;
};

// Ends the inference behind the present cycle.
class Halt : public virtual sc_core::sc_interface {
  public:
    virtual void halt() = 0;
};

}  // namespace fluence::accel
