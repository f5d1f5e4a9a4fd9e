#include "sim/arith/mac_layer.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "sim/arith/window.h"
#include "sim/core/error.h"

namespace fluence::arith {

using workloads::Graph;
using workloads::Window;

namespace {

// Rows become columns: to[channel · plane + pixel], `count` pixels.
void transpose(const std::int32_t* rows, int row_size, std::int64_t count, int channels, std::int64_t plane,
               std::int32_t* to) {
    constexpr std::int64_t kTile = 16;  // a cache line of each channel
    for (std::int64_t begin = 0; begin < count; begin += kTile) {
        const std::int64_t end = std::min(begin + kTile, count);
        for (int n = 0; n < channels; ++n) {
            for (std::int64_t p = begin; p < end; ++p) {
                to[n * plane + p] = rows[p * row_size + n];
            }
        }
    }
}

// Portable SSE2 has half as many lanes.
#define FLUENCE_BEST_VECTORS __attribute__((target_clones("avx2", "default")))

constexpr int kChannelsAtATime = 8;

// How far eight sums may move before their codes change. The code is the integer next to sum / inverse, so
// that sum + up < (code + 1/2)·inverse. Bounds are rounded towards no slack, by more than a double's error.
// Sums near the ends of 32 bits, which a move could wrap, and channels whose inverse is 0 have none.
struct SlackRow {
    const std::int32_t* sums;
    const std::int32_t* codes;
    const double* inverse;
    double clamp_lo, clamp_hi;
};
using EightInts __attribute__((vector_size(4 * kChannelsAtATime))) = std::int32_t;
using EightShorts __attribute__((vector_size(2 * kChannelsAtATime))) = std::int16_t;
using EightDoubles __attribute__((vector_size(8 * kChannelsAtATime))) = double;

FLUENCE_BEST_VECTORS void measure_eight(const SlackRow& row, std::int16_t* up, std::int16_t* down) {
    constexpr double kMost = 32766;
    constexpr double kFarFromWrapping = 1 << 30;
    constexpr double kMargin = 0.01;
    EightInts sums;
    EightInts codes;
    EightDoubles inverse;
    std::memcpy(&sums, row.sums, sizeof sums);
    std::memcpy(&codes, row.codes, sizeof codes);
    std::memcpy(&inverse, row.inverse, sizeof inverse);
    const EightDoubles sum = __builtin_convertvector(sums, EightDoubles);
    const EightDoubles code = __builtin_convertvector(codes, EightDoubles);
    const EightDoubles most = sum * 0 + kMost;
    const EightDoubles none = sum * 0 - 1;
    EightDoubles above = (code + 0.5) * inverse - sum - kMargin;
    EightDoubles below = sum - (code - 0.5) * inverse - kMargin;
    above = code < row.clamp_hi ? above : most;
    below = code > row.clamp_lo ? below : most;
    above = above < most ? above : most;
    below = below < most ? below : most;
    const auto usable = (sum <= kFarFromWrapping) & (sum >= -kFarFromWrapping) & (inverse > 0);
    above = usable ? above : none;
    below = usable ? below : none;
    const EightInts whole_above = __builtin_convertvector(above, EightInts);
    const EightInts whole_below = -__builtin_convertvector(below, EightInts);
    const EightShorts short_above = __builtin_convertvector(whole_above, EightShorts);
    const EightShorts short_below = __builtin_convertvector(whole_below, EightShorts);
    std::memcpy(up, &short_above, sizeof short_above);
    std::memcpy(down, &short_below, sizeof short_below);
}

}  // namespace

MacLayer::MacLayer(const Graph& graph, LayerId id, KernelKind kind, const SumRule& sums)
    : layer_(graph.layer(id)),
      input_(graph.tensor(layer_.inputs[0]).shape),
      output_(graph.tensor(layer_.output).shape),
      output_format_(graph.tensor(layer_.output).format),
      window_(workloads::window_of(graph, layer_)),
      kernels_(arith::kernels(kind)) {
    group_inputs_ = input_.channels / layer_.groups;
    group_outputs_ = output_.channels / layer_.groups;
    pairs_ = (group_inputs_ + 1) / 2;
    blocks_ = (group_outputs_ + kBlock - 1) / kBlock;
    group_weights_ = std::int64_t{blocks_} * taps() * pairs_ * 2 * kBlock;
    pack_weights();
    pack_delta_weights();
    pack_parameters();
    place_windows();
    list_reached();
    if (can_overflow(graph, id, sums)) {
        narrow_ = std::make_unique<NarrowSums>(layer_, group_outputs_, term_offsets(), sums.sum_register(),
                                               sums.fold_ends[index_of(id)]);
    } else if (kind == KernelKind::onednn) {
        const bool is_unsigned = graph.tensor(layer_.inputs[0]).format == workloads::NumberFormat::u8;
        onednn_ = OnednnConv::make_exact(layer_, input_, output_, window_, is_unsigned);
    }
}

void MacLayer::pack_weights() {
    weights_.assign(static_cast<std::size_t>(layer_.groups * group_weights_), 0);
    const std::int8_t* from = layer_.weights.data();
    for (int n = 0; n < output_.channels; ++n) {
        const int group = n / group_outputs_;
        const int column = n % group_outputs_;
        std::int16_t* block = weights_.data() + group * group_weights_ +
                              std::int64_t{column / kBlock} * taps() * pairs_ * 2 * kBlock;
        for (int c = 0; c < group_inputs_; ++c) {
            for (int tap = 0; tap < taps(); ++tap) {
                const std::int64_t pair = std::int64_t{tap} * pairs_ + c / 2;
                block[pair * 2 * kBlock + column % kBlock * 2 + c % 2] = *from++;
            }
        }
    }
}

void MacLayer::pack_delta_weights() {
    const int width = delta_width();
    constexpr std::int64_t kCacheLine = 64;
    const std::int64_t size = layer_.groups * delta_blocks() * delta_block_size();
    delta_weights_.assign(static_cast<std::size_t>(size + kCacheLine), 128);
    const auto address = reinterpret_cast<std::uintptr_t>(delta_weights_.data());
    aligned_by_ = -static_cast<std::int64_t>(address) & (kCacheLine - 1);
    const std::int8_t* from = layer_.weights.data();
    for (int n = 0; n < output_.channels; ++n) {
        const int column = n % group_outputs_;
        std::uint8_t* block = delta_weights_.data() + aligned_by_ +
                              (n / group_outputs_ * delta_blocks() + column / width) * delta_block_size();
        for (int c = 0; c < group_inputs_; ++c) {
            for (int tap = 0; tap < taps(); ++tap) {
                block[(tap * group_inputs_ + c) * width + column % width] =
                    static_cast<std::uint8_t>(*from++ + 128);
            }
        }
    }
}

void MacLayer::pack_parameters() {
    parameters_.resize(static_cast<std::size_t>(layer_.groups) * 2 * blocks_);
    inverses_.resize(parameters_.size() * kChannelsAtATime);
    for (int n = 0; n < output_.channels; ++n) {
        const int row = n / group_outputs_ * row_size() + n % group_outputs_;
        const auto at = static_cast<std::size_t>(n);
        parameters_[static_cast<std::size_t>(row / 8)].set(row % 8, layer_.multiplier[at], layer_.shift[at]);
        scales_.emplace_back(layer_.multiplier[at], layer_.shift[at]);
        inverses_[static_cast<std::size_t>(row)] =
            layer_.multiplier[at] <= 0 ? 0 : std::ldexp(1.0 / layer_.multiplier[at], layer_.shift[at] & 63);
    }
}

void MacLayer::place_windows() {
    const std::int64_t height = std::int64_t{output_.height - 1} * window_.stride_h +
                                std::int64_t{window_.kernel_h - 1} * window_.dilation_h + 1;
    const std::int64_t width = std::int64_t{output_.width - 1} * window_.stride_w +
                               std::int64_t{window_.kernel_w - 1} * window_.dilation_w + 1;
    const std::int64_t pixel = std::int64_t{2} * pairs_;
    if (height * width > std::numeric_limits<std::int32_t>::max() / pixel / input_.images) {
        throw InputError("", layer_.name, "the padded input has more than 2^31 elements");
    }
    packed_height_ = static_cast<int>(height);
    packed_width_ = static_cast<int>(width);
    for (std::int64_t row = 0; row < output_.rows(); ++row) {
        const std::int64_t image = output_.image_of(row);
        const std::int64_t y = image * height + (row - image * output_.height) * window_.stride_h;
        for (int x = 0; x < output_.width; ++x) {
            const std::int64_t at = y * width + std::int64_t{x} * window_.stride_w;
            pixel_offsets_.push_back(static_cast<std::int32_t>(at * pixel));
        }
    }
    for (int y = 0; y < window_.kernel_h; ++y) {
        for (int x = 0; x < window_.kernel_w; ++x) {
            const std::int64_t at =
                std::int64_t{y} * window_.dilation_h * width + std::int64_t{x} * window_.dilation_w;
            tap_offsets_.push_back(static_cast<std::int32_t>(at * pixel));
        }
    }
}

void MacLayer::list_reached() {
    if (!carries_deltas()) {
        return;
    }
    const Window& w = window_;
    const auto tap = static_cast<std::int32_t>(delta_tap());
    reached_rows_.begin.push_back(0);
    for (std::int32_t row = 0; row < input_.rows(); ++row) {
        const auto image = static_cast<std::int32_t>(input_.image_of(row));
        const int y = row - image * input_.height;
        for_each_window(y, w.pad_h, w.kernel_h, w.stride_h, w.dilation_h, output_.height, [&](int o) {
            const int kernel_row = (y + w.pad_h - o * w.stride_h) / w.dilation_h;
            reached_rows_.all.push_back(
                {(image * output_.height + o) * output_.width, kernel_row * w.kernel_w * tap});
        });
        reached_rows_.begin.push_back(static_cast<std::int32_t>(reached_rows_.all.size()));
    }
    reached_columns_.begin.push_back(0);
    for (int x = 0; x < input_.width; ++x) {
        for_each_window(x, w.pad_w, w.kernel_w, w.stride_w, w.dilation_w, output_.width, [&](int o) {
            reached_columns_.all.push_back({o, (x + w.pad_w - o * w.stride_w) / w.dilation_w * tap});
        });
        reached_columns_.begin.push_back(static_cast<std::int32_t>(reached_columns_.all.size()));
    }
}

// By k = (channel of the group, kernel row, kernel column).
std::vector<std::int32_t> MacLayer::term_offsets() const {
    std::vector<std::int32_t> offsets;
    for (int c = 0; c < group_inputs_; ++c) {
        for (const std::int32_t tap : tap_offsets_) {
            offsets.push_back(tap + c);
        }
    }
    return offsets;
}

void MacLayer::dense(int group, const std::vector<std::int16_t>& packed, const std::int32_t* pixel_offset,
                     std::int64_t pixels, std::int32_t* rows) const {
    if (narrow_) {
        narrow_->run(group, packed.data(), pixel_offset, pixels, row_size(), rows);
    } else {
        kernels_.dense({packed.data(), pixel_offset, pixels, tap_offsets_.data(), taps(), pairs_,
                        weights(group), blocks_, rows});
    }
}

std::int64_t MacLayer::packed_position(int row, int x) const {
    const auto image = static_cast<int>(input_.image_of(row));
    const int y = row - image * input_.height + window_.pad_h;
    const int column = x + window_.pad_w;
    const bool reached = y < packed_height_ && column < packed_width_;
    return reached ? ((std::int64_t{image} * packed_height_ + y) * packed_width_ + column) * 2 * pairs_ : -1;
}

void MacLayer::pack_input(const Codes& input, int group, std::vector<std::int16_t>& packed) const {
    packed.assign(static_cast<std::size_t>(input_.images) * packed_height_ * packed_width_ * 2 * pairs_, 0);
    const int columns = std::min(input_.width, packed_width_ - window_.pad_w);
    const std::int64_t plane = input_.plane();
    for (int y = 0; y < input_.rows() && columns > 0; ++y) {
        const std::int64_t position = packed_position(y, 0);
        if (position < 0) {
            continue;
        }
        std::int16_t* to = packed.data() + position;
        const std::int32_t* from =
            input.data() + group * group_inputs_ * plane + std::int64_t{y} * input_.width;
        for (int c = 0; c < group_inputs_; ++c) {
            for (int x = 0; x < columns; ++x) {
                to[std::int64_t{x} * 2 * pairs_ + c] = static_cast<std::int16_t>(from[c * plane + x]);
            }
        }
    }
}

// Accumulators without bias become the layer's results.
void MacLayer::finish_rows(int group, std::int64_t first_pixel, std::vector<std::int32_t>& rows,
                           std::int64_t count, const OutputBounds* bounds, Codes& accumulators,
                           SumSlack& slack, Codes& output) const {
    const int first_channel = group * group_outputs_;
    const std::int64_t corner = first_channel * output_.plane() + first_pixel;
    for (std::int64_t p = 0; p < count; ++p) {
        std::int32_t* row = rows.data() + p * row_size();
        for (int n = 0; n < group_outputs_; ++n) {
            row[n] = static_cast<std::int32_t>(static_cast<std::uint32_t>(row[n]) +
                                               static_cast<std::uint32_t>(layer_.bias[first_channel + n]));
        }
    }
    for (std::int64_t p = 0; p < count; ++p) {
        const std::int32_t* row = rows.data() + p * row_size();
        std::copy(row, row + group_outputs_, accumulators.data() + sums_at(group, first_pixel + p));
    }
    const std::vector<std::int32_t> sums(rows.begin(), rows.begin() + count * row_size());
    kernels_.requantise({rows.data(), count, parameters(group), blocks_, layer_.clamp_lo, layer_.clamp_hi});
    measure_slack(group, first_pixel, sums, rows, slack);
    if (bounds != nullptr) {
        for (std::int64_t p = 0; p < count; ++p) {
            std::int32_t* row = rows.data() + p * row_size();
            for (int n = 0; n < group_outputs_; ++n) {
                row[n] = bounded(*bounds, first_channel + n, row[n]);
            }
        }
    }
    transpose(rows.data(), row_size(), count, group_outputs_, output_.plane(), output.data() + corner);
}

// Of rows of sums and their codes, in front of range restriction.
void MacLayer::measure_slack(int group, std::int64_t first_pixel, const std::vector<std::int32_t>& sums,
                             const std::vector<std::int32_t>& codes, SumSlack& slack) const {
    const std::int64_t slots = std::int64_t{delta_blocks()} * delta_width();
    const auto count = static_cast<std::int64_t>(sums.size()) / row_size();
    for (std::int64_t p = 0; p < count; ++p) {
        const std::int64_t place = group * slack_size() + (first_pixel + p) * slots;
        for (int n = 0; n < group_outputs_; n += kChannelsAtATime) {
            const SlackRow row = {sums.data() + p * row_size() + n, codes.data() + p * row_size() + n,
                                  inverses_.data() + std::int64_t{group} * row_size() + n,
                                  static_cast<double>(layer_.clamp_lo), static_cast<double>(layer_.clamp_hi)};
            const std::int64_t slot = place + slot_of(n, delta_width());
            measure_eight(row, slack.up.data() + slot, slack.down.data() + slot);
            // Channels that fill up a block never move.
            for (int more = group_outputs_; more < n + kChannelsAtATime; ++more) {
                slack.up[static_cast<std::size_t>(slot + more - n)] = INT16_MAX;
                slack.down[static_cast<std::size_t>(slot + more - n)] = INT16_MIN;
            }
        }
    }
}

void MacLayer::run(const Codes& input, const OutputBounds* bounds, Codes& accumulators, SumSlack& slack,
                   Codes& output) const {
    constexpr std::int64_t kRowsInCache = 16384;  // values, so that rows stay in the L2 cache
    const std::int64_t pixels = output_.plane();
    const std::int64_t chunk =
        std::min(pixels, std::max<std::int64_t>(96, kRowsInCache / row_size() / 6 * 6));
    accumulators.resize(static_cast<std::size_t>(output_.elements()));
    output.resize(static_cast<std::size_t>(output_.elements()));
    slack.up.assign(static_cast<std::size_t>(layer_.groups * slack_size()), INT16_MAX);
    slack.down.assign(slack.up.size(), INT16_MIN);
    std::vector<std::int32_t> sums;
    if (onednn_) {
        sums = onednn_->run(input);
    }
    std::vector<std::int16_t> packed;
    std::vector<std::int32_t> rows(static_cast<std::size_t>(chunk * row_size()));
    for (int group = 0; group < layer_.groups; ++group) {
        if (!onednn_) {
            pack_input(input, group, packed);
        }
        for (std::int64_t first = 0; first < pixels; first += chunk) {
            const std::int64_t count = std::min(chunk, pixels - first);
            if (onednn_) {
                for (std::int64_t p = 0; p < count; ++p) {
                    const std::int32_t* from =
                        sums.data() + (first + p) * output_.channels + group * group_outputs_;
                    std::copy(from, from + group_outputs_, rows.data() + p * row_size());
                }
            } else {
                dense(group, packed, pixel_offsets_.data() + first, count, rows.data());
            }
            finish_rows(group, first, rows, count, bounds, accumulators, slack, output);
        }
    }
}

}  // namespace fluence::arith
