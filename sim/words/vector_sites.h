// Upsets in the registers of the vector unit on a machine of words: its pipeline, and the parameters that
// loads bring there.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/word_values.h"
#include "sim/dataflow/vector_pipeline.h"
#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"
#include "sim/fault/stored_values.h"

namespace fluence::words {

using traces::Cycle;

// Bits that are inverted in what the pipeline holds of an output.
struct StruckStage {
    LayerId layer{};
    std::int64_t element = 0;
    StageHolds holds{};
    WideBits mask = 0;
};
// Bits of a parameter that are inverted from `cycle` on.
struct StruckRegister {
    LayerId layer{};
    bool shift = false;
    std::int64_t index = 0;
    Cycle cycle = 0;
    std::uint32_t mask = 0;
};

class WordVectorSites {
  public:
    // Keeps references. `golden`: what DRAM holds without upsets; `values`: of the image.
    WordVectorSites(const fault::MachineView& machine, const fault::StoredValues& golden,
                    arith::WordValues& values, fault::Effects& effects);

    // `bits`: those to invert, none of them absent. Fills `result` but for its faults.
    void strike(const traces::Upset& upset, const WordBits& bits, fault::Resolution& result);

    const std::vector<StruckStage>& stages() const { return stages_; }
    const std::vector<StruckRegister>& registers() const { return registers_; }

  private:
    void pipeline(const traces::Upset& upset, WideBits mask, fault::Resolution& result);
    void parameter(const traces::Upset& upset, const WordBits& bits, fault::Resolution& result);

    const fault::MachineView& machine_;
    const fault::StoredValues& golden_;
    arith::WordValues& values_;
    fault::Effects& effects_;
    const dataflow::VectorPipeline pipeline_;
    std::vector<StruckStage> stages_;
    std::vector<StruckRegister> registers_;
};

// Outputs that use a parameter: elements `first` … `end` − 1 of a pass, each so many cycles behind its read.
struct ParameterUse {
    const traces::VectorPass* pass = nullptr;
    std::int64_t first = 0, end = 0;
    Cycle behind = 0;
    Cycle cycle(std::int64_t index) const { return pass->read_cycle(index) + behind; }
};
std::vector<ParameterUse> uses_of(const fault::MachineView& machine, LayerId layer, bool shift,
                                  std::int64_t index);

}  // namespace fluence::words
