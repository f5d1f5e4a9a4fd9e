#include "sim/fault/selective_words.h"

#include <bitset>

namespace fluence::fault {

SelectiveWords::SelectiveWords(const workloads::Graph& graph, const protect::Policy& policy,
                               const dataflow::MemoryMap& map)
    : policy_(policy), map_(map) {
    if (policy.selective_ecc) {
        code_.emplace(8 * map.word_bytes());
        choice_ = protect::choice_of(policy.selective_ecc->plan, protect::PlanKind::weights, graph);
    }
}

bool SelectiveWords::codes(Memory memory, std::int64_t dram_word) const {
    return protect::is_selective(policy_, memory) &&
           (memory == Memory::weight_buffer || dataflow::holds_weights(map_, dram_word));
}

protect::Signature SelectiveWords::planned(std::int64_t dram_word) const {
    return dataflow::marked_bytes(map_, choice_, dram_word);
}

int SelectiveWords::slots(Memory memory, std::int64_t dram_word) const {
    if (memory == Memory::weight_buffer) {
        return protect::selective_slots(policy_, memory, 8 * map_.word_bytes());
    }
    return static_cast<int>(std::bitset<32>(planned(dram_word)).count());
}

int SelectiveWords::cells(Memory memory, std::int64_t unit, int site_bits) const {
    if (memory != Memory::dram || !protect::is_selective(policy_, memory)) {
        return site_bits;
    }
    return codes(memory, unit) ? code_->stored_bits(slots(memory, unit)) : 8 * map_.word_bytes();
}

}  // namespace fluence::fault
