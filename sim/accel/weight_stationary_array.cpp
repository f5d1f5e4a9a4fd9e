#include "sim/accel/weight_stationary_array.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "sim/accel/burst.h"

namespace fluence::accel {

WeightStationaryArray::WeightStationaryArray(const sc_core::sc_module_name& name, const Workload& workload)
    : sc_module(name),
      weight_buffer("weight_buffer"),
      activation_buffer("activation_buffer"),
      output_buffer("output_buffer"),
      workload_(workload),
      weights_(static_cast<std::size_t>(workload.config.array.rows) *
               static_cast<std::size_t>(workload.config.array.cols)),
      window_(workload.map.word_bytes()) {}

template <class Socket>
void WeightStationaryArray::read(Socket& socket, Memory memory, std::int64_t address, std::uint8_t* data,
                                 std::int64_t bytes) {
    const Cycle delay = burst(socket, workload_.clock, tlm::TLM_READ_COMMAND, address, data, bytes);
    if (delay != 1 + workload_.decode_cycles(memory)) {
        throw std::logic_error(std::string(name()) +
                               ": a buffer answers at another time than the fold timing says");
    }
}

BufferTraffic WeightStationaryArray::preload(std::int32_t index) {
    const traces::Fold& fold = workload_.plan.folds[static_cast<std::size_t>(index)];
    const dataflow::WeightBlock block =
        workload_.map.weight_block(fold.layer, fold.group, fold.n_fold, fold.k_fold);
    const std::int64_t word_bytes = workload_.map.word_bytes();
    words_.resize(static_cast<std::size_t>(block.words * word_bytes));
    read(weight_buffer, Memory::weight_buffer, fold.weight_word * word_bytes, words_.data(),
         block.words * word_bytes);
    const int cols = workload_.config.array.cols;
    std::fill(weights_.begin(), weights_.end(), std::int8_t{0});
    for (int r = 0; r < fold.used_rows; ++r) {
        std::memcpy(weights_.data() + std::ptrdiff_t{r} * cols,
                    words_.data() + r * block.row_words * word_bytes,
                    static_cast<std::size_t>(fold.used_cols));
    }
    held_ = index;
    return {block.words, 0};
}

// The words of the channels that the fold's reduction rows come from.
void WeightStationaryArray::fetch_activations(const traces::Fold& fold) {
    const workloads::Layer& layer = layer_of(fold);
    const dataflow::TensorLayout layout(workload_.graph, workload_.map, layer.inputs[0]);
    const workloads::GemmShape gemm = workloads::gemm_shape(workload_.graph, layer);
    const std::int64_t taps = std::int64_t{layer.window.kernel_h} * layer.window.kernel_w;
    const std::int64_t channels = gemm.k / taps;  // of the group
    const std::int64_t channel_elements = layout.elements() / (channels * gemm.groups);
    const std::int64_t first_k = std::int64_t{fold.k_fold} * workload_.config.array.rows;
    const std::int64_t first_channel = fold.group * channels + first_k / taps;
    const std::int64_t last_channel = fold.group * channels + (first_k + fold.used_rows - 1) / taps;
    const std::int64_t word_bytes = workload_.map.word_bytes();
    const std::int64_t first_word = layout.byte(first_channel * channel_elements) / word_bytes;
    const std::int64_t last_word = layout.byte((last_channel + 1) * channel_elements - 1) / word_bytes + 1;
    window_.attach(workload_.map.activations(layout.stored()));
    const auto from_buffer = [&](std::int64_t word, std::int64_t words, std::uint8_t* data) {
        read(activation_buffer, Memory::activation_buffer, word * word_bytes, data, words * word_bytes);
    };
    window_.fetch(workload_.plan.loads[static_cast<std::size_t>(fold.activation_load)], first_word, last_word,
                  from_buffer);
}

std::int64_t WeightStationaryArray::gather(const traces::Fold& fold, std::int64_t k) {
    const workloads::Layer& layer = layer_of(fold);
    const dataflow::TensorLayout layout(workload_.graph, workload_.map, layer.inputs[0]);
    const workloads::TensorInfo& info = workload_.graph.tensor(layer.inputs[0]);
    const workloads::GemmShape gemm = workloads::gemm_shape(workload_.graph, layer);
    if (layer.kind == workloads::OpKind::linear) {
        column_[0] = window_.code(layout.byte(k), info.format);
        return 1;
    }
    const workloads::Window& w = layer.window;
    const std::int64_t taps = std::int64_t{w.kernel_h} * w.kernel_w;
    const std::int64_t channel = fold.group * (gemm.k / taps) + k / taps;
    const std::int64_t dy = k % taps / w.kernel_w * w.dilation_h - w.pad_h;
    const std::int64_t dx = k % w.kernel_w * w.dilation_w - w.pad_w;
    const std::int64_t width = workload_.graph.tensor(layer.output).shape.width;
    const std::int64_t first_row = fold.first_pixel / width;
    const std::int64_t rows = fold.pixels / width;
    std::int64_t reads = 0;
    std::int32_t* out = column_.data();
    for (std::int64_t row = first_row; row < first_row + rows; ++row) {
        const std::int64_t y = row * w.stride_h + dy;
        const bool inside = y >= 0 && y < info.shape.height;
        const std::int64_t line = channel * info.shape.plane() + y * info.shape.width;
        for (std::int64_t column = 0; column < width; ++column) {
            const std::int64_t x = column * w.stride_w + dx;
            const bool read = inside && x >= 0 && x < info.shape.width;
            *out++ = read ? window_.code(layout.byte(line + x), info.format) : 0;
            reads += read ? 1 : 0;
        }
    }
    return reads;
}

void WeightStationaryArray::multiply(const traces::Fold& fold, int row) {
    for (int c = 0; c < fold.used_cols; ++c) {
        const std::int32_t weight =
            weights_[static_cast<std::size_t>(row) * static_cast<std::size_t>(workload_.config.array.cols) +
                     static_cast<std::size_t>(c)];
        std::int32_t* sums = products_.data() + c * fold.pixels;
        for (std::int64_t m = 0; m < fold.pixels; ++m) {
            sums[m] += weight * column_[static_cast<std::size_t>(m)];
        }
    }
}

BufferTraffic WeightStationaryArray::stream(std::int32_t index) {
    if (index != held_) {
        throw std::logic_error(std::string(name()) + ": streams a fold whose weights are not in the array");
    }
    const traces::Fold& fold = workload_.plan.folds[static_cast<std::size_t>(index)];
    fetch_activations(fold);
    column_.assign(static_cast<std::size_t>(fold.pixels), 0);
    products_.assign(static_cast<std::size_t>(fold.pixels * fold.used_cols), 0);
    std::int64_t reads = 0;
    for (int r = 0; r < fold.used_rows; ++r) {
        reads += gather(fold, std::int64_t{fold.k_fold} * workload_.config.array.rows + r);
        multiply(fold, r);
    }
    BufferTraffic traffic = accumulate(fold);
    traffic.reads += reads;
    return traffic;
}

BufferTraffic WeightStationaryArray::accumulate(const traces::Fold& fold) {
    const std::int64_t count = fold.pixels * fold.used_cols;
    const std::int64_t word_bytes = workload_.config.output_buffer.word_bytes();
    const std::int64_t bytes = (count * 4 + word_bytes - 1) / word_bytes * word_bytes;
    words_.assign(static_cast<std::size_t>(bytes), 0);
    if (fold.k_fold > 0) {
        read(output_buffer, Memory::output_buffer, fold.accumulator * 4, words_.data(), bytes);
    }
    for (std::int64_t i = 0; i < count; ++i) {
        std::uint32_t sum = 0;
        std::memcpy(&sum, words_.data() + i * 4, 4);
        sum += static_cast<std::uint32_t>(products_[static_cast<std::size_t>(i)]);
        std::memcpy(words_.data() + i * 4, &sum, 4);
    }
    burst(output_buffer, workload_.clock, tlm::TLM_WRITE_COMMAND, fold.accumulator * 4, words_.data(), bytes);
    return {fold.k_fold > 0 ? count : 0, count};
}

}  // namespace fluence::accel
