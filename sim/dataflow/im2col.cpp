#include "sim/dataflow/im2col.h"

namespace fluence::dataflow {
namespace {

// Outputs o in [0, outputs) whose input o·stride + offset lies in [0, extent).
struct Range {
    std::int64_t first = 0, last = 0;
};
Range inside(std::int64_t outputs, std::int64_t stride, std::int64_t offset, std::int64_t extent) {
    const std::int64_t first = offset >= 0 ? 0 : (stride - 1 - offset) / stride;
    const std::int64_t last = offset >= extent ? 0 : std::min(outputs, (extent - 1 - offset) / stride + 1);
    return {first, std::max(first, last)};
}

}  // namespace

Im2col::Im2col(const workloads::Graph& graph, const workloads::Layer& layer)
    : gemm_(workloads::gemm_shape(graph, layer)),
      input_(graph.tensor(layer.inputs.at(0)).shape),
      output_(graph.tensor(layer.output).shape),
      window_(workloads::window_of(graph, layer)) {
    if (layer.kind == workloads::OpKind::linear && input_.images == 1) {
        // A 1×1 convolution over one pixel is the same for one image, and more direct.
        input_ = {static_cast<int>(input_.elements()), 1, 1};
        window_ = {};
    }
    channels_per_group_ = input_.channels / gemm_.groups;
}

std::int64_t Im2col::input_element(int group, std::int64_t m, std::int64_t k) const {
    std::int64_t found = -1;
    for_each_term(group, m, k, k + 1, [&](std::int64_t, std::int64_t element) { found = element; });
    return found;
}

int Im2col::group_of(std::int64_t element) const {
    return static_cast<int>(element / input_.plane() / channels_per_group_);
}

std::int64_t Im2col::operands_of_tap(std::int64_t tap, std::int64_t first_m, std::int64_t last_m) const {
    const Range y = inside(output_.height, window_.stride_h,
                           tap / window_.kernel_w * window_.dilation_h - window_.pad_h, input_.height);
    const Range x = inside(output_.width, window_.stride_w,
                           tap % window_.kernel_w * window_.dilation_w - window_.pad_w, input_.width);
    const auto before = [&](std::int64_t m) {  // of the pixels in front of m
        const std::int64_t image = output_.image_of(m / output_.width);
        const std::int64_t row = m / output_.width - image * output_.height;
        const std::int64_t whole = image * (y.last - y.first) + std::clamp(row, y.first, y.last) - y.first;
        const bool partial = row >= y.first && row < y.last;
        return whole * (x.last - x.first) +
               (partial ? std::clamp(m % output_.width, x.first, x.last) - x.first : 0);
    };
    return before(last_m) - before(first_m);
}

std::int64_t Im2col::operands(std::int64_t first_m, std::int64_t last_m, std::int64_t first_k,
                              std::int64_t last_k) const {
    const std::int64_t taps = std::int64_t{window_.kernel_h} * window_.kernel_w;
    std::int64_t count = 0;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
        // Terms k ≡ tap (mod taps) in [first_k, last_k).
        const std::int64_t terms = (last_k - tap + taps - 1) / taps - (first_k - tap + taps - 1) / taps;
        count += terms > 0 ? terms * operands_of_tap(tap, first_m, last_m) : 0;
    }
    return count;
}

}  // namespace fluence::dataflow
