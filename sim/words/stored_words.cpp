#include "sim/words/stored_words.h"

namespace fluence::words {

using dataflow::FieldKind;

std::uint32_t StoredWords::bits(const dataflow::Field& field) const {
    const auto owner = static_cast<std::size_t>(field.owner);
    const auto index = static_cast<std::size_t>(field.index);
    switch (field.kind) {
        case FieldKind::weight:
            return graph_.layers[owner].weights[index];
        case FieldKind::bias:
            return graph_.layers[owner].bias[index];
        case FieldKind::shift:
            return static_cast<std::uint8_t>(workloads::stored_shifts(graph_, owner)[index]);
        case FieldKind::activation:
        case FieldKind::multiplier:
            break;
    }
    return values_.golden_word(tensor_id(owner), field.index);
}

}  // namespace fluence::words
