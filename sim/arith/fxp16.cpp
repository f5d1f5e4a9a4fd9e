#include "sim/arith/registry.h"
#include "sim/arith/word_engine.h"

namespace fluence::arith {

std::unique_ptr<WordValues> make_fxp16(const workloads::WordGraph& graph, const MachineOrder& order) {
    return std::make_unique<WordEngine<Fxp16>>(graph, order);
}

}  // namespace fluence::arith
