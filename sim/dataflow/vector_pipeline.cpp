#include "sim/dataflow/vector_pipeline.h"

#include <algorithm>

namespace fluence::dataflow {

using workloads::OpKind;

std::uint32_t VectorPipeline::used_bits(const workloads::Graph& graph, const workloads::Layer& layer,
                                        StageHolds holds) {
    constexpr std::uint32_t kAll = ~std::uint32_t{0}, kByte = 0xFF;
    if (holds == StageHolds::code) {
        return graph.tensor(layer.output).format == workloads::NumberFormat::s32 ? kAll : kByte;
    }
    switch (layer.kind) {
        case OpKind::conv:
        case OpKind::linear:
        case OpKind::avg_pool:
            return kAll;
        case OpKind::add:
            return holds == StageHolds::requantised ? kAll : std::uint32_t{0xFFFF};
        case OpKind::concat:
            return holds == StageHolds::requantised ? kAll : kByte;
        default:
            return kByte;
    }
}

int VectorPipeline::used_word_bits(OperandFormat format, OpKind kind, StageHolds holds) {
    const StoredWidths widths = stored_widths(format);
    const int word = 8 * widths.operand, sum = 8 * widths.sum;
    if (holds == StageHolds::code || kind == OpKind::max_pool || kind == OpKind::subsample) {
        return word;
    }
    if (holds == StageHolds::requantised) {
        return is_float(format) ? 32 : word;
    }
    return kind == OpKind::add ? 2 * word : kind == OpKind::concat ? word : sum;
}

int VectorPipeline::register_bits(OperandFormat format) {
    const StoredWidths widths = stored_widths(format);
    return format == OperandFormat::int8 ? 8 * widths.sum : 8 * std::max(widths.sum, 2 * widths.operand);
}

}  // namespace fluence::dataflow
