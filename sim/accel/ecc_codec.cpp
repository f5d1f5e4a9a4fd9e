#include "sim/accel/ecc_codec.h"

#include "sim/accel/burst.h"

namespace fluence::accel {

WordCodec codec_of(const Workload& workload, Memory memory, int word_bits) {
    return WordCodec(protect::memory_code(workload.policy.memory[index_of(memory)].code), word_bits);
}

std::int64_t stored_bytes(const Workload& workload, Memory memory, const BufferConfig& buffer) {
    return buffer.size.count() / buffer.word_bytes() *
           codec_of(workload, memory, buffer.word_bits).stored_bytes();
}

EccCodec::EccCodec(const sc_core::sc_module_name& name, const WordCodec& codec, Cycle decode_cycles,
                   const Clock& clock)
    : sc_module(name),
      front("front"),
      memory("memory"),
      due("due"),
      codec_(codec),
      decode_cycles_(decode_cycles),
      clock_(clock) {
    front.register_b_transport(this, &EccCodec::b_transport);
    front.register_transport_dbg(this, &EccCodec::transport_dbg);
    front.register_get_direct_mem_ptr(this, &EccCodec::get_direct_mem_ptr);
}

template <class Forward>
void EccCodec::pass(tlm::tlm_generic_payload& payload, bool recover, Forward forward) {
    if (transparent()) {
        forward(payload);
        return;
    }
    const auto data_bytes = static_cast<std::uint64_t>(codec_.data_bytes());
    const auto stored_bytes = static_cast<std::uint64_t>(this->stored_bytes());
    if (payload.get_address() % data_bytes != 0 || payload.get_data_length() % data_bytes != 0) {
        payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
        return;
    }
    const std::uint64_t words = payload.get_data_length() / data_bytes;
    stored_.resize(words * stored_bytes);
    std::uint8_t* data = payload.get_data_ptr();
    for (std::uint64_t i = 0; payload.is_write() && i < words; ++i) {
        encode(static_cast<std::int64_t>(payload.get_address() / data_bytes + i), data + i * data_bytes,
               stored_.data() + i * stored_bytes);
    }
    describe(wide_, payload.get_command(),
             static_cast<std::int64_t>(payload.get_address() / data_bytes * stored_bytes), stored_.data(),
             static_cast<std::int64_t>(stored_.size()));
    forward(wide_);
    payload.set_response_status(wide_.get_response_status());
    for (std::uint64_t i = 0; payload.is_read() && wide_.is_response_ok() && i < words; ++i) {
        deliver(static_cast<std::int64_t>(payload.get_address() / data_bytes + i),
                stored_.data() + i * stored_bytes, data + i * data_bytes, recover);
    }
}

void EccCodec::encode(std::int64_t word, const std::uint8_t* data, std::uint8_t* stored) const {
    if (selective_ != nullptr) {
        selective_->encode(word, signature_to_write_, data, stored);
    } else {
        codec_.encode(data, stored);
    }
}

SelectiveMemory::Verdict EccCodec::decode(std::int64_t word, const std::uint8_t* stored,
                                          std::uint8_t* data) const {
    if (selective_ != nullptr) {
        return selective_->decode(word, stored, data);
    }
    const WordCodec::Verdict verdict = codec_.decode(stored, data);
    return {verdict.corrected, verdict.detected, 0};
}

void EccCodec::deliver(std::int64_t word, const std::uint8_t* stored, std::uint8_t* data, bool recover) {
    const SelectiveMemory::Verdict verdict = decode(word, stored, data);
    signature_read_ = verdict.signature;
    stats_.corrected += verdict.corrected ? 1 : 0;
    if (!verdict.detected) {
        return;
    }
    ++stats_.detected;
    if (recover && due.size() > 0 && due->recover(word, data)) {
        std::vector<std::uint8_t> repaired(static_cast<std::size_t>(stored_bytes()));
        encode(word, data, repaired.data());
        access_stored(tlm::TLM_WRITE_COMMAND, word, repaired.data());
    } else {
        ++stats_.zeroed;
    }
}

void EccCodec::access_stored(tlm::tlm_command command, std::int64_t word, std::uint8_t* stored) {
    debug_burst(memory, command, word * stored_bytes(), stored, stored_bytes());
}

void EccCodec::read_for_scrubbing(std::int64_t word) {
    std::vector<std::uint8_t> stored(static_cast<std::size_t>(stored_bytes()));
    scrubbed_.resize(stored.size());
    access_stored(tlm::TLM_READ_COMMAND, word, stored.data());
    std::vector<std::uint8_t> data(static_cast<std::size_t>(codec_.data_bytes()));
    const SelectiveMemory::Verdict verdict = decode(word, stored.data(), data.data());
    // A word with an error that was seen and not corrected stays as it is: who reads it shall see that, too.
    const bool repaired = verdict.corrected && !verdict.detected;
    stats_.corrected += repaired ? 1 : 0;
    scrubbed_word_ = repaired ? word : -1;
    if (selective_ != nullptr) {
        selective_->encode_again(word, verdict.signature, data.data(), scrubbed_.data());
    } else {
        codec_.encode(data.data(), scrubbed_.data());
    }
}

void EccCodec::write_scrubbed() {
    if (scrubbed_word_ >= 0) {
        access_stored(tlm::TLM_WRITE_COMMAND, scrubbed_word_, scrubbed_.data());
        scrubbed_word_ = -1;
    }
}

bool EccCodec::get_direct_mem_ptr(int, tlm::tlm_generic_payload& payload, tlm::tlm_dmi& access) {
    return transparent() && memory->get_direct_mem_ptr(payload, access);
}

void EccCodec::b_transport(int, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    pass(payload, true, [&](tlm::tlm_generic_payload& stored) { memory->b_transport(stored, delay); });
    if (payload.is_read()) {
        delay += clock_.span(decode_cycles_);
    }
}

unsigned EccCodec::transport_dbg(int, tlm::tlm_generic_payload& payload) {
    pass(payload, false, [&](tlm::tlm_generic_payload& stored) { memory->transport_dbg(stored); });
    return payload.is_response_ok() ? payload.get_data_length() : 0;
}

}  // namespace fluence::accel
