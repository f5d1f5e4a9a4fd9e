#include "sim/fault/duplicate_sites.h"

#include "sim/dataflow/kept_sums.h"
#include "sim/fault/live_value.h"

namespace fluence::fault {

void DuplicateSites::strike(const Upset& upset, std::uint32_t mask, Resolution& result) {
    result.dead = DeadReason::idle;
    if (upset.site == SiteKind::duplicate_sum) {
        word(upset.unit, upset.cycle, mask, result);
    } else {
        comparator(upset.unit, upset.cycle, mask, result);
    }
}

void DuplicateSites::note(LayerId layer, std::int64_t element, std::uint32_t golden, std::uint32_t mask,
                          Resolution& result) {
    note_live(layer, golden, mask, result);
    effects_.of(layer).kept_sums.push_back({element, mask});
}

Cycle DuplicateSites::edge(std::int32_t pass, std::int64_t position, std::int64_t pixel) const {
    const auto& passes = machine_.timeline.passes;
    const traces::VectorPass* at = &passes[static_cast<std::size_t>(pass)];
    at += position >= at->first_n + at->channels ? 1 : 0;
    return dataflow::kept_at(*at, (position - at->first_n) * at->pixels + pixel,
                             machine_.decode_cycles(Memory::output_buffer));
}

void DuplicateSites::word(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result) {
    for (std::size_t p = 0; p < machine_.timeline.passes.size(); ++p) {
        const traces::VectorPass& pass = machine_.timeline.passes[p];
        if (!machine_.graph.layer(pass.layer).has_macs() || unit >= pass.pixels) {
            continue;
        }
        const MacLayer& layer = machine_.mac_layer(pass.layer);
        for (std::int64_t n = pass.first_n; n < pass.first_n + pass.channels; ++n) {
            const std::int64_t channel = layer.channel(pass.group, n);
            const std::int64_t copy = machine_.memory.copy_of(pass.layer, channel);
            if (copy < 0 || copy == n) {
                continue;
            }
            const auto id = static_cast<std::int32_t>(p);
            if (cycle >= edge(id, n, unit) && cycle < edge(id, copy, unit)) {
                const std::int64_t element = layer.output_element(channel, pass.first_pixel + unit);
                note(pass.layer, element, sums_.mac_output(pass.layer, element), mask, result);
            }
        }
    }
}

// The difference is zero without upsets.
void DuplicateSites::comparator(std::int64_t lane, Cycle cycle, std::uint32_t mask, Resolution& result) {
    const Cycle read = cycle - 1 - machine_.decode_cycles(Memory::output_buffer);
    for (const traces::VectorPass& pass : machine_.timeline.passes) {
        if (!machine_.graph.layer(pass.layer).has_macs() || read < pass.begin) {
            continue;
        }
        const std::int64_t index = (read - pass.begin) * pass.lanes + lane;
        if (index < pass.elements && machine_.is_copy(pass, index)) {
            const MacLayer& layer = machine_.mac_layer(pass.layer);
            const std::int64_t channel = layer.channel(pass.group, pass.first_n + index / pass.pixels);
            note(pass.layer, layer.output_element(channel, pass.first_pixel + index % pass.pixels), 0, mask,
                 result);
        }
    }
}

}  // namespace fluence::fault
