// What the words of DRAM hold in a fault-free run, value by value, as raw bits.
#pragma once

#include <cstdint>

#include "sim/arith/engine.h"
#include "sim/dataflow/memory_map.h"

namespace fluence::fault {

class StoredValues {
  public:
    virtual ~StoredValues() = default;
    // The whole value that the field is of, or a part of.
    virtual std::uint32_t bits(const dataflow::Field& field) const = 0;
};

// Of an integer graph.
class CodeWords final : public StoredValues {
  public:
    // Keeps references.
    CodeWords(const workloads::Graph& graph, const arith::GoldenRun& golden)
        : graph_(graph), golden_(golden) {}
    std::uint32_t bits(const dataflow::Field& field) const override;

  private:
    const workloads::Graph& graph_;
    const arith::GoldenRun& golden_;
};

}  // namespace fluence::fault
