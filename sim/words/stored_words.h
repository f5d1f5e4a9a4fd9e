// What the words of DRAM hold in a fault-free run of a graph of words.
#pragma once

#include "sim/arith/word_values.h"
#include "sim/fault/stored_values.h"
#include "workloads/word_graph.h"

namespace fluence::words {

class StoredWords final : public fault::StoredValues {
  public:
    // Keeps references.
    StoredWords(const workloads::WordGraph& graph, const arith::WordValues& values)
        : graph_(graph), values_(values) {}
    std::uint32_t bits(const dataflow::Field& field) const override;

  private:
    const workloads::WordGraph& graph_;
    const arith::WordValues& values_;
};

}  // namespace fluence::words
