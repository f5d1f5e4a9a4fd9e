// What follows a word whose error is detected and not corrected (protect::DueAction).
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <array>
#include <systemc>
#include <vector>

#include "sim/accel/interfaces.h"
#include "sim/accel/script.h"
#include "sim/accel/word_access.h"

namespace fluence::accel {

class RecoveryUnit : public sc_core::sc_module, public RegisterAlarm {
  public:
    tlm_utils::simple_initiator_socket<RecoveryUnit> dram;
    sc_core::sc_port<BufferDirectory> buffers;
    sc_core::sc_port<SumDirectory> sums;
    sc_core::sc_port<Halt> sequencer;

    RecoveryUnit(const sc_core::sc_module_name& name, const Script& script);

    // What a memory's codec asks.
    DueHandler& handler(Memory memory) { return handlers_[index_of(memory)]; }
    void register_corrected() override { register_corrected_ = true; }
    void register_error(protect::RegisterAction action, Cycle t) override;

    bool aborted() const { return aborted_; }
    Cycle aborted_in() const { return aborted_in_; }
    // From here on the host reads what the run left; kNever so far.
    void finish(Cycle cycles) { finished_ = cycles; }
    // Of PE registers.
    bool corrected() const { return register_corrected_; }
    bool detected() const { return register_detected_; }
    // For which the clock stood.
    Cycle cycles() const { return cycles_; }

  private:
    struct Handler : DueHandler {
        RecoveryUnit* unit = nullptr;
        Memory memory{};
        bool recover(std::int64_t word, std::uint8_t* data) override {
            return unit->recover(memory, word, data);
        }
    };
    void start_of_simulation() override { dram_.connect(); }
    bool recover(Memory memory, std::int64_t word, std::uint8_t* data);
    bool fetch_again(Memory buffer, std::int64_t word, std::uint8_t* data);
    bool compute_again(std::int64_t word, std::uint8_t* data);
    // The sum of O[m,n] up to and with the fold's terms, from the words that DRAM holds.
    std::int32_t sum_again(const SumInBuffer& of);
    bool input_in_dram(const traces::Fold& fold) const;
    bool abort();

    const Script& script_;
    WordAccess dram_;
    std::array<Handler, kMemoryCount> handlers_;
    bool aborted_ = false;
    Cycle aborted_in_ = kNever, finished_ = kNever;
    bool register_corrected_ = false, register_detected_ = false;
    Cycle cycles_ = 0;
};

}  // namespace fluence::accel
