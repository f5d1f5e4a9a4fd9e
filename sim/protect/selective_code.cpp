#include "sim/protect/selective_code.h"

#include <stdexcept>

#include "sim/cost/area_tree.h"
#include "sim/cost/ecc.h"
#include "sim/cost/logic.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/parity_check_matrix.h"

namespace fluence::protect {
namespace {

std::size_t at(int i) {
    return static_cast<std::size_t>(i);
}

bool is_power_of_two(std::uint32_t value) {
    return (value & (value - 1)) == 0;
}

std::uint32_t extract(const WordBits& word, int first, int count) {
    std::uint32_t value = 0;
    for (int i = 0; i < count; ++i) {
        value |= std::uint32_t{word[at(first + i)]} << i;
    }
    return value;
}

void put(WordBits& word, int first, int count, std::uint32_t value) {
    for (int i = 0; i < count; ++i) {
        word[at(first + i)] = (value >> i & 1u) != 0;
    }
}

const MemoryCode& parameter_code() {
    return memory_code("sec");
}

}  // namespace

SelectiveCode::SelectiveCode(int data_bits)
    : data_bits_(data_bits),
      parameters_(data_bits / kParameterBits),
      signature_check_bits_(data_bits < kParameterBits ? 0 : cost::hamming_check_bits(parameters_)) {
    if (data_bits < kMinDataBits || data_bits > kMaxDataBits || data_bits % kParameterBits != 0) {
        throw std::out_of_range("selective ECC is defined for words of 8 to 128 bits, whole bytes");
    }
    columns_ = hamming_columns(signature_check_bits_, parameters_);
}

Signature SelectiveCode::fitted(Signature signature, int slots) {
    Signature kept = 0;
    for (; slots > 0 && signature != 0; --slots) {
        const Signature lowest = signature & (~signature + 1);
        kept |= lowest;
        signature ^= lowest;
    }
    return kept;
}

WordBits SelectiveCode::encode(const WordBits& data, Signature signature) const {
    WordBits stored = data << at(kMaxWordBits - data_bits_) >> at(kMaxWordBits - data_bits_);
    std::uint32_t check = 0;
    int slot = data_bits_ + signature_bits();
    for (int i = 0; i < parameters_; ++i) {
        if ((signature >> i & 1u) == 0) {
            continue;
        }
        check ^= columns_[at(i)];
        const WordBits coded = parameter_code().encode(
            WordBits(extract(data, kParameterBits * i, kParameterBits)), kParameterBits);
        put(stored, slot, kParameterCheckBits, extract(coded, kParameterBits, kParameterCheckBits));
        slot += kParameterCheckBits;
    }
    put(stored, data_bits_, parameters_, signature);
    put(stored, data_bits_ + parameters_, signature_check_bits_, check);
    return stored;
}

SelectiveCode::Read SelectiveCode::decode(const WordBits& stored, int slots) const {
    Read read;
    Signature signature = extract(stored, data_bits_, parameters_);
    std::uint32_t syndrome = extract(stored, data_bits_ + parameters_, signature_check_bits_);
    for (int i = 0; i < parameters_; ++i) {
        syndrome ^= (signature >> i & 1u) != 0 ? columns_[at(i)] : 0;
    }
    if (syndrome != 0) {
        int wrong = 0;
        while (wrong < parameters_ && columns_[at(wrong)] != syndrome) {
            ++wrong;
        }
        if (wrong == parameters_ && !is_power_of_two(syndrome)) {
            read.detected = true;
            return read;
        }
        read.corrected = true;
        signature ^= wrong < parameters_ ? Signature{1} << wrong : 0;
    }
    read.signature = signature;
    read.data = stored << at(kMaxWordBits - data_bits_) >> at(kMaxWordBits - data_bits_);
    int slot = 0;
    for (int i = 0; i < parameters_ && slot < slots; ++i) {
        if ((signature >> i & 1u) == 0) {
            continue;
        }
        WordBits coded(extract(stored, kParameterBits * i, kParameterBits));
        put(coded, kParameterBits, kParameterCheckBits,
            extract(stored, data_bits_ + signature_bits() + kParameterCheckBits * slot, kParameterCheckBits));
        const DecodedWord parameter = parameter_code().decode(coded, kParameterBits);
        read.corrected = read.corrected || parameter.corrected;
        read.detected = read.detected || parameter.detected;
        put(read.data, kParameterBits * i, kParameterBits,
            parameter.detected ? 0 : extract(parameter.data, 0, kParameterBits));
        ++slot;
    }
    return read;
}

// Ones in front of each byte: adders of one bit more each time; a byte for each slot.
GateEquivalents SelectiveCode::slot_selection_area(int slots) const {
    GateEquivalents area{};
    for (int i = 1; i < parameters_; ++i) {
        area += cost::adder(1 + cost::growth_bits(i + 1));
    }
    return area + cost::times(std::int64_t{slots} * (parameters_ - 1), cost::multiplexers(kParameterBits));
}

GateEquivalents SelectiveCode::encoder_area(int slots) const {
    const GateEquivalents signature =
        cost::syndrome_encoder(cost::hamming_ones(parameters_), signature_check_bits_);
    return signature + cost::times(slots, parameter_code().encoder_area(kParameterBits)) +
           slot_selection_area(slots);
}

GateEquivalents SelectiveCode::decoder_area(int slots) const {
    const GateEquivalents signature =
        cost::sec_decoder(cost::hamming_ones(parameters_), parameters_, signature_check_bits_);
    const GateEquivalents back =
        cost::times(std::int64_t{slots} * parameters_, cost::multiplexers(kParameterBits));
    return signature + cost::times(slots, parameter_code().decoder_area(kParameterBits)) +
           slot_selection_area(slots) + back;
}

SelectiveOverhead selective_overhead(double protected_share, int parameter_bits) {
    const double m = parameter_bits;
    SelectiveOverhead overhead;
    overhead.all = cost::hamming_check_bits(parameter_bits) / m;
    overhead.selective = protected_share * overhead.all + 1 / m;
    overhead.gain = 1 - overhead.selective / overhead.all;
    return overhead;
}

}  // namespace fluence::protect
