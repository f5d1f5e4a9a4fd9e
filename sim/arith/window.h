// Windows of convolutions and pools along one dimension.
#pragma once

#include <algorithm>

namespace fluence::arith {

// Calls visit(o) for the outputs o whose window holds input coordinate `at`.
template <class Visit>
void for_each_window(int at, int pad, int kernel, int stride, int dilation, int outputs, Visit visit) {
    const int row = at + pad;
    const int reach = (kernel - 1) * dilation;
    const int first = row <= reach ? 0 : (row - reach + stride - 1) / stride;
    const int last = std::min(outputs - 1, row / stride);
    for (int o = first; o <= last; ++o) {
        if (dilation == 1 || (row - o * stride) % dilation == 0) {
            visit(o);
        }
    }
}

}  // namespace fluence::arith
