#include "sim/dataflow/checksum_column.h"

#include <algorithm>

namespace fluence::dataflow {

ChecksumColumn::ChecksumColumn(const ArrayConfig& array)
    : map_(array),
      operand_bits_(array.operand_bits),
      at_input_(array.operand_register == OperandRegister::input),
      multiplier_stages_(array.multiplier_stages),
      accumulator_stages_(array.accumulator_stages) {
    while ((1 << growth_) < array.cols) {
        ++growth_;
    }
}

std::int64_t checksum_words(const workloads::Graph& graph, const AcceleratorConfig& config) {
    const std::int64_t cols = config.array.cols;
    const std::int64_t held = config.output_buffer.half().count() / stored_widths(config.array.format).sum;
    std::int64_t words = std::max<std::int64_t>(1, held / cols);
    for (const workloads::Layer& layer : graph.layers) {
        if (layer.has_macs()) {
            const workloads::GemmShape gemm = workloads::gemm_shape(graph, layer);
            words =
                std::max(words, std::min<std::int64_t>(gemm.m, held / std::min<std::int64_t>(cols, gemm.n)));
        }
    }
    return words;
}

}  // namespace fluence::dataflow
