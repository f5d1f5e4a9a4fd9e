#include "sim/accel/selective_memory.h"

#include <bitset>

#include "sim/accel/word_bytes.h"
#include "sim/dataflow/marked_weights.h"

namespace fluence::accel {

SelectiveMemory::SelectiveMemory(const Workload& workload, Memory memory)
    : code_(8 * workload.map.word_bytes()),
      data_bits_(8 * workload.map.word_bytes()),
      most_slots_(protect::selective_slots(workload.policy, memory, data_bits_)) {
    if (memory != Memory::dram) {
        return;
    }
    const protect::Choice choice =
        protect::choice_of(workload.policy.selective_ecc->plan, protect::PlanKind::weights, workload.graph);
    for (std::int64_t word = 0; word < workload.map.words(); ++word) {
        const bool weights = dataflow::holds_weights(workload.map, word);
        dram_.push_back({weights, weights ? dataflow::marked_bytes(workload.map, choice, word) : 0});
    }
}

SelectiveMemory::Word SelectiveMemory::word_of(std::int64_t word) const {
    return dram_.empty() ? Word{true, 0} : dram_.at(static_cast<std::size_t>(word));
}

int SelectiveMemory::slots(std::int64_t word) const {
    return dram_.empty() ? most_slots_ : static_cast<int>(std::bitset<32>(word_of(word).signature).count());
}

int SelectiveMemory::cells(std::int64_t word) const {
    return word_of(word).coded ? code_.stored_bits(slots(word)) : data_bits_;
}

void SelectiveMemory::encode(std::int64_t word, protect::Signature signature, const std::uint8_t* data,
                             std::uint8_t* stored) const {
    encode_again(word, dram_.empty() ? signature : word_of(word).signature, data, stored);
}

void SelectiveMemory::encode_again(std::int64_t word, protect::Signature signature, const std::uint8_t* data,
                                   std::uint8_t* stored) const {
    const WordBits bits = bits_of(data, data_bits_);
    const protect::Signature own = protect::SelectiveCode::fitted(signature, slots(word));
    put_bits(word_of(word).coded ? code_.encode(bits, own) : bits, static_cast<int>(8 * stored_bytes()),
             stored);
}

SelectiveMemory::Verdict SelectiveMemory::decode(std::int64_t word, const std::uint8_t* stored,
                                                 std::uint8_t* data) const {
    const WordBits bits = bits_of(stored, static_cast<int>(8 * stored_bytes()));
    if (!word_of(word).coded) {
        put_bits(bits, data_bits_, data);
        return {};
    }
    const protect::SelectiveCode::Read read = code_.decode(bits, slots(word));
    put_bits(read.data, data_bits_, data);
    return {read.corrected, read.detected, read.signature};
}

}  // namespace fluence::accel
