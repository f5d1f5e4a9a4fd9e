// The parts of SimpleDelta that carry changes of a layer's inputs, and nothing else, through the layer.
#include <array>
#include <cstring>
#include <utility>

#include "sim/arith/simple_layer.h"

namespace fluence::arith {

using workloads::OpKind;
using workloads::Shape;

bool SimpleDelta::carries(const SimpleLayer& layer, const LayerStep& step) {
    if (step.fault != nullptr) {
        return false;
    }
    switch (layer.layer().kind) {
        case OpKind::add:
            return !step.golden.pixels[index_of(layer.layer().inputs[0])].empty() &&
                   !step.golden.pixels[index_of(layer.layer().inputs[1])].empty();
        case OpKind::avg_pool:
            return step.bounds == nullptr;
        case OpKind::subsample:
            return step.bounds == nullptr && layer.layer().groups == 1;  // shuffles change the order
        case OpKind::flatten:
            // Other flattens change the order of elements.
            return step.bounds == nullptr && layer.inputs()[0].plane() == layer.output().plane();
        default:
            return false;
    }
}

void SimpleDelta::carry(const SimpleLayer& layer, const LayerStep& step) {
    switch (layer.layer().kind) {
        case OpKind::add:
            return carry_add(layer, step);
        case OpKind::avg_pool:
            return carry_avg_pool(layer, step);
        case OpKind::subsample:
            return carry_subsample(layer, step);
        default:
            step.output = step.changes[index_of(layer.layer().inputs[0])];
    }
}

namespace {

// What says where a change belongs: by pixel, then channel.
std::int64_t key_of(const Change& change) {
    std::uint64_t place = 0;  // pixel below channel
    std::memcpy(&place, &change.pixel, sizeof place);
    return static_cast<std::int64_t>(place << 32 | place >> 32);
}

}  // namespace

// Both inputs' changes in their common order. Which input comes next and whether the sum differs cannot be
// predicted, so nothing branches on it.
void SimpleDelta::carry_add(const SimpleLayer& layer, const LayerStep& step) {
    const std::array<std::size_t, 2> ids = {index_of(layer.layer().inputs[0]),
                                            index_of(layer.layer().inputs[1])};
    const Changes& left = step.changes[ids[0]];
    const Changes& right = step.changes[ids[1]];
    candidates_.resize(std::max(candidates_.size(), left.size() + right.size() + 1));
    Change* next = candidates_.data();
    const auto merge = [&, left_golden = step.golden.pixels[ids[0]].data(),
                        right_golden = step.golden.pixels[ids[1]].data(), codes = layer.requantiser(),
                        left_weight = std::int64_t{layer.layer().multiplier[0]},
                        right_weight = std::int64_t{layer.layer().multiplier[1]},
                        channels = std::int64_t{layer.output().channels}](auto golden_code_of) {
        const auto take = [&](std::int64_t key, std::int64_t left_moved, std::int64_t right_moved) {
            const std::int64_t pixel = key >> 32;
            const std::int64_t channel = key & UINT32_MAX;
            const std::int64_t element = pixel * channels + channel;
            // 8-bit codes times 32-bit weights: nothing wraps.
            const std::int64_t from_left = left_golden[element];
            const std::int64_t from_right = right_golden[element];
            const std::int32_t code = codes.code_of(left_weight * (from_left + left_moved) +
                                                    right_weight * (from_right + right_moved));
            const std::int32_t golden = golden_code_of(element, from_left, from_right);
            write_change(next, static_cast<std::int32_t>(pixel), static_cast<std::int32_t>(channel), code,
                         golden);
            next += code != golden ? 1 : 0;
        };
        const Change* a = left.data();
        const Change* const a_end = a + left.size();
        const Change* b = right.data();
        const Change* const b_end = b + right.size();
        while (a != a_end && b != b_end) {
            const std::int64_t a_key = key_of(*a);
            const std::int64_t b_key = key_of(*b);
            const std::int64_t from_left = a_key <= b_key ? -1 : 0;  // all bits, or none
            const std::int64_t from_right = b_key <= a_key ? -1 : 0;
            take(std::min(a_key, b_key), (a->code - a->golden) & from_left,
                 (b->code - b->golden) & from_right);
            a -= from_left;
            b -= from_right;
        }
        for (; a != a_end; ++a) {
            take(key_of(*a), a->code - a->golden, 0);
        }
        for (; b != b_end; ++b) {
            take(key_of(*b), 0, b->code - b->golden);
        }
    };
    if (step.golden_codes != nullptr) {
        merge([known = step.golden_codes](std::int64_t element, std::int64_t, std::int64_t) -> std::int32_t {
            return known[element];
        });
    } else {
        merge([codes = layer.requantiser(), weights = layer.layer().multiplier.data()](
                  std::int64_t, std::int64_t from_left, std::int64_t from_right) {
            return codes.code_of(weights[0] * from_left + weights[1] * from_right);
        });
    }
    if (step.bounds == nullptr) {
        append_changes(candidates_, static_cast<std::size_t>(next - candidates_.data()), step.output);
        return;
    }
    for (const Change* change = candidates_.data(); change != next; ++change) {
        const std::int32_t code = bounded(*step.bounds, change->channel, change->code);
        const std::int32_t golden = bounded(*step.bounds, change->channel, change->golden);
        step.restricted += code != change->code ? 1 : 0;
        if (code != golden) {
            step.output.push_back({change->pixel, change->channel, code, golden});
        }
    }
}

// Windows' sums move by what their elements do.
void SimpleDelta::carry_avg_pool(const SimpleLayer& layer, const LayerStep& step) {
    const TensorId input = layer.layer().inputs[0];
    const Changes& changes = step.changes[index_of(input)];
    const Shape& in = layer.inputs()[0];
    const Shape& out = layer.output();
    moved_sums_.resize(std::max(moved_sums_.size(), static_cast<std::size_t>(out.elements())));
    reached_.reserve(out.elements());
    for (auto first = changes.begin(); first != changes.end();) {
        auto last = first;
        while (last != changes.end() && last->pixel == first->pixel) {
            ++last;
        }
        for_each_output_pixel(in, out, layer.layer().window, first->pixel, [&](std::int64_t pixel) {
            for (auto change = first; change != last; ++change) {
                const std::int64_t number = pixel * out.channels + change->channel;
                moved_sums_[static_cast<std::size_t>(number)] += std::int64_t{change->code} - change->golden;
                reached_.insert(number);
            }
        });
        first = last;
    }
    reached_.take(outputs_);
    const std::vector<std::int64_t>& sums = step.golden.window_sums[index_of(step.layer)];
    const SimpleLayer::Requantiser codes = layer.requantiser();
    for (const std::int32_t number : outputs_) {
        const std::int64_t sum = sums[static_cast<std::size_t>(number)];
        const std::int64_t moved = std::exchange(moved_sums_[static_cast<std::size_t>(number)], 0);
        const std::int32_t code = codes.code_of(sum + moved);
        const std::int32_t golden = codes.code_of(sum);
        if (code != golden) {
            step.output.push_back({number / out.channels, number % out.channels, code, golden});
        }
    }
}

// Elements that are kept stay in their order.
void SimpleDelta::carry_subsample(const SimpleLayer& layer, const LayerStep& step) {
    const Shape& in = layer.inputs()[0];
    const Shape& out = layer.output();
    std::int32_t from = -1;
    std::int32_t to = -1;  // where the elements of pixel `from` go, or −1
    for (const Change& change : step.changes[index_of(layer.layer().inputs[0])]) {
        if (change.pixel != from) {
            from = change.pixel;
            to = -1;
            for_each_output_pixel(in, out, layer.layer().window, from,
                                  [&](std::int64_t pixel) { to = static_cast<std::int32_t>(pixel); });
        }
        const std::int32_t channel = layer.layer().channels_before + change.channel;
        if (to >= 0 && channel >= 0 && channel < out.channels) {
            step.output.push_back({to, channel, change.code, change.golden});
        }
    }
}

}  // namespace fluence::arith
