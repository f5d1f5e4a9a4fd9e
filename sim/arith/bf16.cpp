#include "sim/arith/registry.h"
#include "sim/arith/word_engine.h"

namespace fluence::arith {

std::unique_ptr<ValueEngine> make_bf16(const workloads::WordGraph& graph) {
    return std::make_unique<WordEngine<Bf16>>(graph);
}

}  // namespace fluence::arith
