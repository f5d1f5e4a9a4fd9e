#include "sim/arith/output_stage.h"

#include <algorithm>
#include <limits>

namespace fluence::arith {

using workloads::Shape;

namespace {

bool in_front(const Change& a, const Change& b) {
    return a.pixel != b.pixel ? a.pixel < b.pixel : a.channel < b.channel;
}

bool same_element(const Change& a, const Change& b) {
    return a.pixel == b.pixel && a.channel == b.channel;
}

void gather(const Codes& codes, const Shape& shape, std::int64_t pixel, std::vector<std::int32_t>& row) {
    row.resize(static_cast<std::size_t>(shape.channels));
    for (std::size_t c = 0; c < row.size(); ++c) {
        row[c] = codes[c * static_cast<std::size_t>(shape.plane()) + static_cast<std::size_t>(pixel)];
    }
}

}  // namespace

void filter_all(const PixelFilter& filter, LayerId layer, const Shape& shape, Codes& codes) {
    std::vector<std::int32_t> row;
    for (std::int64_t pixel = 0; pixel < shape.plane(); ++pixel) {
        gather(codes, shape, pixel, row);
        filter.apply(layer, pixel, {row.data(), shape.channels});
        for (std::size_t c = 0; c < row.size(); ++c) {
            codes[c * static_cast<std::size_t>(shape.plane()) + static_cast<std::size_t>(pixel)] = row[c];
        }
    }
}

void OutputStage::run(const LayerStep& step, const Shape& shape, const LayerFilters& filters,
                      const Codes& unfiltered, const Codes& golden) {
    const bool detected = filters.detected != nullptr && step.fault != nullptr && step.fault->filter_outputs;
    if (step.fault != nullptr && !step.fault->restricted.empty()) {
        overwrite(step.fault->restricted, step, shape, unfiltered);
        step.restricted += std::count_if(step.fault->restricted.begin(), step.fault->restricted.end(),
                                         [](const RestrictedOutput& output) { return output.suppressed; });
    }
    if (filters.always != nullptr || detected) {
        filter(step, shape, filters, unfiltered, golden);
    }
    if (step.fault != nullptr && !step.fault->forced.empty()) {
        overwrite(step.fault->forced, step, shape, golden);
    }
}

// Ascending by pixel, and one behind all others.
void OutputStage::sort_flips(const LayerStep& step) {
    flips_.clear();
    if (step.fault != nullptr) {
        flips_ = step.fault->thresholds;
    }
    std::stable_sort(flips_.begin(), flips_.end(),
                     [](const ThresholdFlip& a, const ThresholdFlip& b) { return a.pixel < b.pixel; });
    flips_.push_back({std::numeric_limits<std::int64_t>::max(), 0, 0, 0});
}

// Without a detection only pixels with a wrong code, or with struck thresholds, can differ from the golden
// run.
void OutputStage::filter(const LayerStep& step, const Shape& shape, const LayerFilters& filters,
                         const Codes& unfiltered, const Codes& golden) {
    const bool detected = filters.detected != nullptr && step.fault != nullptr && step.fault->filter_outputs;
    result_.clear();
    sort_flips(step);
    auto flip = flips_.cbegin();
    auto next = step.output.cbegin();
    std::int64_t at = 0;
    const auto first_concerned = [&] {
        return next == step.output.cend() ? flip->pixel : std::min<std::int64_t>(next->pixel, flip->pixel);
    };
    while ((detected ? at : first_concerned()) < shape.plane()) {
        at = detected ? at : first_concerned();
        const auto pixel = static_cast<std::int32_t>(at);
        gather(unfiltered, shape, pixel, row_);
        const auto first = next;
        for (; next != step.output.cend() && next->pixel == pixel; ++next) {
            row_[static_cast<std::size_t>(next->channel)] = next->code;
        }
        masks_.assign(flip->pixel == pixel ? row_.size() + 1 : 0, 0);
        for (; flip->pixel == pixel; ++flip) {
            for (std::int32_t i = flip->first; i < flip->last; ++i) {
                masks_[static_cast<std::size_t>(i)] ^= flip->mask;
            }
        }
        if (filters.always != nullptr && !masks_.empty()) {
            filters.always->apply_struck(step.layer, pixel, {row_.data(), shape.channels}, masks_);
        } else if (filters.always != nullptr) {
            filters.always->apply(step.layer, pixel, {row_.data(), shape.channels});
        }
        if (detected) {
            filters.detected->apply(step.layer, pixel, {row_.data(), shape.channels});
        }
        step.filtered += std::count_if(first, next, [&](const Change& wrong) {
            return row_[static_cast<std::size_t>(wrong.channel)] != wrong.code;
        });
        for (std::int32_t c = 0; c < shape.channels; ++c) {
            const std::int32_t was = golden[static_cast<std::size_t>(c * shape.plane() + pixel)];
            const std::int32_t code = row_[static_cast<std::size_t>(c)];
            if (code != was) {
                result_.push_back({pixel, c, code, was});
            }
        }
        ++at;
    }
    step.output.swap(result_);
}

// The last of several codes of one element holds.
template <class Output>
void OutputStage::overwrite(const std::vector<Output>& outputs, const LayerStep& step, const Shape& shape,
                            const Codes& golden) {
    forced_.clear();
    for (const Output& forced : outputs) {
        forced_.push_back({static_cast<std::int32_t>(forced.index % shape.plane()),
                           static_cast<std::int32_t>(forced.index / shape.plane()), forced.code,
                           golden[static_cast<std::size_t>(forced.index)]});
    }
    std::stable_sort(forced_.begin(), forced_.end(), in_front);
    result_.clear();
    auto next = step.output.cbegin();
    for (std::size_t i = 0; i < forced_.size(); ++i) {
        const Change& change = forced_[i];
        if (i + 1 < forced_.size() && same_element(change, forced_[i + 1])) {
            continue;
        }
        for (; next != step.output.cend() && in_front(*next, change); ++next) {
            result_.push_back(*next);
        }
        if (next != step.output.cend() && same_element(*next, change)) {
            ++next;
        }
        if (change.code != change.golden) {
            result_.push_back(change);
        }
    }
    result_.insert(result_.end(), next, step.output.cend());
    step.output.swap(result_);
}

}  // namespace fluence::arith
