#include "sim/fault/filter_sites.h"

#include <algorithm>
#include <optional>

#include "sim/dataflow/filter_unit.h"
#include "sim/fault/live_value.h"
#include "sim/fault/vector_sites.h"

namespace fluence::fault {

void FilterSites::strike(const Upset& upset, std::uint32_t mask, Resolution& result) {
    result.dead = DeadReason::idle;
    if (upset.site == SiteKind::filter_buffer) {
        buffer(upset, mask, result);
    } else {
        threshold(upset, mask, result);
    }
}

void FilterSites::buffer(const Upset& upset, std::uint32_t mask, Resolution& result) {
    const std::int64_t bytes = protect::filter_buffer_bytes(machine_.policy);
    for (std::size_t i = 0; i < machine_.graph.layers.size(); ++i) {
        const LayerId layer = layer_id(i);
        const workloads::Shape& shape = machine_.graph.tensor(machine_.graph.layer(layer).output).shape;
        if (!machine_.filters.filters(layer)) {
            continue;
        }
        const dataflow::FilterBuffer buffer(bytes, shape.channels);
        if (!buffer.used(upset.unit)) {
            continue;
        }
        for (std::int64_t pixel = buffer.first_pixel(upset.unit); pixel < shape.plane();
             pixel += buffer.slots()) {
            const FilterSchedule::Code code = machine_.filters.code(layer, buffer.channel(upset.unit), pixel);
            if (upset.cycle >= code.written && upset.cycle < machine_.filters.left(layer, pixel)) {
                waiting(layer, code, mask, result);
            }
        }
    }
}

void FilterSites::waiting(LayerId layer, const FilterSchedule::Code& code, std::uint32_t mask,
                          Resolution& result) {
    arith::LayerFault none;
    none.layer = layer;
    const VectorPath path(machine_, work_.sums, work_.golden, none);
    const VectorPath::Place place = path.place_of(code.pass, code.index);
    const std::uint32_t finished = path.at(place, path.pipeline().stages(), {});
    const LoadedBounds bounds = bounds_of(work_, layer, path.element_at(place));
    const auto held = static_cast<std::uint32_t>(restricted(work_, layer, bounds, path.code_of(finished)));
    note_live(layer, held & 0xFF, mask, result);
    effects_.of(layer).vector.waiting.push_back({code.pass, code.index, mask});
}

// The comparisons of a lane in the order of time: the last one whose thresholds are loaded by then says what
// the register holds, and all behind it meet the upset until others are loaded.
void FilterSites::threshold(const Upset& upset, std::uint32_t mask, Resolution& result) {
    using Key = std::pair<LayerId, std::int64_t>;
    std::optional<Key> held;
    bool replaced = false;
    std::vector<arith::ThresholdFlip> flips;
    const std::int64_t lanes = machine_.config.vector_unit.lanes;
    for (const FilteredPixels& taken : machine_.filters.taken()) {
        const workloads::Shape& shape = machine_.graph.tensor(machine_.graph.layer(taken.layer).output).shape;
        const dataflow::FilterTiming timing(machine_.config.vector_unit.lanes, shape.channels);
        for (std::int64_t i = upset.unit; taken.always && i < taken.count && !replaced; i += lanes) {
            const std::int64_t pixel = taken.pixel(i);
            for (std::int32_t q = protect::first_comparison(machine_.policy);
                 q <= shape.channels && !replaced; ++q) {
                const Key key(taken.layer,
                              protect::threshold_key(machine_.policy, shape,
                                                     dataflow::compared_channel(q, shape.channels), pixel));
                const Cycle cycle = timing.comparison(taken.begin, i, q);
                if (held != key && cycle > upset.cycle) {
                    replaced = true;
                    break;
                }
                held = key;
                if (cycle >= upset.cycle) {
                    if (flips.empty() || flips.back().pixel != pixel) {
                        flips.push_back({pixel, q, q, mask});
                    }
                    flips.back().last = q + 1;
                }
            }
        }
    }
    if (!held) {
        return;
    }
    // What it holds is the filter's to know; the bits here are the upset's alone.
    result.golden_bits = 0;
    result.faulty_bits = mask;
    result.layer = static_cast<std::int32_t>(held->first);
    result.dead = !flips.empty() ? DeadReason::none
                  : replaced     ? DeadReason::overwritten
                                 : DeadReason::never_read;
    std::vector<arith::ThresholdFlip>& struck = effects_.of(held->first).vector.thresholds;
    struck.insert(struck.end(), flips.begin(), flips.end());
}

}  // namespace fluence::fault
