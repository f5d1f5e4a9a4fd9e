#include "sim/accel/filter_unit.h"

#include <algorithm>

#include "sim/protect/layer_filters.h"

namespace fluence::accel {

FilterUnit::FilterUnit(const Script& script, FinishedCodes& codes)
    : script_(script),
      codes_(codes),
      buffer_bytes_(protect::filter_buffer_bytes(script.workload.policy)),
      has_thresholds_(protect::threshold_bits(script.workload.policy) > 0),
      thresholds_(static_cast<std::size_t>(script.workload.config.vector_unit.lanes)) {
    if (script.filters.empty()) {
        return;
    }
    for (std::size_t i = 0; i < script.workload.graph.layers.size(); ++i) {
        waiting_.emplace_back();
        if (filters(layer_id(i))) {
            const workloads::Shape& shape = shape_of(layer_id(i));
            waiting_.back().missing.assign(static_cast<std::size_t>(shape.plane()), shape.channels);
            waiting_.back().held.resize(static_cast<std::size_t>(shape.elements()));
        }
    }
}

const arith::LayerFilters* FilterUnit::filters_of(LayerId layer) const {
    if (script_.filters.empty()) {
        return nullptr;
    }
    const arith::LayerFilters& filters = script_.filters[index_of(layer)];
    return filters.always != nullptr || filters.detected != nullptr ? &filters : nullptr;
}

void FilterUnit::code_came(LayerId layer, std::int64_t element) {
    waiting_[index_of(layer)].held[static_cast<std::size_t>(element)] = true;
}

void FilterUnit::output_is_there(LayerId layer, std::int64_t element) {
    Waiting& waiting = waiting_[index_of(layer)];
    const std::int64_t pixel = element % shape_of(layer).plane();
    if (--waiting.missing[static_cast<std::size_t>(pixel)] == 0) {
        waiting.ready.push_back(pixel);
    }
}

// Always-on filters take the pixels that the pass completed, gated ones the whole layer with its last pass.
void FilterUnit::finish(const traces::VectorPass& pass) {
    const arith::LayerFilters& filters = *filters_of(pass.layer);
    const workloads::Shape& shape = shape_of(pass.layer);
    Waiting& waiting = waiting_[index_of(pass.layer)];
    const auto ready = static_cast<std::int64_t>(waiting.ready.size());
    if (ready == 0 || (filters.detected != nullptr && ready < shape.plane())) {
        return;
    }
    std::vector<std::int64_t> pixels;
    pixels.swap(waiting.ready);
    std::sort(pixels.begin(), pixels.end());
    for (const std::int64_t pixel : pixels) {
        for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
            waiting.held[static_cast<std::size_t>(channel * shape.plane() + pixel)] = false;
        }
    }
    const Cycle duration = protect::filter_cycles(script_.workload.config, ready, shape.channels).count();
    if (filters.always != nullptr) {
        Taken taken;
        taken.layer = pass.layer;
        taken.begin = pass.end - duration;
        taken.masks.assign(pixels.size(),
                           std::vector<std::uint32_t>(static_cast<std::size_t>(shape.channels) + 1));
        taken.pixels = std::move(pixels);
        taken_.push_back(std::move(taken));
        return;
    }
    if (waiting.alarm) {
        for (const std::int64_t pixel : pixels) {
            apply(*filters.detected, pass.layer, pixel, nullptr);
        }
        stalled_ += duration;
    }
    zero(pass.layer, pixels);
}

// visit(place of the pixel, lane, comparison)
template <class Visit>
void FilterUnit::for_each_comparison(Taken& taken, Cycle t, Visit visit) {
    const std::int32_t channels = shape_of(taken.layer).channels;
    const dataflow::FilterTiming timing(static_cast<int>(thresholds_.size()), channels);
    const Cycle since = t - timing.comparison(taken.begin, 0, 0);
    const Cycle reads = std::int64_t{channels} + 2;
    if (since < 0 || since % reads > channels) {
        return;
    }
    const auto first = static_cast<std::size_t>(since / reads) * thresholds_.size();
    for (std::size_t lane = 0; lane < thresholds_.size() && first + lane < taken.pixels.size(); ++lane) {
        visit(first + lane, lane, static_cast<std::int32_t>(since % reads));
    }
}

void FilterUnit::edge(Cycle t) {
    for (Taken& taken : taken_) {
        const arith::PixelFilter& filter = *filters_of(taken.layer)->always;
        const workloads::Shape& shape = shape_of(taken.layer);
        for_each_comparison(taken, t, [&](std::size_t place, std::size_t lane, std::int32_t comparison) {
            if (!has_thresholds_ || comparison < protect::first_comparison(script_.workload.policy)) {
                return;
            }
            const std::int32_t channel = dataflow::compared_channel(comparison, shape.channels);
            const std::int64_t pixel = taken.pixels[place];
            const std::pair<std::int64_t, std::int64_t> key(
                static_cast<std::int64_t>(taken.layer),
                protect::threshold_key(script_.workload.policy, shape, channel, pixel));
            if (thresholds_[lane].key != key) {
                thresholds_[lane] = {filter.threshold_bits(pixel, channel), key};
            }
        });
    }
}

void FilterUnit::cycle(Cycle t) {
    for (Taken& taken : taken_) {
        const arith::PixelFilter& filter = *filters_of(taken.layer)->always;
        const std::int32_t channels = shape_of(taken.layer).channels;
        for_each_comparison(taken, t, [&](std::size_t place, std::size_t lane, std::int32_t comparison) {
            const std::int64_t pixel = taken.pixels[place];
            std::vector<std::uint32_t>& masks = taken.masks[place];
            if (has_thresholds_ && comparison >= protect::first_comparison(script_.workload.policy)) {
                masks[static_cast<std::size_t>(comparison)] =
                    thresholds_[lane].bits ^
                    filter.threshold_bits(pixel, dataflow::compared_channel(comparison, channels));
            }
            if (comparison == channels) {
                apply(filter, taken.layer, pixel, &masks);
                if (place + 1 == taken.pixels.size()) {
                    zero(taken.layer, taken.pixels);
                    taken.pixels.clear();
                }
            }
        });
    }
    while (!taken_.empty() && taken_.front().pixels.empty()) {
        taken_.pop_front();
    }
}

void FilterUnit::apply(const arith::PixelFilter& filter, LayerId layer, std::int64_t pixel,
                       const std::vector<std::uint32_t>* masks) {
    const TensorId tensor = script_.workload.graph.layer(layer).output;
    const workloads::Shape& shape = shape_of(layer);
    workloads::Codes row;
    for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
        row.push_back(codes_.code(tensor, channel * shape.plane() + pixel));
    }
    const workloads::Codes before = row;
    const bool struck = masks != nullptr && std::any_of(masks->begin(), masks->end(),
                                                        [](std::uint32_t mask) { return mask != 0; });
    if (struck) {
        filter.apply_struck(layer, pixel, {row.data(), shape.channels}, *masks);
    } else {
        filter.apply(layer, pixel, {row.data(), shape.channels});
    }
    for (std::size_t channel = 0; channel < row.size(); ++channel) {
        if (row[channel] != before[channel]) {
            const std::int64_t element = static_cast<std::int64_t>(channel) * shape.plane() + pixel;
            altered_.push_back({static_cast<std::int32_t>(tensor), element, before[channel]});
            codes_.set_code(tensor, element, row[channel]);
        }
    }
}

void FilterUnit::zero(LayerId layer, const std::vector<std::int64_t>& pixels) {
    const workloads::Shape& shape = shape_of(layer);
    std::vector<std::int64_t>& elements = waiting_[index_of(layer)].to_zero;
    const auto behind = std::partition(elements.begin(), elements.end(), [&](std::int64_t element) {
        return !std::binary_search(pixels.begin(), pixels.end(), element % shape.plane());
    });
    std::for_each(behind, elements.end(), [&](std::int64_t element) {
        codes_.set_code(script_.workload.graph.layer(layer).output, element, 0);
    });
    elements.erase(behind, elements.end());
}

void FilterUnit::flip_code(std::int64_t byte, std::uint32_t mask) {
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
        if (waiting_[i].held.empty()) {
            continue;
        }
        const LayerId layer = layer_id(i);
        const workloads::Shape& shape = shape_of(layer);
        const dataflow::FilterBuffer buffer(buffer_bytes_, shape.channels);
        const TensorId tensor = script_.workload.graph.layer(layer).output;
        const workloads::NumberFormat format = script_.workload.graph.tensor(tensor).format;
        for (std::size_t e = 0; e < waiting_[i].held.size(); ++e) {
            const auto element = static_cast<std::int64_t>(e);
            if (waiting_[i].held[e] &&
                buffer.byte_of(element / shape.plane(), element % shape.plane()) == byte) {
                codes_.set_code(tensor, element,
                                workloads::flip_bits(format, codes_.code(tensor, element), mask));
            }
        }
    }
}

}  // namespace fluence::accel
