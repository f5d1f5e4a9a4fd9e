// The part of MacDelta that carries changes of the layer's input, and nothing else, through the layer: only
// accumulators that move further than their slack are looked at.
#include <algorithm>
#include <cstdlib>

#include "sim/arith/mac_delta.h"

namespace fluence::arith {

using workloads::Shape;
using workloads::Window;

namespace {

// Carrying a changed element under a tap costs half of what the dense loop takes for one.
constexpr double kDeltaCost = 0.5;
// Room for sums that moved, so that it does not grow with the number of inferences.
constexpr std::size_t kSumsAtATime = std::size_t{1} << 20;

}  // namespace

bool MacDelta::collect(const MacLayer& layer, const LayerStep& step, int group, const Change* begin,
                       const Change* end) {
    const std::size_t elements = element_count_;
    const std::size_t hits = hits_.size();
    const std::size_t rows = delta_rows_.size();
    reached_.reserve(layer.output_shape().plane());
    list_elements(layer, group, begin, end);
    mark_reached(layer);
    reached_.take(outputs_);
    const std::int64_t work = list_hits(layer);
    forget_elements();
    const double full = static_cast<double>(outputs_.size()) * layer.taps() * layer.group_inputs();
    if (kDeltaCost * static_cast<double>(work) > full) {
        element_count_ = elements;
        hits_.resize(hits);
        delta_rows_.resize(rows);
        return false;
    }
    collected_.push_back({&step, static_cast<std::int32_t>(delta_rows_.size())});
    return true;
}

// Nothing branches on what cannot be predicted. A pixel's elements are filled up to an even number.
void MacDelta::list_elements(const MacLayer& layer, int group, const Change* begin, const Change* end) {
    ranges_.resize(std::max(ranges_.size(), static_cast<std::size_t>(layer.input_shape().plane())));
    // At most four elements a change (|delta| ≤ 255) and one to fill up.
    const std::size_t most = element_count_ + 5 * static_cast<std::size_t>(end - begin) + 1;
    elements_.resize(std::max(elements_.size(), most));
    changed_pixels_.clear();
    const std::int32_t first_channel = group * layer.group_inputs();
    const std::int32_t width = layer.delta_width();
    auto at = static_cast<std::int32_t>(element_count_);
    const Change* change = begin;
    while (change != end) {
        const std::int32_t pixel = change->pixel;
        Range range = {at, at, 0, 0};
        for (; change != end && change->pixel == pixel; ++change) {
            const std::int32_t offset = (change->channel - first_channel) * width;
            std::int32_t delta = change->code - change->golden;
            range.sum += delta;
            range.magnitude += std::abs(delta);
            for (; std::abs(delta) > kDeltaLimit; ++at) {
                const std::int32_t part = delta > 0 ? kDeltaLimit : -kDeltaLimit;
                elements_[static_cast<std::size_t>(at)] = {offset, (part & 0xff) << (at % 2 * 8)};
                delta -= part;
            }
            elements_[static_cast<std::size_t>(at)] = {offset, (delta & 0xff) << (at % 2 * 8)};
            ++at;
        }
        elements_[static_cast<std::size_t>(at)] = {};
        at += at % 2;
        range.last = at;
        ranges_[static_cast<std::size_t>(pixel)] = range;
        changed_pixels_.push_back(pixel);
    }
    element_count_ = static_cast<std::size_t>(at);
}

void MacDelta::finish(const MacLayer& layer, int group) {
    if (collected_.empty()) {
        return;
    }
    const std::size_t row_size = static_cast<std::size_t>(layer.delta_blocks()) * layer.delta_width();
    const std::size_t at_a_time = std::max<std::size_t>(1, kSumsAtATime / row_size);
    moved_count_ = 0;
    std::size_t first = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < collected_.size(); ++i) {
        const auto end = static_cast<std::size_t>(collected_[i].row_end);
        const bool last = i + 1 == collected_.size();
        if (last || static_cast<std::size_t>(collected_[i + 1].row_end) - begin > at_a_time) {
            find_moved(layer, group, begin, end);
            emit_moved(layer, group, first, i + 1, begin);
            first = i + 1;
            begin = end;
        }
    }
    collected_.clear();
    delta_rows_.clear();
    hits_.clear();
    element_count_ = 0;
}

// moved_: by row, then channel. The kernel lists block after block, each by row: a stable counting sort.
void MacDelta::find_moved(const MacLayer& layer, int group, std::size_t first_row, std::size_t last_row) {
    const LayerStep& step = *collected_.front().step;
    const SumSlack& slack = step.golden.slack[index_of(step.layer)];
    const std::size_t row_size = static_cast<std::size_t>(layer.delta_blocks()) * layer.delta_width();
    const std::size_t rows = last_row - first_row;
    moved_.resize(std::max(moved_.size(), rows * row_size + 1));
    DeltaTask task;
    task.rows = delta_rows_.data() + first_row;
    task.row_count = static_cast<std::int64_t>(rows);
    task.hits = hits_.data();
    task.first_hit = first_row == 0 ? 0 : delta_rows_[first_row - 1].hit_end;
    task.elements = elements_.data();
    task.weights = layer.delta_weights(group);
    task.block_size = layer.delta_block_size();
    task.width = layer.delta_width();
    task.blocks = layer.delta_blocks();
    task.up = slack.up.data() + group * layer.slack_size();
    task.down = slack.down.data() + group * layer.slack_size();
    moved_count_ = static_cast<std::size_t>(layer.kernels().delta(task, moved_.data()));
    if (layer.delta_blocks() == 1) {
        return;
    }
    row_begin_.assign(rows + 1, 0);
    for (std::size_t i = 0; i < moved_count_; ++i) {
        ++row_begin_[static_cast<std::size_t>(moved_[i].row) + 1];
    }
    for (std::size_t row = 1; row < row_begin_.size(); ++row) {
        row_begin_[row] += row_begin_[row - 1];
    }
    sorted_moved_.resize(std::max(sorted_moved_.size(), moved_count_));
    for (std::size_t i = 0; i < moved_count_; ++i) {
        sorted_moved_[static_cast<std::size_t>(row_begin_[static_cast<std::size_t>(moved_[i].row)]++)] =
            moved_[i];
    }
    moved_.swap(sorted_moved_);
}

// collected_[first … last) into their outputs; rows are counted from first_row.
void MacDelta::emit_moved(const MacLayer& layer, int group, std::size_t first, std::size_t last,
                          std::size_t first_row) {
    const std::int32_t first_channel = group * layer.group_outputs();
    std::size_t i = 0;
    for (std::size_t c = first; c < last; ++c) {
        const LayerStep& step = *collected_[c].step;
        const std::int32_t* sums = step.golden.accumulators[index_of(step.layer)].data();
        const std::int64_t row_end = collected_[c].row_end - static_cast<std::int64_t>(first_row);
        for (; i < moved_count_ && moved_[i].row < row_end; ++i) {
            const std::int32_t pixel = delta_rows_[first_row + static_cast<std::size_t>(moved_[i].row)].pixel;
            if (moved_[i].channel >= layer.group_outputs()) {
                continue;
            }
            const std::int32_t golden = sums[layer.sums_at(group, pixel) + moved_[i].channel];
            std::int32_t sum = golden;
            add_wrapping(sum, moved_[i].delta);
            const std::int32_t channel = first_channel + moved_[i].channel;
            emit_code(step, pixel, channel, layer.code_of(sum, channel), layer.code_of(golden, channel));
        }
    }
}

// The hits of all reached output pixels; returns their elements.
std::int64_t MacDelta::list_hits(const MacLayer& layer) {
    const Window& w = layer.window();
    const Shape& in = layer.input_shape();
    const int width = layer.output_shape().width;
    const std::int32_t tap_size = layer.group_inputs() * layer.delta_width();
    std::int64_t work = 0;
    for (const std::int32_t pixel : outputs_) {
        DeltaRow row;
        row.pixel = pixel;
        const workloads::InputRows rows = input_rows(in, layer.output_shape(), w, pixel / width);
        const int left = pixel % width * w.stride_w - w.pad_w;
        for (int ky = 0; ky < w.kernel_h; ++ky) {
            const std::int64_t y = rows.first + std::int64_t{ky} * w.dilation_h;
            if (y < rows.begin || y >= rows.end) {
                continue;
            }
            const Range* line = ranges_.data() + y * in.width;
            for (int kx = 0; kx < w.kernel_w; ++kx) {
                const int x = left + kx * w.dilation_w;
                if (x < 0 || x >= in.width || line[x].first == line[x].last) {
                    continue;
                }
                hits_.push_back({(ky * w.kernel_w + kx) * tap_size, line[x].first, line[x].last});
                row.sum += line[x].sum;
                row.magnitude += line[x].magnitude;
                work += line[x].last - line[x].first;
            }
        }
        row.hit_end = static_cast<std::int32_t>(hits_.size());
        delta_rows_.push_back(row);
    }
    return work;
}

void MacDelta::forget_elements() {
    for (const std::int32_t pixel : changed_pixels_) {
        ranges_[static_cast<std::size_t>(pixel)] = {};
    }
}

}  // namespace fluence::arith
