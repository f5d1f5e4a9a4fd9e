#include "sim/dataflow/marked_weights.h"

namespace fluence::dataflow {

bool holds_weights(const MemoryMap& map, std::int64_t word) {
    return map.region_of(word).content == traces::Content::weights;
}

std::uint32_t marked_bytes(const MemoryMap& map, const MarkedWeights& marked, std::int64_t word) {
    std::uint32_t bytes = 0;
    for (const Field& field : map.fields(word)) {
        const std::vector<bool>& layer = marked[static_cast<std::size_t>(field.owner)];
        if (field.kind == FieldKind::weight && !layer.empty() &&
            layer[static_cast<std::size_t>(field.index)]) {
            bytes |= std::uint32_t{1} << field.bit / 8;
        }
    }
    return bytes;
}

}  // namespace fluence::dataflow
