#include "sim/accel/operand_source.h"

#include <algorithm>

namespace fluence::accel {

void ActivationSource::attach(const traces::Fold& fold) {
    const workloads::Graph& graph = script_.workload.graph;
    const workloads::Layer& layer = graph.layer(fold.layer);
    const dataflow::TensorLayout& layout = script_.layout(layer.inputs[0]);
    if (load_ != fold.activation_load) {
        load_ = fold.activation_load;
        words_ = dataflow::LoadedWords(script_.timeline.loads[static_cast<std::size_t>(load_)],
                                       script_.workload.map.word_bytes());
    }
    const workloads::TensorInfo& input = graph.tensor(layer.inputs[0]);
    signed_ = input.format == workloads::NumberFormat::s8;
    pixels_.resize(static_cast<std::size_t>(fold.pixels));
    terms_.resize(static_cast<std::size_t>(fold.terms));
    if (layer.kind == workloads::OpKind::linear && input.shape.images == 1) {
        width_ = 1;
        std::fill(pixels_.begin(), pixels_.end(), Pixel{0, 0, 0, 1});
        for (std::int64_t k = 0; k < fold.terms; ++k) {
            terms_[static_cast<std::size_t>(k)] = {layout.byte(fold.first_k + k), 0, 0, 0};
        }
        return;
    }
    const workloads::Window w = workloads::window_of(graph, layer);
    const workloads::Shape& output = graph.tensor(layer.output).shape;
    width_ = input.shape.width;
    for (std::int64_t m = 0; m < fold.pixels; ++m) {
        const std::int64_t pixel = fold.first_pixel + m;
        const workloads::InputRows rows = input_rows(input.shape, output, w, pixel / output.width);
        pixels_[static_cast<std::size_t>(m)] = {rows.first, pixel % output.width * w.stride_w - w.pad_w,
                                                rows.begin, rows.end};
    }
    const std::int64_t taps = std::int64_t{w.kernel_h} * w.kernel_w;
    const std::int64_t group_channels = input.shape.channels / layer.groups;
    for (std::int64_t k = 0; k < fold.terms; ++k) {
        const std::int64_t term = fold.first_k + k;
        const std::int64_t channel = fold.group * group_channels + term / taps;
        terms_[static_cast<std::size_t>(k)] = {layout.byte(channel * input.shape.plane()),
                                               term % taps / w.kernel_w * w.dilation_h,
                                               term % w.kernel_w * w.dilation_w, 0};
    }
}

std::int32_t ActivationSource::read(WordAccess& buffer, std::int64_t m, std::int64_t k) {
    Term& term = terms_[static_cast<std::size_t>(k)];
    const Pixel& pixel = pixels_[static_cast<std::size_t>(m)];
    const std::int64_t y = pixel.y + term.y;
    const std::int64_t x = pixel.x + term.x;
    if (y < pixel.begin || y >= pixel.end || x < 0 || x >= width_) {
        return 0;
    }
    const std::uint8_t code = buffer.byte(words_.buffer_byte(term.plane + y * width_ + x, term.hint));
    return signed_ ? static_cast<std::int8_t>(code) : code;
}

void WeightSource::attach(const traces::Fold& fold) {
    if (load_ != fold.weight_load) {
        load_ = fold.weight_load;
        words_ = dataflow::LoadedWords(script_.timeline.loads[static_cast<std::size_t>(load_)],
                                       script_.workload.map.word_bytes());
    }
    const ArrayConfig& array = script_.workload.config.array;
    const dataflow::MemoryMap& map = script_.workload.map;
    const auto place = [](std::vector<Place>& places, std::int64_t first, std::int64_t count, int edge) {
        places.resize(static_cast<std::size_t>(count));
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t at = first + i;
            places[static_cast<std::size_t>(i)] = {static_cast<std::int32_t>(at / edge - first / edge),
                                                   static_cast<std::int32_t>(at % edge)};
        }
    };
    place(terms_, fold.first_k, fold.terms, array.rows);
    place(channels_, fold.first_n, fold.channels, array.cols);
    hints_.assign(terms_.size(), 0);
    k_blocks_ = static_cast<std::size_t>(terms_.back().block) + 1;
    blocks_.clear();
    for (std::int32_t n = 0; n <= channels_.back().block; ++n) {
        for (std::int32_t k = 0; k <= terms_.back().block; ++k) {
            const dataflow::WeightBlock block =
                map.weight_block(fold.layer, fold.group, static_cast<int>(fold.first_n / array.cols) + n,
                                 static_cast<int>(fold.first_k / array.rows) + k);
            blocks_.push_back(
                {block.first_word * map.word_bytes(), std::int64_t{block.row_words} * map.word_bytes()});
        }
    }
}

std::int64_t WeightSource::byte(std::int64_t k, std::int64_t n) {
    const Place& term = terms_[static_cast<std::size_t>(k)];
    const Place& channel = channels_[static_cast<std::size_t>(n)];
    const Block& block =
        blocks_[static_cast<std::size_t>(channel.block) * k_blocks_ + static_cast<std::size_t>(term.block)];
    return words_.buffer_byte(block.first + term.offset * block.row_bytes + channel.offset,
                              hints_[static_cast<std::size_t>(k)]);
}

std::int32_t WeightSource::read(WordAccess& buffer, std::int64_t k, std::int64_t n) {
    return static_cast<std::int8_t>(buffer.byte(byte(k, n)));
}

void WeightSource::read_row(WordAccess& buffer, std::int64_t k, std::int32_t* values) {
    const std::int64_t first = byte(k, 0);
    const auto channels = static_cast<std::int64_t>(channels_.size());
    const std::uint8_t* word = nullptr;
    for (std::int64_t n = 0; n < channels; ++n) {
        const std::int64_t address = first + n;
        if (n == 0 || address % buffer.word_bytes() == 0) {
            word = buffer.read(address / buffer.word_bytes());
        }
        values[n] = static_cast<std::int8_t>(word[address % buffer.word_bytes()]);
    }
}

}  // namespace fluence::accel
