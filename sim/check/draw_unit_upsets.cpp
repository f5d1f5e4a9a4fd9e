// Upsets of the state outside the array and the memories, aimed at where and when it holds something.
#include <algorithm>

#include "sim/check/draw.h"
#include "sim/dataflow/checksum_column.h"

namespace fluence::check {

using traces::Cycle;
using traces::SiteKind;
using traces::Upset;

// A row of the checksum column that a fold uses, while its diagonal passes there.
void UpsetDraw::aim_at_column(Draw& draw, Upset& upset) const {
    const ArrayConfig& array = setup_.config.array;
    const traces::Fold& fold =
        timeline_
            .folds[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(timeline_.folds.size())))];
    const std::int64_t row = draw.below(fold.used_rows);
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
        default:
            return false;
    }
}

}  // namespace fluence::check
