// What is in the vector unit's registers in a cycle.
#pragma once

#include <vector>

#include "sim/dataflow/vector_pipeline.h"
#include "sim/fault/machine_view.h"
#include "sim/fault/struck_vector.h"

namespace fluence::fault {

// The flat output element at a place of a pass.
std::int64_t element_at(const MachineView& machine, const traces::VectorPass& pass, std::int64_t index);

// Where its operand, or its accumulator, is read.
inline Memory source_of(const MachineView& machine, LayerId layer) {
    return machine.graph.layer(layer).has_macs() ? Memory::output_buffer : Memory::activation_buffer;
}

// Calls visit(pass, index) for the element in a stage of a lane in a cycle.
template <class Visit>
void for_each_in(const MachineView& machine, const dataflow::VectorPipeline& pipeline, int stage,
                 std::int64_t lane, Cycle cycle, Visit visit) {
    for (std::size_t p = 0; p < machine.timeline.passes.size(); ++p) {
        const traces::VectorPass& pass = machine.timeline.passes[p];
        const int decode = machine.decode_cycles(source_of(machine, pass.layer));
        const Cycle read = cycle - pipeline.cycle(0, decode, stage);
        const std::int64_t index = (read - pass.begin) * pass.lanes + lane;
        const bool inside = read >= pass.begin && lane < pass.lanes && index < pass.elements;
        if (inside && !machine.is_copy(pass, index)) {
            visit(static_cast<std::int32_t>(p), index);
        }
    }
}

// Whose parameters a word of their registers holds in a cycle.
struct ParameterWord {
    std::int32_t owner = -1;  // a layer; none yet
    std::int64_t dram_word = 0;
    bool again = false;  // and a load writes it later on
};
ParameterWord parameter_word(const MachineView& machine, std::int64_t word, Cycle cycle);

// A parameter with bits in a word of memory, as far as they are struck.
struct StruckField {
    dataflow::Field field;
    std::uint32_t mask = 0;  // of the value; not 0
};
std::vector<StruckField> struck_fields(const std::vector<dataflow::Field>& fields, const WordBits& bits);

}  // namespace fluence::fault
