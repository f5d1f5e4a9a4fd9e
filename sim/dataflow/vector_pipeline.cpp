#include "sim/dataflow/vector_pipeline.h"

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

}  // namespace fluence::dataflow
