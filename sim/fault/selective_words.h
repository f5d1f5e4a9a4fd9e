// The words under selective ECC (sim/protect/selective_code.h), for the resolver.
#pragma once

#include <cstdint>
#include <optional>

#include "sim/dataflow/marked_weights.h"
#include "sim/protect/policy.h"
#include "sim/protect/selective_code.h"

namespace fluence::fault {

class SelectiveWords {
  public:
    static constexpr std::int64_t kNoWord = -1;

    // Keeps references.
    SelectiveWords(const workloads::Graph& graph, const protect::Policy& policy,
                   const dataflow::MemoryMap& map);

    // Whether the DRAM word `dram_word`, or its copy in the weight buffer, is coded there. The weight buffer
    // codes all its words, those as well that nothing was written to yet (kNoWord): all zero.
    bool codes(Memory memory, std::int64_t dram_word) const;
    const protect::SelectiveCode& code() const { return *code_; }
    // Of the weights that the plan names.
    protect::Signature planned(std::int64_t dram_word) const;
    // For how many parameters a coded word has check bits.
    int slots(Memory memory, std::int64_t dram_word) const;
    // Cells of a unit of `memory`, which are the first of site_bits.
    int cells(Memory memory, std::int64_t unit, int site_bits) const;

  private:
    const protect::Policy& policy_;
    const dataflow::MemoryMap& map_;
    std::optional<protect::SelectiveCode> code_;
    protect::Choice choice_;
};

}  // namespace fluence::fault
