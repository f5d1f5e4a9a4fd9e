#include "sim/arith/mac_delta.h"

#include <algorithm>
#include <utility>

#include "sim/arith/disturbed.h"
#include "sim/arith/window.h"

namespace fluence::arith {

using workloads::Shape;
using workloads::Window;

namespace {

bool changes_parameters(const LayerFault* fault) {
    return fault != nullptr && !fault->parameters.empty();
}

DisturbedRange disturbed_of(const MacLayer& layer, const LayerFault& fault, int group) {
    const std::int64_t size = layer.group_outputs() * layer.output_shape().plane();
    return disturbed_in(fault.disturbed, group * size, (group + 1) * size);
}

}  // namespace

void MacDelta::run(const MacLayer& layer, const std::vector<LayerStep>& steps) {
    for (const LayerStep& step : steps) {
        const Changes& changes = step.changes[index_of(layer.layer().inputs[0])];
        step.output.clear();
        if (changes.empty() && !changes_parameters(step.fault)) {
            strike_alone(layer, step);
        } else if (layer.groups() == 1) {
            run_group(layer, step, 0, changes.data(), changes.data() + changes.size());
            if (enough_collected(layer)) {
                finish(layer, 0);
            }
        } else {
            split_by_group(layer, changes);
            std::int64_t begin = 0;
            for (int group = 0; group < layer.groups(); ++group) {
                const std::int64_t end = group_end_[static_cast<std::size_t>(group)];
                if (begin < end || strikes(layer, step.fault, group)) {
                    run_group(layer, step, group, by_group_.data() + begin, by_group_.data() + end);
                    finish(layer, group);
                }
                begin = end;
            }
            order_by_pixel(layer, step.output);
        }
    }
    finish(layer, 0);
}

void MacDelta::split_by_group(const MacLayer& layer, const Changes& changes) {
    group_end_.assign(static_cast<std::size_t>(layer.groups()), 0);
    by_group_.resize(changes.size());
    for (const Change& change : changes) {
        ++group_end_[static_cast<std::size_t>(change.channel / layer.group_inputs())];
    }
    std::int64_t begin = 0;
    for (std::int64_t& end : group_end_) {
        begin += std::exchange(end, begin);
    }
    for (const Change& change : changes) {
        std::int64_t& next = group_end_[static_cast<std::size_t>(change.channel / layer.group_inputs())];
        by_group_[static_cast<std::size_t>(next++)] = change;
    }
}

bool MacDelta::strikes(const MacLayer& layer, const LayerFault* fault, int group) const {
    if (fault == nullptr) {
        return false;
    }
    const std::int64_t size = layer.group_outputs() * layer.output_shape().plane();
    const auto struck = [&](const auto& change) { return change.index / size == group; };
    const auto [disturbed, end] = disturbed_of(layer, *fault, group);
    return disturbed != end || std::any_of(fault->accumulators.begin(), fault->accumulators.end(), struck) ||
           std::any_of(fault->outputs.begin(), fault->outputs.end(), struck) ||
           std::any_of(
               fault->parameters.begin(), fault->parameters.end(),
               [&](const ParameterChange& change) { return change.index / layer.group_outputs() == group; });
}

void MacDelta::run_group(const MacLayer& layer, const LayerStep& step, int group, const Change* begin,
                         const Change* end) {
    if (!layer.additive() || !layer.carries_deltas() || strikes(layer, step.fault, group) ||
        !collect(layer, step, group, begin, end)) {
        compute_rows(layer, step, group, begin, end);
    }
}

// Accumulators and codes that a fault strikes while the layer's inputs are the golden ones.
void MacDelta::strike_alone(const MacLayer& layer, const LayerStep& step) {
    if (step.fault == nullptr) {
        return;
    }
    const std::int64_t plane = layer.output_shape().plane();
    struck_.clear();
    const auto strike = [&](std::int64_t index, std::uint32_t delta, std::uint32_t mask,
                            const DisturbedOutput* disturbed = nullptr) {
        struck_.push_back({static_cast<std::int32_t>(index % plane), static_cast<std::int32_t>(index / plane),
                           delta, mask, disturbed});
    };
    for (const AccumulatorDelta& change : step.fault->accumulators) {
        strike(change.index, static_cast<std::uint32_t>(change.delta), 0);
    }
    for (const OutputFlip& flip : step.fault->outputs) {
        strike(flip.index, 0, flip.mask);
    }
    for (const DisturbedOutput& disturbed : step.fault->disturbed) {
        strike(disturbed.index, 0, 0, &disturbed);
    }
    std::sort(struck_.begin(), struck_.end(), [](const Struck& a, const Struck& b) {
        return a.pixel != b.pixel ? a.pixel < b.pixel : a.channel < b.channel;
    });
    const Codes& sums = step.golden.accumulators[index_of(step.layer)];
    for (std::size_t i = 0; i < struck_.size();) {
        const Struck at = struck_[i];
        const int group = at.channel / layer.group_outputs();
        const std::int64_t place = layer.sums_at(group, at.pixel) + at.channel % layer.group_outputs();
        const std::int32_t sum = sums[static_cast<std::size_t>(place)];
        std::int32_t moved = sum;
        std::uint32_t mask = 0;
        const DisturbedOutput* disturbed = nullptr;
        for (; i < struck_.size() && struck_[i].pixel == at.pixel && struck_[i].channel == at.channel; ++i) {
            add_wrapping(moved, static_cast<std::int32_t>(struck_[i].delta));
            mask ^= struck_[i].mask;
            disturbed = struck_[i].disturbed != nullptr ? struck_[i].disturbed : disturbed;
        }
        const std::int32_t code = flip_bits(layer.output_format(), layer.code_of(moved, at.channel), mask);
        emit_code(step, at.pixel, at.channel,
                  disturbed != nullptr ? disturbed_code(layer.output_format(), code, *disturbed) : code,
                  layer.code_of(sum, at.channel));
    }
}

// Range restriction of one code; keeps it where it then differs from the golden one.
void MacDelta::emit_code(const LayerStep& step, std::int32_t pixel, std::int32_t channel, std::int32_t code,
                         std::int32_t golden) {
    if (step.bounds != nullptr) {
        const std::int32_t kept = bounded(*step.bounds, channel, code);
        step.restricted += kept != code && code != golden ? 1 : 0;
        code = kept;
        golden = bounded(*step.bounds, channel, golden);
    }
    if (code != golden) {
        step.output.push_back({pixel, channel, code, golden});
    }
}

void MacDelta::compute_rows(const MacLayer& layer, const LayerStep& step, int group, const Change* begin,
                            const Change* end) {
    reached_.reserve(layer.output_shape().plane());
    changed_pixels_.clear();
    for (const Change* change = begin; change != end; ++change) {
        if (changed_pixels_.empty() || changed_pixels_.back() != change->pixel) {
            changed_pixels_.push_back(change->pixel);
        }
    }
    mark_reached(layer);
    mark_struck(layer, step.fault, group);
    reached_.take(outputs_);
    rows_.resize(std::max(rows_.size(), outputs_.size() * static_cast<std::size_t>(layer.row_size())));
    if (begin == end) {
        golden_accumulators(layer, step, group);
    } else {
        dense_accumulators(layer, step, group, begin, end);
    }
    if (step.fault != nullptr) {
        strike_accumulators(layer, *step.fault, group);
    }
    requantise(layer, step.fault, group);
    finish_codes(layer, step, group);
    emit(layer, step, group);
}

void MacDelta::mark_reached(const MacLayer& layer) {
    const Window& w = layer.window();
    const Shape& in = layer.input_shape();
    const Shape& out = layer.output_shape();
    for (const std::int32_t pixel : changed_pixels_) {
        for_each_output_pixel(in, out, w, pixel, [&](std::int64_t reached) { reached_.insert(reached); });
    }
}

void MacDelta::mark_struck(const MacLayer& layer, const LayerFault* fault, int group) {
    if (fault == nullptr) {
        return;
    }
    const std::int64_t plane = layer.output_shape().plane();
    const auto mark = [&](std::int64_t index) {
        if (index / plane / layer.group_outputs() == group) {
            reached_.insert(index % plane);
        }
    };
    for (const AccumulatorDelta& change : fault->accumulators) {
        mark(change.index);
    }
    for (const OutputFlip& flip : fault->outputs) {
        mark(flip.index);
    }
    for (auto [disturbed, end] = disturbed_of(layer, *fault, group); disturbed != end; ++disturbed) {
        reached_.insert(disturbed->index % plane);
    }
    if (std::any_of(fault->parameters.begin(), fault->parameters.end(), [&](const ParameterChange& change) {
            return change.index / layer.group_outputs() == group;
        })) {
        reached_.insert_all(plane);
    }
}

// The changed pixels under each computed window. Returns the number of (tap, changed pair) in all of them.
void MacDelta::golden_accumulators(const MacLayer& layer, const LayerStep& step, int group) {
    const std::int32_t* sums = step.golden.accumulators[index_of(step.layer)].data();
    std::int32_t* row = rows_.data();
    for (const std::int32_t pixel : outputs_) {
        const std::int32_t* from = sums + layer.sums_at(group, pixel);
        std::fill(std::copy(from, from + layer.group_outputs(), row), row + layer.row_size(), 0);
        row += layer.row_size();
    }
}

void MacDelta::dense_accumulators(const MacLayer& layer, const LayerStep& step, int group,
                                  const Change* begin, const Change* end) {
    layer.pack_input(step.golden.tensors[index_of(layer.layer().inputs[0])], group, packed_);
    const int width = layer.input_shape().width;
    for (const Change* change = begin; change != end; ++change) {
        const std::int64_t at = layer.packed_position(change->pixel / width, change->pixel % width);
        if (at >= 0) {
            const std::int32_t channel = change->channel - group * layer.group_inputs();
            packed_[static_cast<std::size_t>(at + channel)] = static_cast<std::int16_t>(change->code);
        }
    }
    offsets_.clear();
    for (const std::int32_t pixel : outputs_) {
        offsets_.push_back(layer.pixel_offsets()[static_cast<std::size_t>(pixel)]);
    }
    const auto count = static_cast<std::int64_t>(outputs_.size());
    layer.dense(group, packed_, offsets_.data(), count, rows_.data());
    const std::int32_t* bias = layer.layer().bias.data() + std::int64_t{group} * layer.group_outputs();
    for (std::int64_t row = 0; row < count; ++row) {
        for (int n = 0; n < layer.group_outputs(); ++n) {
            add_wrapping(rows_[static_cast<std::size_t>(row * layer.row_size() + n)], bias[n]);
        }
    }
}

std::int32_t* MacDelta::entry(const MacLayer& layer, int group, std::int64_t index) {
    const std::int64_t plane = layer.output_shape().plane();
    const std::int64_t channel = index / plane - std::int64_t{group} * layer.group_outputs();
    if (channel < 0 || channel >= layer.group_outputs()) {
        return nullptr;
    }
    const std::int32_t row = row_of_pixel_[static_cast<std::size_t>(index % plane)];
    return rows_.data() + std::int64_t{row} * layer.row_size() + channel;
}

void MacDelta::strike_accumulators(const MacLayer& layer, const LayerFault& fault, int group) {
    const auto plane = static_cast<std::size_t>(layer.output_shape().plane());
    row_of_pixel_.resize(std::max(row_of_pixel_.size(), plane));
    for (std::size_t row = 0; row < outputs_.size(); ++row) {
        row_of_pixel_[static_cast<std::size_t>(outputs_[row])] = static_cast<std::int32_t>(row);
    }
    for (const AccumulatorDelta& change : fault.accumulators) {
        if (std::int32_t* sum = entry(layer, group, change.index)) {
            add_wrapping(*sum, change.delta);
        }
    }
    if (!changes_parameters(&fault)) {
        return;
    }
    parameters_.assign(layer.layer(), &fault);
    const std::size_t first = static_cast<std::size_t>(group) * layer.group_outputs();
    for (std::size_t row = 0; row < outputs_.size(); ++row) {
        for (int n = 0; n < layer.group_outputs(); ++n) {
            std::int32_t& sum =
                rows_[row * static_cast<std::size_t>(layer.row_size()) + static_cast<std::size_t>(n)];
            add_wrapping(sum, parameters_.bias[first + n]);
            sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) -
                                            static_cast<std::uint32_t>(layer.layer().bias[first + n]));
        }
    }
}

void MacDelta::requantise(const MacLayer& layer, const LayerFault* fault, int group) {
    const RequantiseBlock* blocks = layer.parameters(group);
    if (changes_parameters(fault)) {
        changed_blocks_.assign(blocks, blocks + 2 * layer.blocks());
        const std::size_t first = static_cast<std::size_t>(group) * layer.group_outputs();
        for (int n = 0; n < layer.group_outputs(); ++n) {
            changed_blocks_[static_cast<std::size_t>(n / 8)].set(n % 8, parameters_.multiplier[first + n],
                                                                 parameters_.shift[first + n]);
        }
        blocks = changed_blocks_.data();
    }
    layer.kernels().requantise({rows_.data(), static_cast<std::int64_t>(outputs_.size()), blocks,
                                layer.blocks(), layer.layer().clamp_lo, layer.layer().clamp_hi});
}

// Output flips, disturbances, then range restriction.
void MacDelta::finish_codes(const MacLayer& layer, const LayerStep& step, int group) {
    if (step.fault != nullptr) {
        for (const OutputFlip& flip : step.fault->outputs) {
            if (std::int32_t* code = entry(layer, group, flip.index)) {
                *code = flip_bits(layer.output_format(), *code, flip.mask);
            }
        }
        for (auto [disturbed, end] = disturbed_of(layer, *step.fault, group); disturbed != end; ++disturbed) {
            std::int32_t& code = *entry(layer, group, disturbed->index);
            code = disturbed_code(layer.output_format(), code, *disturbed);
        }
    }
    if (step.bounds != nullptr) {
        restrict_codes(layer, step, group);
    }
}

void MacDelta::restrict_codes(const MacLayer& layer, const LayerStep& step, int group) {
    const Codes& golden = step.golden.accumulators[index_of(step.layer)];
    for (std::size_t row = 0; row < outputs_.size(); ++row) {
        std::int32_t* codes = rows_.data() + row * static_cast<std::size_t>(layer.row_size());
        for (int n = 0; n < layer.group_outputs(); ++n) {
            const int channel = group * layer.group_outputs() + n;
            const std::int32_t kept = bounded(*step.bounds, channel, codes[n]);
            if (kept != codes[n]) {
                // The fault-free code may be out of bounds as well: that is no suppressed error.
                const std::int64_t at = layer.sums_at(group, outputs_[row]) + n;
                const std::int32_t fault_free = layer.code_of(golden[static_cast<std::size_t>(at)], channel);
                step.restricted += codes[n] != fault_free ? 1 : 0;
                codes[n] = kept;
            }
        }
    }
}

// Keeps the codes that differ from the golden ones, without branching on it.
void MacDelta::emit(const MacLayer& layer, const LayerStep& step, int group) {
    const std::int64_t plane = layer.output_shape().plane();
    const int channels = layer.group_outputs();
    const int first_channel = group * channels;
    const std::int32_t* golden = step.golden_output.data() + first_channel * plane;
    candidates_.resize(std::max(candidates_.size(), outputs_.size() * static_cast<std::size_t>(channels)));
    Change* next = candidates_.data();
    const std::int32_t* row = rows_.data();
    for (const std::int32_t pixel : outputs_) {
        for (int n = 0; n < channels; ++n) {
            const std::int32_t was = golden[n * plane + pixel];
            *next = {pixel, first_channel + n, row[n], was};
            next += row[n] != was ? 1 : 0;
        }
        row += layer.row_size();
    }
    append_changes(candidates_, static_cast<std::size_t>(next - candidates_.data()), step.output);
}

// Counting sort; groups come one after the other, each in order.
void MacDelta::order_by_pixel(const MacLayer& layer, Changes& changes) {
    pixel_begin_.assign(static_cast<std::size_t>(layer.output_shape().plane()) + 1, 0);
    for (const Change& change : changes) {
        ++pixel_begin_[static_cast<std::size_t>(change.pixel) + 1];
    }
    for (std::size_t pixel = 1; pixel < pixel_begin_.size(); ++pixel) {
        pixel_begin_[pixel] += pixel_begin_[pixel - 1];
    }
    sorted_.resize(changes.size());
    for (const Change& change : changes) {
        sorted_[static_cast<std::size_t>(pixel_begin_[static_cast<std::size_t>(change.pixel)]++)] = change;
    }
    changes.swap(sorted_);
}

}  // namespace fluence::arith
