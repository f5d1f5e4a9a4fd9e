#include "sim/fault/stored_values.h"

namespace fluence::fault {

using dataflow::FieldKind;

std::uint32_t CodeWords::bits(const dataflow::Field& field) const {
    const auto index = static_cast<std::size_t>(field.index);
    if (field.kind == FieldKind::activation) {
        const auto tensor = static_cast<std::size_t>(field.owner);
        return static_cast<std::uint32_t>(golden_.tensors[tensor][index]) &
               (~std::uint32_t{0} >> (32 - width_bits(graph_.tensors[tensor].format)));
    }
    const workloads::Layer& layer = graph_.layers[static_cast<std::size_t>(field.owner)];
    switch (field.kind) {
        case FieldKind::weight:
            return static_cast<std::uint8_t>(layer.weights[index]);
        case FieldKind::bias:
            return static_cast<std::uint32_t>(layer.bias[index]);
        case FieldKind::multiplier:
            return static_cast<std::uint32_t>(layer.multiplier[index]);
        case FieldKind::shift:
        case FieldKind::activation:
            break;
    }
    return layer.shift[index];
}

}  // namespace fluence::fault
