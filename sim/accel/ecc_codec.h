// Stands between the initiators and one memory: encodes every word that is written, decodes every word
// that is read. Transparent for the code "none".
#pragma once

#include <tlm_utils/multi_passthrough_target_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <systemc>
#include <vector>

#include "sim/accel/clock.h"
#include "sim/accel/word_codec.h"

namespace fluence::accel {

class EccCodec : public sc_core::sc_module {
  public:
    // Any number of initiators; addresses and lengths of whole words, in data bytes. Behind the codec they
    // count stored bytes.
    tlm_utils::multi_passthrough_target_socket<EccCodec> front;
    tlm_utils::simple_initiator_socket<EccCodec> memory;

    struct Stats {
        std::int64_t corrected = 0;  // words, of all reads
        std::int64_t detected = 0;   // words that read as zero
    };

    EccCodec(const sc_core::sc_module_name& name, const WordCodec& codec, Cycle decode_cycles,
             const Clock& clock);
    const Stats& stats() const { return stats_; }

  private:
    void b_transport(int port, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    unsigned transport_dbg(int port, tlm::tlm_generic_payload& payload);
    // Calls forward(stored payload) with the words encoded, and decodes what it read.
    template <class Forward>
    void pass(tlm::tlm_generic_payload& payload, Forward forward);

    WordCodec codec_;
    Cycle decode_cycles_;
    const Clock& clock_;
    std::vector<std::uint8_t> stored_;
    Stats stats_;
};

}  // namespace fluence::accel
