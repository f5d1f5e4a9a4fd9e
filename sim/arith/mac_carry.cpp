// The part of MacDelta that carries changes of the layer's input, and nothing else, through the layer: only
// accumulators that move further than their slack are looked at.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "sim/arith/mac_delta.h"

namespace fluence::arith {

namespace {

// Carrying a changed element under a tap costs half of what the dense loop takes for one.
constexpr double kDeltaCost = 0.5;
// Elements are copied so many at a time; behind each row there is room for what is copied too much.
constexpr std::int32_t kElementsAtATime = 8;
// Room for sums that moved, so that it does not grow with the number of inferences.
constexpr std::size_t kSumsAtATime = std::size_t{1} << 20;
// Layers with few weights gain nothing from waiting for more inferences than the L2 cache holds elements of.
constexpr std::int64_t kFewWeights = 128 * 1024;
constexpr std::size_t kElementsInCache = 16 * 1024;

// At -O2 the compiler leaves loops over single elements as they are.
using Elements __attribute__((vector_size(4 * sizeof(DeltaElement)))) = DeltaElement;

void copy_four(const DeltaElement* from, std::uint32_t place, DeltaElement* to) {
    Elements elements;
    std::memcpy(&elements, from, sizeof elements);
    elements += place;
    std::memcpy(to, &elements, sizeof elements);
}

void copy_under_tap(const DeltaElement* from, std::int32_t count, std::int32_t place, DeltaElement* to) {
    for (std::int32_t i = 0; i < count; i += kElementsAtATime) {
        copy_four(from + i, static_cast<std::uint32_t>(place), to + i);
        copy_four(from + i + 4, static_cast<std::uint32_t>(place), to + i + 4);
    }
}

}  // namespace

bool MacDelta::collect(const MacLayer& layer, const LayerStep& step, int group, const Change* begin,
                       const Change* end) {
    list_changed(layer, group, begin, end);
    const std::int64_t work = measure_reach(layer);
    const double full = static_cast<double>(outputs_.size()) * layer.taps() * layer.group_inputs();
    const bool dense = kDeltaCost * static_cast<double>(work) > full;
    if (!dense) {
        list_rows();
        list_elements(layer);
        collected_.push_back({&step, static_cast<std::int32_t>(delta_rows_.size())});
    }
    for (const std::int32_t pixel : outputs_) {
        reach_[static_cast<std::size_t>(pixel)] = Reach{};
    }
    return !dense;
}

// The changed pixels of a group's input and their elements.
void MacDelta::list_changed(const MacLayer& layer, int group, const Change* begin, const Change* end) {
    // At most four elements a change (|delta| ≤ 255), and what is copied too much.
    changed_elements_.resize(std::max(
        changed_elements_.size(), 4 * static_cast<std::size_t>(end - begin) + std::size_t{kElementsAtATime}));
    changed_.clear();
    const std::int32_t first_channel = group * layer.group_inputs();
    const std::int32_t width = layer.delta_width();
    const std::int32_t columns = layer.input_shape().width;
    DeltaElement* next = changed_elements_.data();
    const Change* change = begin;
    while (change != end) {
        const std::int32_t pixel = change->pixel;
        const DeltaElement* first = next;
        std::int32_t sum = 0;
        std::int32_t magnitude = 0;
        for (; change != end && change->pixel == pixel; ++change) {
            const std::int32_t place = (change->channel - first_channel) * width;
            std::int32_t delta = change->code - change->golden;
            sum += delta;
            magnitude += std::abs(delta);
            for (; std::abs(delta) > kDeltaLimit; ++next) {
                const std::int32_t part = delta > 0 ? kDeltaLimit : -kDeltaLimit;
                *next = delta_element(place, part);
                delta -= part;
            }
            *next++ = delta_element(place, delta);
        }
        const std::int32_t row = pixel / columns;
        changed_.push_back({row, pixel - row * columns,
                            static_cast<std::int32_t>(first - changed_elements_.data()),
                            Reach{static_cast<std::int32_t>(next - first), sum, magnitude, 0}});
    }
}

// outputs_ and what reaches them; returns the number of their elements.
std::int64_t MacDelta::measure_reach(const MacLayer& layer) {
    const std::int64_t plane = layer.output_shape().plane();
    reached_.reserve(plane);
    reach_.resize(std::max(reach_.size(), static_cast<std::size_t>(plane)));
    std::int64_t work = 0;
    for (const ChangedPixel& changed : changed_) {
        const Reach by = changed.reach;
        const MacLayer::ReachedRange columns = layer.reached_columns(changed.column);
        for (const Reached& row : layer.reached_rows(changed.row)) {
            reached_.expect(row.output, row.output + layer.output_shape().width - 1);
            for (const Reached& column : columns) {
                const std::int32_t pixel = row.output + column.output;
                reach_[static_cast<std::size_t>(pixel)] += by;
                work += by[kElements];
                reached_.mark(pixel);
            }
        }
    }
    reached_.take(outputs_);
    return work;
}

// Room for the elements of outputs_.
void MacDelta::list_rows() {
    next_element_.resize(reach_.size());
    for (const std::int32_t pixel : outputs_) {
        const Reach reach = reach_[static_cast<std::size_t>(pixel)];
        const auto first = static_cast<std::int32_t>(element_count_);
        const std::int32_t last = first + reach[kElements] + reach[kElements] % 2;
        delta_rows_.push_back({pixel, first, last, reach[kSum], reach[kMagnitude]});
        next_element_[static_cast<std::size_t>(pixel)] = first;
        element_count_ = static_cast<std::size_t>(last + kElementsAtATime);
    }
    elements_.resize(std::max(elements_.size(), element_count_));
}

void MacDelta::list_elements(const MacLayer& layer) {
    for (const ChangedPixel& changed : changed_) {
        const DeltaElement* from = changed_elements_.data() + changed.first;
        const std::int32_t count = changed.reach[kElements];
        const MacLayer::ReachedRange columns = layer.reached_columns(changed.column);
        for (const Reached& row : layer.reached_rows(changed.row)) {
            for (const Reached& column : columns) {
                std::int32_t& next = next_element_[static_cast<std::size_t>(row.output + column.output)];
                copy_under_tap(from, count, row.place + column.place, elements_.data() + next);
                next += count;
            }
        }
    }
    // Rows of an odd number of elements are filled up.
    for (const std::int32_t pixel : outputs_) {
        elements_[static_cast<std::size_t>(next_element_[static_cast<std::size_t>(pixel)])] = 0;
    }
}

bool MacDelta::enough_collected(const MacLayer& layer) const {
    const std::int64_t row_size = std::int64_t{layer.delta_blocks()} * layer.delta_width();
    return delta_rows_.size() * static_cast<std::size_t>(row_size) >= kSumsAtATime ||
           (element_count_ >= kElementsInCache &&
            layer.delta_blocks() * layer.delta_block_size() <= kFewWeights);
}

void MacDelta::finish(const MacLayer& layer, int group) {
    if (collected_.empty()) {
        return;
    }
    find_moved(layer, group);
    emit_moved(layer, group);
    collected_.clear();
    delta_rows_.clear();
    element_count_ = 0;
}

// moved_: by row, then channel.
void MacDelta::find_moved(const MacLayer& layer, int group) {
    const LayerStep& step = *collected_.front().step;
    const SumSlack& slack = step.golden.slack[index_of(step.layer)];
    const std::size_t row_size = static_cast<std::size_t>(layer.delta_blocks()) * layer.delta_width();
    moved_.resize(std::max(moved_.size(), delta_rows_.size() * row_size + 1));
    DeltaTask task;
    task.rows = delta_rows_.data();
    task.row_count = static_cast<std::int64_t>(delta_rows_.size());
    task.elements = elements_.data();
    task.weights = layer.delta_weights(group);
    task.block_size = layer.delta_block_size();
    task.width = layer.delta_width();
    task.blocks = layer.delta_blocks();
    task.up = slack.up.data() + group * layer.slack_size();
    task.down = slack.down.data() + group * layer.slack_size();
    moved_count_ = static_cast<std::size_t>(layer.kernels().delta(task, moved_.data()));
    const auto end = moved_.begin() + static_cast<std::ptrdiff_t>(moved_count_);
    if (!std::is_sorted(moved_.begin(), end,
                        [](const MovedSum& a, const MovedSum& b) { return a.row < b.row; })) {
        order_moved();
    }
}

// The kernel lists pass after pass, each by row: a stable counting sort.
void MacDelta::order_moved() {
    row_begin_.assign(delta_rows_.size() + 1, 0);
    for (std::size_t i = 0; i < moved_count_; ++i) {
        ++row_begin_[static_cast<std::size_t>(moved_[i].row) + 1];
    }
    for (std::size_t row = 1; row < row_begin_.size(); ++row) {
        row_begin_[row] += row_begin_[row - 1];
    }
    sorted_moved_.resize(std::max(sorted_moved_.size(), moved_.size()));
    for (std::size_t i = 0; i < moved_count_; ++i) {
        sorted_moved_[static_cast<std::size_t>(row_begin_[static_cast<std::size_t>(moved_[i].row)]++)] =
            moved_[i];
    }
    moved_.swap(sorted_moved_);
}

void MacDelta::emit_moved(const MacLayer& layer, int group) {
    const std::int32_t first_channel = group * layer.group_outputs();
    const MovedSum* moved = moved_.data();
    const MovedSum* const end = moved + moved_count_;
    for (const Collected& collected : collected_) {
        const LayerStep& step = *collected.step;
        const std::int32_t* sums =
            step.golden.accumulators[index_of(step.layer)].data() + layer.sums_at(group, 0);
        const MovedSum* const first = moved;
        moved = std::partition_point(first, end,
                                     [&](const MovedSum& sum) { return sum.row < collected.row_end; });
        candidates_.resize(std::max(candidates_.size(), static_cast<std::size_t>(moved - first) + 1));
        const MacLayer::Requantiser codes = layer.requantiser();
        Change* next = candidates_.data();
        const auto list = [&, rows = delta_rows_.data(),
                           channels = std::int64_t{layer.group_outputs()}](auto golden_code_of) {
            for (const MovedSum* at = first; at != moved; ++at) {
                const std::int32_t pixel = rows[at->row].pixel;
                const std::int32_t golden = sums[pixel * channels + at->channel];
                std::int32_t sum = golden;
                add_wrapping(sum, at->delta);
                const std::int32_t channel = first_channel + at->channel;
                const std::int32_t code = codes.code_of(sum, channel);
                const std::int32_t golden_code = golden_code_of(pixel, channel, golden);
                write_change(next, pixel, channel, code, golden_code);
                next += code != golden_code ? 1 : 0;
            }
        };
        if (step.golden_codes != nullptr) {
            list([known = step.golden_codes, channels = std::int64_t{layer.output_shape().channels}](
                     std::int64_t pixel, std::int32_t channel, std::int32_t) -> std::int32_t {
                return known[pixel * channels + channel];
            });
        } else {
            list([&](std::int32_t, std::int32_t channel, std::int32_t golden) {
                return codes.code_of(golden, channel);
            });
        }
        if (step.bounds == nullptr) {
            append_changes(candidates_, static_cast<std::size_t>(next - candidates_.data()), step.output);
            continue;
        }
        for (const Change* change = candidates_.data(); change != next; ++change) {
            emit_code(step, change->pixel, change->channel, change->code, change->golden);
        }
    }
}

}  // namespace fluence::arith
