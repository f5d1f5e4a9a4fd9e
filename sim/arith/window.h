// Which windows of convolutions and pools hold an input element.
#pragma once

#include <algorithm>
#include <cstdint>

#include "workloads/graph.h"

namespace fluence::arith {

// Along one dimension: calls visit(o) for the outputs o whose window holds input coordinate `at`.
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

// Calls visit(output pixel) for the windows that hold input pixel `pixel`, ascending; both counted through
// all images.
template <class Visit>
void for_each_output_pixel(const workloads::Shape& in, const workloads::Shape& out,
                           const workloads::Window& w, std::int32_t pixel, Visit visit) {
    const std::int32_t row = pixel / in.width;
    const auto image = static_cast<std::int32_t>(in.image_of(row));
    const std::int64_t first_row = std::int64_t{image} * out.height;
    for_each_window(row - image * in.height, w.pad_h, w.kernel_h, w.stride_h, w.dilation_h, out.height,
                    [&](int y) {
                        for_each_window(pixel % in.width, w.pad_w, w.kernel_w, w.stride_w, w.dilation_w,
                                        out.width, [&](int x) { visit((first_row + y) * out.width + x); });
                    });
}

}  // namespace fluence::arith
