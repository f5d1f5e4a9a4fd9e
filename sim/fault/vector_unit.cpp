#include "sim/fault/vector_unit.h"

namespace fluence::fault {

std::int64_t element_at(const MachineView& machine, const traces::VectorPass& pass, std::int64_t index) {
    if (!machine.graph.layer(pass.layer).has_macs()) {
        return pass.first_element + index;
    }
    const MacLayer& layer = machine.mac_layer(pass.layer);
    return layer.output_element(layer.channel(pass.group, pass.first_n + index / pass.pixels),
                                pass.first_pixel + index % pass.pixels);
}

ParameterWord parameter_word(const MachineView& machine, std::int64_t word, Cycle cycle) {
    ParameterWord held;
    Cycle written = -1;
    for (const traces::Load& load : machine.timeline.loads) {
        if (!load.to_vector_unit) {
            continue;
        }
        const LayerId layer = layer_id(static_cast<std::size_t>(load.owner));
        const std::int64_t position = machine.memory.parameters(layer).first_word + word;
        std::int64_t before = 0;
        for (const traces::Segment& segment : load.segments) {
            if (position >= segment.dram_word && position < segment.dram_word + segment.words) {
                const Cycle at = load.write_cycle(before + position - segment.dram_word);
                held.again = held.again || at > cycle;
                if (at <= cycle && at > written) {
                    written = at;
                    held.owner = load.owner;
                    held.dram_word = position;
                }
            }
            before += segment.words;
        }
    }
    return held;
}

std::vector<StruckField> struck_fields(const std::vector<dataflow::Field>& fields, const WordBits& bits) {
    std::vector<StruckField> struck;
    for (const dataflow::Field& field : fields) {
        std::uint32_t mask = 0;
        for (int i = 0; i < field.width; ++i) {
            mask |= std::uint32_t{bits[static_cast<std::size_t>(field.bit + i)]} << i;
        }
        if (mask != 0) {
            struck.push_back({field, mask << field.value_bit});
        }
    }
    return struck;
}

}  // namespace fluence::fault
