#include "sim/accel/tensor_window.h"

#include <algorithm>

namespace fluence::accel {

void TensorWindow::attach(const dataflow::Region& region) {
    const auto size = static_cast<std::size_t>(region.words * word_bytes_);
    for (const Run& run : filled_) {
        std::fill_n(bytes_.begin() + run.first_byte, run.bytes, kPoison);
    }
    filled_.clear();
    bytes_.resize(size, kPoison);
    first_byte_ = region.first_word * word_bytes_;
}

}  // namespace fluence::accel
