// Stands between the initiators and one memory: encodes every word that is written, decodes every word
// that is read. Transparent for the code "none": then initiators may have the memory's direct access.
#pragma once

#include <tlm_utils/multi_passthrough_target_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <systemc>
#include <vector>

#include "sim/accel/clock.h"
#include "sim/accel/interfaces.h"
#include "sim/accel/selective_memory.h"
#include "sim/accel/word_codec.h"
#include "sim/accel/workload.h"

namespace fluence::accel {

// The policy's code of a memory; the bytes that a buffer's cells take with it.
WordCodec codec_of(const Workload& workload, Memory memory, int word_bits);
std::int64_t stored_bytes(const Workload& workload, Memory memory, const BufferConfig& buffer);

class EccCodec : public sc_core::sc_module, public Scrubbing, public Signatures {
  public:
    // Any number of initiators; addresses and lengths of whole words, in data bytes. Behind the codec they
    // count stored bytes.
    tlm_utils::multi_passthrough_target_socket<EccCodec> front;
    tlm_utils::simple_initiator_socket<EccCodec> memory;

    // Asked on reads (not on debug ones); unbound, a word that cannot be corrected reads as zero.
    sc_core::sc_port<DueHandler, 1, sc_core::SC_ZERO_OR_MORE_BOUND> due;

    struct Stats {
        std::int64_t corrected = 0;  // words, of all reads
        std::int64_t detected = 0;   // words with an error that the code could not correct
        std::int64_t zeroed = 0;     // of them, those that read as zero
    };

    EccCodec(const sc_core::sc_module_name& name, const WordCodec& codec, Cycle decode_cycles,
             const Clock& clock);
    // From now on words are coded as `words` says, which must outlive the codec, instead of the word code.
    void code_selectively(const SelectiveMemory& words) { selective_ = &words; }
    const Stats& stats() const { return stats_; }
    protect::Signature signature() const override { return signature_read_; }
    void set_signature(protect::Signature signature) override { signature_to_write_ = signature; }
    void read_for_scrubbing(std::int64_t word) override;
    void write_scrubbed() override;

  private:
    bool get_direct_mem_ptr(int port, tlm::tlm_generic_payload& payload, tlm::tlm_dmi& access);
    void b_transport(int port, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    unsigned transport_dbg(int port, tlm::tlm_generic_payload& payload);
    // Calls forward(stored payload) with the words encoded, and decodes what it read.
    template <class Forward>
    void pass(tlm::tlm_generic_payload& payload, bool recover, Forward forward);
    bool transparent() const { return codec_.transparent() && selective_ == nullptr; }
    std::int64_t stored_bytes() const {
        return selective_ != nullptr ? selective_->stored_bytes() : codec_.stored_bytes();
    }
    void encode(std::int64_t word, const std::uint8_t* data, std::uint8_t* stored) const;
    SelectiveMemory::Verdict decode(std::int64_t word, const std::uint8_t* stored, std::uint8_t* data) const;
    void deliver(std::int64_t word, const std::uint8_t* stored, std::uint8_t* data, bool recover);
    void access_stored(tlm::tlm_command command, std::int64_t word, std::uint8_t* stored);

    WordCodec codec_;
    const SelectiveMemory* selective_ = nullptr;
    protect::Signature signature_read_ = 0, signature_to_write_ = 0;
    Cycle decode_cycles_;
    const Clock& clock_;
    tlm::tlm_generic_payload wide_;  // the stored words of the transaction in hand
    std::vector<std::uint8_t> stored_;
    std::int64_t scrubbed_word_ = -1;  // to be written back
    std::vector<std::uint8_t> scrubbed_;
    Stats stats_;
};

}  // namespace fluence::accel
