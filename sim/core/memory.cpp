#include "sim/core/memory.h"

#include <stdexcept>

namespace fluence {

const char* name_of(Memory memory) {
    switch (memory) {
        case Memory::dram:
            return "dram";
        case Memory::weight_buffer:
            return "weight_buffer";
        case Memory::activation_buffer:
            return "activation_buffer";
        case Memory::output_buffer:
            return "output_buffer";
    }
    return "";
}

Memory memory_named(const std::string& name) {
    for (const Memory memory : kMemories) {
        if (name == name_of(memory)) {
            return memory;
        }
    }
    throw std::out_of_range(name);
}

}  // namespace fluence
