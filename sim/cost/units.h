// Hardware units by name, for `fluence area --unit` and for the comparison with synthesis.
#pragma once

#include <string>
#include <vector>

#include "sim/core/units.h"

namespace fluence::cost {

struct UnitCost {
    GateEquivalents area{};
    int flipflops = 0;
};

// A row of the registry. `pattern` may hold up to two numbers, written #: parameters of the unit that stand
// in its name (pe_ws_int8_acc#). Where a pattern also holds the width (W), the width that is asked for
// counts.
struct UnitInfo {
    const char* pattern;  // at most one #
    const char* summary;
    int min_width;
    int max_width;
    int max_parameter;  // of #; 0 where there is none
    UnitCost (*cost)(int width, int parameter);
};

const std::vector<UnitInfo>& unit_registry();

// Throws InputError for an unknown name (listing the valid ones), a parameter or a width out of range.
UnitCost unit_cost(const std::string& name, int width);

}  // namespace fluence::cost
