#include "sim/accel/ecc_codec.h"

#include "sim/accel/burst.h"

namespace fluence::accel {

EccCodec::EccCodec(const sc_core::sc_module_name& name, const WordCodec& codec, Cycle decode_cycles,
                   const Clock& clock)
    : sc_module(name),
      front("front"),
      memory("memory"),
      codec_(codec),
      decode_cycles_(decode_cycles),
      clock_(clock) {
    front.register_b_transport(this, &EccCodec::b_transport);
    front.register_transport_dbg(this, &EccCodec::transport_dbg);
}

template <class Forward>
void EccCodec::pass(tlm::tlm_generic_payload& payload, Forward forward) {
    if (codec_.transparent()) {
        forward(payload);
        return;
    }
    const auto data_bytes = static_cast<std::uint64_t>(codec_.data_bytes());
    const auto stored_bytes = static_cast<std::uint64_t>(codec_.stored_bytes());
    if (payload.get_address() % data_bytes != 0 || payload.get_data_length() % data_bytes != 0) {
        payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
        return;
    }
    const std::uint64_t words = payload.get_data_length() / data_bytes;
    stored_.resize(words * stored_bytes);
    std::uint8_t* data = payload.get_data_ptr();
    for (std::uint64_t i = 0; payload.is_write() && i < words; ++i) {
        codec_.encode(data + i * data_bytes, stored_.data() + i * stored_bytes);
    }
    tlm::tlm_generic_payload wide;
    describe(wide, payload.get_command(),
             static_cast<std::int64_t>(payload.get_address() / data_bytes * stored_bytes), stored_.data(),
             static_cast<std::int64_t>(stored_.size()));
    forward(wide);
    payload.set_response_status(wide.get_response_status());
    for (std::uint64_t i = 0; payload.is_read() && wide.is_response_ok() && i < words; ++i) {
        const WordCodec::Verdict verdict =
            codec_.decode(stored_.data() + i * stored_bytes, data + i * data_bytes);
        stats_.corrected += verdict.corrected ? 1 : 0;
        stats_.detected += verdict.detected ? 1 : 0;
    }
}

void EccCodec::b_transport(int, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    pass(payload, [&](tlm::tlm_generic_payload& stored) { memory->b_transport(stored, delay); });
    if (payload.is_read()) {
        delay += clock_.span(decode_cycles_);
    }
}

unsigned EccCodec::transport_dbg(int, tlm::tlm_generic_payload& payload) {
    pass(payload, [&](tlm::tlm_generic_payload& stored) { memory->transport_dbg(stored); });
    return payload.is_response_ok() ? payload.get_data_length() : 0;
}

}  // namespace fluence::accel
