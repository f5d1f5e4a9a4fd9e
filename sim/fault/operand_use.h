// Which outputs of a layer without MACs read an element of one of its inputs (workloads/graph.h).
#pragma once

#include <cstdint>

#include "workloads/channel_order.h"
#include "workloads/graph.h"

namespace fluence::fault {

// Calls visit(flat output element) for each output that reads `element` of input `input`.
template <class Visit>
void for_each_output_use(const workloads::Graph& graph, const workloads::Layer& layer, std::int32_t input,
                         std::int64_t element, Visit visit) {
    using workloads::OpKind;
    const workloads::Shape& in = graph.tensor(layer.inputs[static_cast<std::size_t>(input)]).shape;
    const workloads::Shape& out = graph.tensor(layer.output).shape;
    if (layer.kind == OpKind::add || layer.kind == OpKind::flatten) {
        visit(element);
        return;
    }
    if (layer.kind == OpKind::concat) {
        for (std::int32_t i = 0; i < input; ++i) {
            element += graph.tensor(layer.inputs[static_cast<std::size_t>(i)]).shape.elements();
        }
        visit(element);
        return;
    }
    // Windows: output (y, x) reads input (y·stride − pad + tap·dilation, …); a subsample is a window of one
    // tap.
    const workloads::Window& w = layer.window;
    std::int64_t channel = element / in.plane();
    if (layer.kind == OpKind::subsample) {
        channel = workloads::subsample_target(layer, in.channels, out.channels, channel);
        if (channel < 0) {
            return;
        }
    }
    const std::int64_t row = element % in.plane() / in.width;
    const std::int64_t image = in.image_of(row);
    const std::int64_t y = row - image * in.height;
    const std::int64_t x = element % in.width;
    const auto position = [](std::int64_t at, int pad, int tap, int dilation, int stride, int extent) {
        const std::int64_t scaled = at + pad - std::int64_t{tap} * dilation;
        return scaled >= 0 && scaled % stride == 0 && scaled / stride < extent ? scaled / stride
                                                                               : std::int64_t{-1};
    };
    for (int ky = 0; ky < w.kernel_h; ++ky) {
        const std::int64_t oy = position(y, w.pad_h, ky, w.dilation_h, w.stride_h, out.height);
        for (int kx = 0; oy >= 0 && kx < w.kernel_w; ++kx) {
            const std::int64_t ox = position(x, w.pad_w, kx, w.dilation_w, w.stride_w, out.width);
            if (ox >= 0) {
                visit((channel * out.rows() + image * out.height + oy) * out.width + ox);
            }
        }
    }
}

}  // namespace fluence::fault
