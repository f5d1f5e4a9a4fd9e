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

void copy_under_tap(const DeltaElement* from, std::int32_t count, std::uint32_t place, DeltaElement* to) {
    for (std::int32_t i = 0; i < count; i += kElementsAtATime) {
        copy_four(from + i, place, to + i);
        copy_four(from + i + 4, place, to + i + 4);
    }
}

}  // namespace

bool MacDelta::collect(const MacLayer& layer, const LayerStep& step, int group, const Change* begin,
                       const Change* end) {
    list_changed(layer, group, begin, end);
    list_runs(layer);
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
    changed_.resize(static_cast<std::size_t>(end - begin));
    const std::int32_t first_channel = group * layer.group_inputs();
    const std::int32_t width = layer.delta_width();
    const std::int32_t columns = layer.input_shape().width;
    DeltaElement* const elements = changed_elements_.data();
    DeltaElement* next = elements;
    ChangedPixel* listed = changed_.data();
    std::int32_t row = 0;
    std::int32_t row_end = columns;  // the first pixel behind it
    const Change* change = begin;
    while (change != end) {
        const std::int32_t pixel = change->pixel;
        for (; pixel >= row_end; row_end += columns) {
            ++row;
        }
        const std::int32_t column = pixel - row_end + columns;
        const std::uint32_t under = static_cast<std::uint32_t>(column) * layer.delta_tap();
        const DeltaElement* const first = next;
        std::int32_t sum = 0;
        std::int32_t magnitude = 0;
        for (; change != end && change->pixel == pixel; ++change) {
            const std::uint32_t place =
                under + static_cast<std::uint32_t>((change->channel - first_channel) * width);
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
        listed->row = row;
        listed->column = column;
        listed->first = static_cast<std::int32_t>(first - elements);
        listed->count = static_cast<std::int32_t>(next - first);
        listed->sum = sum;
        listed->magnitude = magnitude;
        ++listed;
    }
    changed_.resize(static_cast<std::size_t>(listed - changed_.data()));
}

// Windows of neighbouring output columns share changed pixels; without dilation those under one kernel row
// are neighbours as well, and are taken together.
void MacDelta::list_runs(const MacLayer& layer) {
    runs_.clear();
    rows_of_runs_.clear();
    const bool neighbours = layer.window().dilation_w == 1;
    const ChangedPixel* const end = changed_.data() + changed_.size();
    for (const ChangedPixel* pixel = changed_.data(); pixel != end;) {
        const auto first_run = static_cast<std::int32_t>(runs_.size());
        const std::int32_t row = pixel->row;
        std::int32_t listed = -1;  // the last output column that has its run
        for (; pixel != end && pixel->row == row; ++pixel) {
            for (const Reached& column : layer.reached_columns(pixel->column)) {
                if (!neighbours || column.output > listed) {
                    add_run(layer, column, pixel, neighbours ? end : pixel + 1);
                    listed = column.output;
                }
            }
        }
        rows_of_runs_.push_back({row, first_run, static_cast<std::int32_t>(runs_.size())});
    }
}

// From `pixel`, which lies under `column`, on.
void MacDelta::add_run(const MacLayer& layer, const Reached& column, const ChangedPixel* pixel,
                       const ChangedPixel* end) {
    const workloads::Window& w = layer.window();
    const std::int32_t last = column.output * w.stride_w - w.pad_w + w.kernel_w - 1;
    Reach reach = pixel->reach();
    for (const ChangedPixel* next = pixel + 1; next != end && next->row == pixel->row && next->column <= last;
         ++next) {
        reach += next->reach();
    }
    const std::uint32_t moved = static_cast<std::uint32_t>(pixel->column) * layer.delta_tap();
    runs_.push_back({column.output, pixel->first, static_cast<std::uint32_t>(column.place) - moved, reach});
}

// outputs_ and what reaches them; returns the number of their elements.
std::int64_t MacDelta::measure_reach(const MacLayer& layer) {
    const std::int64_t plane = layer.output_shape().plane();
    reached_.reserve(plane);
    reach_.resize(std::max(reach_.size(), static_cast<std::size_t>(plane)));
    std::int64_t work = 0;
    for (const RowOfRuns& runs : rows_of_runs_) {
        for (const Reached& row : layer.reached_rows(runs.row)) {
            reached_.expect(row.output, row.output + layer.output_shape().width - 1);
            for (std::int32_t i = runs.first_run; i < runs.last_run; ++i) {
                const Run& run = runs_[static_cast<std::size_t>(i)];
                const std::int32_t pixel = row.output + run.column;
                reach_[static_cast<std::size_t>(pixel)] += run.reach;
                work += run.reach[kElements];
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
    for (const RowOfRuns& runs : rows_of_runs_) {
        for (const Reached& row : layer.reached_rows(runs.row)) {
            for (std::int32_t i = runs.first_run; i < runs.last_run; ++i) {
                const Run& run = runs_[static_cast<std::size_t>(i)];
                std::int32_t& next = next_element_[static_cast<std::size_t>(row.output + run.column)];
                copy_under_tap(changed_elements_.data() + run.first, run.reach[kElements],
                               static_cast<std::uint32_t>(row.place) + run.place, elements_.data() + next);
                next += run.reach[kElements];
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
    const Moved moved = layer.kernels().delta(task, moved_.data());
    moved_count_ = static_cast<std::size_t>(moved.count);
    if (!moved.by_row) {
        order_moved();
    }
}

// A stable counting sort.
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

// What the accumulators that moved become, kept where that differs from the golden code; behind the last one
// there is room for one more. known(pixel, channel, golden sum): the golden code.
template <class Known>
static Change* requantise_moved(const MovedSum* at, const MovedSum* end, const DeltaRow* rows,
                                const std::int32_t* sums, std::int64_t channels, std::int32_t first_channel,
                                const MacLayer::Requantiser codes, Known known, Change* next) {
    for (; at != end; ++at) {
        const std::int32_t pixel = rows[at->row].pixel;
        const std::int32_t golden = sums[pixel * channels + at->channel];
        std::int32_t sum = golden;
        add_wrapping(sum, at->delta);
        const std::int32_t channel = first_channel + at->channel;
        const std::int32_t code = codes.code_of(sum, channel);
        const std::int32_t golden_code = known(pixel, channel, golden);
        write_change(next, pixel, channel, code, golden_code);
        next += code != golden_code ? 1 : 0;
    }
    return next;
}

void MacDelta::emit_moved(const MacLayer& layer, int group) {
    const std::int32_t first_channel = group * layer.group_outputs();
    const MacLayer::Requantiser codes = layer.requantiser();
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
        const auto requantise = [&](auto known) {
            return requantise_moved(first, moved, delta_rows_.data(), sums, layer.group_outputs(),
                                    first_channel, codes, known, candidates_.data());
        };
        Change* next = nullptr;
        if (step.golden_codes == nullptr) {
            next = requantise([&](std::int64_t, std::int32_t channel, std::int32_t golden) {
                return codes.code_of(golden, channel);
            });
        } else {
            next = requantise(
                [known = step.golden_codes, channels = std::int64_t{layer.output_shape().channels}](
                    std::int64_t pixel, std::int32_t channel, std::int32_t) -> std::int32_t {
                    return known[pixel * channels + channel];
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
