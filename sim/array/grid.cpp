#include "sim/array/grid.h"

#include <cstring>

#include "sim/array/wave_rows.h"
#include "sim/core/wide_bits.h"

namespace fluence::array {

template <class Word>
void copy(Extent extent, Wave wave, GridOf<Word> from, GridOf<Word> to) {
    const bool dense = from.stride == extent.cols && to.stride == extent.cols;
    if (dense && wave.first <= 0 && wave.last >= extent.rows + extent.cols - 2) {
        std::memmove(to.at, from.at, static_cast<std::size_t>(extent.rows * from.stride) * sizeof(Word));
        return;
    }
    each_row(extent, wave, [&](int r, int c, int n) {
        std::memmove(to.at + r * to.stride + c, from.at + r * from.stride + c,
                     static_cast<std::size_t>(n) * sizeof(Word));
    });
}

template void copy(Extent, Wave, GridOf<std::uint32_t>, GridOf<std::uint32_t>);
template void copy(Extent, Wave, GridOf<WideBits>, GridOf<WideBits>);

}  // namespace fluence::array
