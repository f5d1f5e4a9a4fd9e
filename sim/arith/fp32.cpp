#include "sim/arith/registry.h"
#include "sim/arith/word_engine.h"

namespace fluence::arith {

std::unique_ptr<ValueEngine> make_fp32(const workloads::WordGraph& graph) {
    return std::make_unique<WordEngine<Fp32>>(graph);
}

}  // namespace fluence::arith
