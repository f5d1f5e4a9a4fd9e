#include "sim/arith/registry.h"

#include <cmath>
#include <stdexcept>

namespace fluence::arith {

const std::vector<WordFormatRow>& word_format_engines() {
    static const std::vector<WordFormatRow> table = {
        {workloads::WordFormat::fxp16, make_fxp16},
        {workloads::WordFormat::fxp32, make_fxp32},
        {workloads::WordFormat::bf16, make_bf16},
        {workloads::WordFormat::fp32, make_fp32},
    };
    return table;
}

std::unique_ptr<WordValues> make_word_values(const workloads::WordGraph& graph, const MachineOrder& order) {
    for (const WordFormatRow& row : word_format_engines()) {
        if (row.format == graph.format) {
            return row.make(graph, order);
        }
    }
    throw std::out_of_range("number format without an engine of words");
}

std::unique_ptr<ValueEngine> make_value_engine(const workloads::WordGraph& graph) {
    return make_word_values(graph);
}

std::int32_t top1(const ValueEngine& engine, const Words& logits) {
    std::int32_t best = -1;
    double largest = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const double value = engine.value(engine.structure().logits, logits[i]);
        if (!std::isnan(value) && (best < 0 || value > largest)) {
            best = static_cast<std::int32_t>(i);
            largest = value;
        }
    }
    return best;
}

}  // namespace fluence::arith
