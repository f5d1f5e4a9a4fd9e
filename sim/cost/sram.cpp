#include "sim/cost/sram.h"

namespace fluence::cost {

double sram_macro_um2(std::int64_t words, int columns) {
    const double depth = static_cast<double>(words);
    return 4845 + 3.321 * depth * columns + 492.0 * columns + 8.66 * depth;
}

GateEquivalents sram(std::int64_t words, int columns) {
    constexpr double kNand2Um2 = 7.2576;
    if (words <= 0 || columns <= 0) {
        return {};
    }
    const std::int64_t macros = (words + kMaxMacroWords - 1) / kMaxMacroWords;
    const std::int64_t depth = (words + macros - 1) / macros;
    return GateEquivalents(static_cast<double>(macros) * sram_macro_um2(depth, columns) / kNand2Um2);
}

}  // namespace fluence::cost
