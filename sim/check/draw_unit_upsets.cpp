// Upsets of the state outside the array and the memories, aimed at where and when it holds something.
#include <algorithm>

#include "sim/check/draw.h"
#include "sim/dataflow/checksum_column.h"
#include "sim/dataflow/filter_unit.h"
#include "sim/dataflow/kept_sums.h"
#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/vector_pipeline.h"
#include "sim/fault/filter_schedule.h"
#include "sim/protect/array_orders.h"
#include "sim/protect/layer_filters.h"
#include "sim/protect/rerun.h"

namespace fluence::check {

using traces::Cycle;
using traces::SiteKind;
using traces::Upset;

// A row of the checksum column, mostly one that a fold uses, while its diagonal passes there.
void UpsetDraw::aim_at_column(Draw& draw, Upset& upset) const {
    const ArrayConfig& array = setup_.config.array;
    const traces::Fold& fold =
        timeline_
            .folds[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(timeline_.folds.size())))];
    const std::int64_t row = draw.below(draw.chance(4) ? array.rows : fold.used_rows);
    upset.unit = std::min(upset.unit - upset.unit % array.rows + row, site_of(upset.site).units - 1);
    const auto steps = static_cast<int>(dataflow::SpaceTimeMap(array).steps(fold));
    upset.cycle = fold.stream + row + array.cols +
                  draw.between(-1, steps + array.multiplier_stages + array.accumulator_stages);
}

// The word of a pixel's sum from its first fold until it is compared, or the comparator in that cycle.
void UpsetDraw::aim_at_checksum(Draw& draw, Upset& upset) const {
    std::int64_t ordinal = -1;
    std::vector<std::pair<const traces::VectorPass*, std::int64_t>> passes;
    for (const traces::VectorPass& pass : timeline_.passes) {
        if (setup_.graph.layer(pass.layer).has_macs()) {
            passes.emplace_back(&pass, ++ordinal);
        }
    }
    const auto& [pass, number] =
        passes[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(passes.size())))];
    const std::int64_t pixel = draw.below(pass->pixels);
    const std::int64_t last = (pass->channels - 1) * pass->pixels + pixel;
    const Cycle compared =
        pass->read_cycle(last) + 1 + timeline_.decode_cycles[index_of(Memory::output_buffer)];
    if (upset.site == SiteKind::checksum_compare) {
        upset.unit = last % pass->lanes;
        upset.cycle = compared + (draw.chance(4) ? draw.between(-1, 1) : 0);
        return;
    }
    upset.unit =
        number % dataflow::kChecksumBanks * dataflow::checksum_words(setup_.graph, setup_.config) + pixel;
    upset.cycle = compared - draw.below(compared - pass->begin + 8);
}

// An element in a stage of the vector unit's pipeline, or a parameter while its layer is drained.
void UpsetDraw::aim_at_vector_unit(Draw& draw, Upset& upset) const {
    const traces::VectorPass& pass =
        timeline_
            .passes[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(timeline_.passes.size())))];
    const bool macs = setup_.graph.layer(pass.layer).has_macs();
    const int decode =
        timeline_.decode_cycles[index_of(macs ? Memory::output_buffer : Memory::activation_buffer)];
    const std::int64_t element = draw.below(pass.elements);
    const Cycle read = pass.read_cycle(element);
    if (upset.site == SiteKind::vector_parameter) {
        const std::int64_t words =
            dataflow::MemoryMap(setup_.graph, setup_.config).parameters(pass.layer).words;
        upset.unit = words > 0 ? draw.below(words) : upset.unit;
        upset.cycle = read + draw.between(-4, 4);
        return;
    }
    const dataflow::VectorPipeline pipeline(setup_.config.vector_unit,
                                            fault::unit_parts(setup_.policy).added_stages);
    const bool relu = upset.site == SiteKind::relu_operand, bound = upset.site == SiteKind::range_bound;
    const auto stage = relu    ? pipeline.first(dataflow::StageHolds::code)
                       : bound ? pipeline.stages() - 1
                               : static_cast<int>(draw.below(pipeline.stages()));
    upset.unit = (relu || bound ? 0 : std::int64_t{stage} * pass.lanes) + element % pass.lanes;
    upset.cycle = pipeline.cycle(read, decode, stage) + (draw.chance(8) ? draw.between(-1, 1) : 0);
}

// The sum of a channel with a copy, mostly while it waits, or the comparator of the copy's lane.
void UpsetDraw::aim_at_kept_sum(Draw& draw, Upset& upset) const {
    const dataflow::MemoryMap map(setup_.graph, setup_.config,
                                  protect::array_orders(setup_.policy, setup_.graph, setup_.config));
    std::vector<std::pair<const traces::VectorPass*, std::int64_t>> copies;  // and the position in the pass
    for (const traces::VectorPass& pass : timeline_.passes) {
        const bool macs = setup_.graph.layer(pass.layer).has_macs();
        for (std::int64_t n = 0; macs && n < pass.channels; ++n) {
            if (map.is_copy(pass.layer, pass.group, pass.first_n + n)) {
                copies.emplace_back(&pass, n);
            }
        }
    }
    if (copies.empty()) {
        return;
    }
    const auto& [pass, n] =
        copies[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(copies.size())))];
    const std::int64_t pixel = draw.below(pass->pixels);
    const Cycle compared = dataflow::kept_at(*pass, n * pass->pixels + pixel,
                                             timeline_.decode_cycles[index_of(Memory::output_buffer)]);
    if (upset.site == SiteKind::duplicate_compare) {
        upset.unit = (n * pass->pixels + pixel) % pass->lanes;
        upset.cycle = compared + (draw.chance(4) ? draw.between(-1, 1) : 0);
        return;
    }
    upset.unit = pixel;
    // Where the pass begins with the copy its channel was the last one of the pass before.
    const traces::VectorPass& own = n == 0 ? *(pass - 1) : *pass;
    const std::int64_t before = n == 0 ? own.channels - 1 : n - 1;
    const Cycle kept = dataflow::kept_at(own, before * own.pixels + pixel,
                                         timeline_.decode_cycles[index_of(Memory::output_buffer)]);
    upset.cycle = kept + draw.below(compared - kept + 1) - (draw.chance(8) ? 1 : 0);
}

// A code, mostly while it waits for its pixel, or the thresholds of a lane as a filter compares with them.
void UpsetDraw::aim_at_filter(Draw& draw, Upset& upset) const {
    const dataflow::MemoryMap map(setup_.graph, setup_.config,
                                  protect::array_orders(setup_.policy, setup_.graph, setup_.config));
    const fault::FilterSchedule schedule(setup_.graph, setup_.config, setup_.policy, map, timeline_,
                                         fault::unit_parts(setup_.policy).added_stages);
    if (schedule.taken().empty()) {
        return;
    }
    const fault::FilteredPixels& taken = schedule.taken()[static_cast<std::size_t>(
        draw.below(static_cast<std::int64_t>(schedule.taken().size())))];
    const workloads::Shape& shape = setup_.graph.tensor(setup_.graph.layer(taken.layer).output).shape;
    const std::int64_t index = draw.below(taken.count);
    if (upset.site == SiteKind::filter_threshold) {
        const dataflow::FilterTiming timing(setup_.config.vector_unit.lanes, shape.channels);
        upset.unit = index % timing.lanes();
        upset.cycle = timing.comparison(taken.begin, index, draw.between(0, shape.channels)) +
                      (draw.chance(4) ? draw.between(-1, 1) : 0);
        return;
    }
    const dataflow::FilterBuffer buffer(protect::filter_buffer_bytes(setup_.policy), shape.channels);
    const std::int64_t channel = draw.below(shape.channels), pixel = taken.pixel(index);
    const Cycle written = schedule.code(taken.layer, channel, pixel).written;
    upset.unit = buffer.byte_of(channel, pixel);
    upset.cycle = written + draw.below(taken.complete - written + 1) - (draw.chance(8) ? 1 : 0);
}

// A word around the cycle in which a check of one of the first three runs (of full length) compares it, or
// between two checks; a threshold until the first check has read it, give or take a cycle.
void UpsetDraw::aim_at_inference_end(Draw& draw, Upset& upset) const {
    const protect::CheckTiming timing(setup_.policy, setup_.config, setup_.graph);
    const Cycle request =
        timeline_.cycles + timing.cycles().count() + protect::restart_cycles(setup_.config).count();
    if (upset.site == SiteKind::confidence_threshold) {
        const Cycle read = timeline_.cycles + timing.thresholds_read();
        upset.cycle = draw.chance(3) ? read + draw.between(-1, 1) : draw.below(read + 1);
        return;
    }
    const std::int64_t words = protect::kept_words(setup_.policy, setup_.graph);
    const std::int64_t word = draw.below(words);
    if (draw.chance(2)) {
        upset.unit = word;  // of the first answer
    }
    upset.cycle = draw.between(0, 2) * request + timeline_.cycles + timing.compared(upset.unit % words) +
                  (draw.chance(2) ? draw.between(-1, 2) : draw.below(request));
}

bool UpsetDraw::aim_at_unit(Draw& draw, Upset& upset) const {
    switch (upset.site) {
        case SiteKind::checksum_weight:
        case SiteKind::checksum_activation:
        case SiteKind::checksum_product:
        case SiteKind::checksum_psum:
            aim_at_column(draw, upset);
            return true;
        case SiteKind::checksum_sum:
        case SiteKind::checksum_compare:
            aim_at_checksum(draw, upset);
            return true;
        case SiteKind::vector_pipeline:
        case SiteKind::vector_parameter:
        case SiteKind::relu_operand:
        case SiteKind::range_bound:
            aim_at_vector_unit(draw, upset);
            return true;
        case SiteKind::duplicate_sum:
        case SiteKind::duplicate_compare:
            aim_at_kept_sum(draw, upset);
            return true;
        case SiteKind::filter_buffer:
        case SiteKind::filter_threshold:
            aim_at_filter(draw, upset);
            return true;
        case SiteKind::kept_answer:
        case SiteKind::confidence_threshold:
            aim_at_inference_end(draw, upset);
            return true;
        default:
            return false;
    }
}

}  // namespace fluence::check
