#include <algorithm>
#include <limits>

#include "sim/check/draw.h"
#include "sim/dataflow/space_time.h"
#include "sim/protect/rerun.h"

namespace fluence::check {

using fault::SiteClass;
using traces::Cycle;
using traces::SiteKind;
using traces::Upset;

namespace {

bool is_memory(SiteKind kind) {
    return kind == SiteKind::weight_buffer || kind == SiteKind::activation_buffer ||
           kind == SiteKind::output_buffer || kind == SiteKind::dram;
}

template <class Transfer>
const traces::Segment* segment_of(const Transfer& transfer, std::int64_t& word) {
    for (const traces::Segment& segment : transfer.segments) {
        if (word < segment.words) {
            return &segment;
        }
        word -= segment.words;
    }
    return nullptr;
}

template <class T>
const T& any(Draw& draw, const std::vector<T>& items) {
    return items[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(items.size())))];
}

// One bit, neighbours, or bits anywhere; now and then bits that the site does not have.
WordBits draw_bits(Draw& draw, int width) {
    const int bits = std::min(width + (draw.chance(20) ? 3 : 0), kMaxWordBits);
    WordBits mask;
    if (!draw.chance(3)) {
        return mask.set(static_cast<std::size_t>(draw.below(bits)));
    }
    const int flips = draw.between(2, 4);
    const bool neighbours = draw.chance(2);
    const auto first = draw.below(bits);
    for (int i = 0; i < flips; ++i) {
        mask.flip(static_cast<std::size_t>(neighbours ? std::min<std::int64_t>(first + i, kMaxWordBits - 1)
                                                      : draw.below(bits)));
    }
    return mask.none() ? mask.set(0) : mask;
}

// Bits of registers are held now and then, half of them from the beginning on.
void draw_held(Draw& draw, Upset& upset) {
    upset.held = traces::Held::no;
    if (traces::is_array_register(upset.site) && draw.chance(4)) {
        upset.held = draw.chance(2) ? traces::Held::at_0 : traces::Held::at_1;
        upset.cycle = draw.chance(2) ? 0 : upset.cycle;
    }
}

}  // namespace

UpsetDraw::UpsetDraw(const Setup& setup, const traces::Timeline& timeline)
    : setup_(setup),
      timeline_(timeline),
      sites_(fault::site_classes(setup.graph, setup.config, setup.policy)) {
    // Banks of no registers (a pipeline of no stages) are no sites.
    sites_.erase(std::remove_if(sites_.begin(), sites_.end(),
                                [](const SiteClass& site) { return site.units == 0 || site.bits == 0; }),
                 sites_.end());
}

const SiteClass& UpsetDraw::site_of(SiteKind kind) const {
    return *std::find_if(sites_.begin(), sites_.end(),
                         [kind](const SiteClass& site) { return site.kind == kind; });
}

// A word that a load or store moves, around the time when it does or when its reader comes.
void UpsetDraw::aim_at_word(Draw& draw, Upset& upset) const {
    const bool buffer = upset.site != SiteKind::dram;
    if (!timeline_.stores.empty() && draw.chance(4)) {
        const traces::Store& store = any(draw, timeline_.stores);
        const std::int64_t word = draw.below(store.words());
        std::int64_t inside = word;
        const traces::Segment* segment = segment_of(store, inside);
        if (segment != nullptr && (!buffer || store.to_buffer)) {
            upset.site = store.to_buffer ? SiteKind::activation_buffer : SiteKind::dram;
            upset.unit = (store.to_buffer ? segment->buffer_word : segment->dram_word) + inside;
            upset.cycle = store.write_cycle(word) + draw.between(-2, 40);
            return;
        }
    }
    const traces::Load& load = any(draw, timeline_.loads);
    const std::int64_t word = draw.below(load.words());
    std::int64_t inside = word;
    const traces::Segment* segment = segment_of(load, inside);
    if (segment == nullptr || (buffer && load.to_vector_unit)) {
        return;
    }
    if (!buffer) {
        upset.unit = segment->dram_word + inside;
        upset.cycle = load.read_cycle(word) + draw.between(-20, 2);
        return;
    }
    upset.site = load.buffer == Memory::weight_buffer ? SiteKind::weight_buffer : SiteKind::activation_buffer;
    upset.unit = segment->buffer_word + inside;
    upset.cycle = (load.kept ? load.begin : load.write_cycle(word)) + draw.between(-2, 60);
    const auto index = static_cast<std::int32_t>(&load - timeline_.loads.data());
    for (const traces::Fold& fold : timeline_.folds) {
        if ((fold.weight_load == index || fold.activation_load == index) && draw.chance(2)) {
            upset.cycle = fold.preload + draw.between(-3, static_cast<int>(fold.end - fold.preload));
        }
    }
    for (const traces::VectorPass& pass : timeline_.passes) {
        const auto& operands = pass.operand_loads;
        if (std::find(operands.begin(), operands.end(), index) != operands.end()) {
            upset.cycle = pass.read_cycle(draw.below(pass.elements)) + draw.between(-1, 1);
        }
    }
}

// The word of a sum that a fold adds to, while it does or until the vector unit has read it.
void UpsetDraw::aim_at_accumulator(Draw& draw, Upset& upset) const {
    const traces::Fold& fold = any(draw, timeline_.folds);
    const std::int64_t m = fold.first_pixel + draw.below(fold.pixels);
    const std::int64_t n = fold.first_n + draw.below(fold.channels);
    const int sum_bits = 8 * stored_widths(setup_.config.array.format).sum;
    upset.unit = fold.accumulator_of(m, n) * sum_bits / setup_.config.output_buffer.word_bits;
    upset.cycle = fold.stream + draw.between(0, static_cast<int>(fold.end - fold.stream) + 10);
}

// While a fold moves in, is on the diagonal of the register, or leaves.
void UpsetDraw::aim_at_register(Draw& draw, Upset& upset) const {
    const ArrayConfig& array = setup_.config.array;
    const traces::Fold& fold = any(draw, timeline_.folds);
    const auto pes = static_cast<std::int64_t>(array.rows) * array.cols;
    const std::int64_t units = site_of(upset.site).units;
    std::int64_t diagonal = upset.unit % pes / array.cols + upset.unit % pes % array.cols;
    if (upset.site == SiteKind::array_skew) {
        // The lanes of the first rows, which every fold uses.
        upset.unit = draw.chance(2) ? draw.below(std::min<std::int64_t>(units, 6)) : upset.unit;
        diagonal = 0;
    } else if (draw.chance(2)) {
        // A PE that the fold uses; the stage of a pipeline stays.
        const std::int64_t row = draw.below(fold.used_rows);
        const std::int64_t column = draw.below(fold.used_cols);
        upset.unit = std::min(upset.unit - upset.unit % pes + row * array.cols + column, units - 1);
        diagonal = row + column;
    }
    const auto steps = static_cast<int>(dataflow::SpaceTimeMap(array).steps(fold));
    switch (draw.between(0, 5)) {
        case 0:
            upset.cycle = fold.preload + draw.between(-2, array.rows + 1);
            return;
        case 1:
            upset.cycle = fold.preload + draw.between(-2, static_cast<int>(fold.end - fold.preload) + 8);
            return;
        case 2:
            upset.cycle = fold.end + draw.between(-array.rows - array.cols, 4);
            return;
        default:
            upset.cycle = fold.stream + diagonal +
                          draw.between(-1, steps + array.multiplier_stages + array.accumulator_stages);
    }
}

Upset UpsetDraw::upset(Draw& draw) const {
    Upset upset;
    const SiteClass& site = any(draw, sites_);
    upset.site = site.kind;
    upset.unit = draw.below(site.units);
    upset.cycle = draw.below(timeline_.cycles);
    if (!draw.chance(3) && !aim_at_unit(draw, upset)) {
        if (upset.site == SiteKind::output_buffer) {
            aim_at_accumulator(draw, upset);
        } else if (is_memory(upset.site)) {
            aim_at_word(draw, upset);
        } else {
            aim_at_register(draw, upset);
        }
    }
    keep_in_run(upset);
    upset.bits = draw_bits(draw, site_of(upset.site).bits);
    draw_held(draw, upset);
    return upset;
}

UpsetList UpsetDraw::list(RandomStream& random) const {
    Draw draw(random);
    UpsetList list = {upset(draw)};
    const int count = draw.chance(2) ? 1 : draw.between(2, 4);
    while (static_cast<int>(list.size()) < count) {
        Upset next = upset(draw);
        if (draw.chance(3)) {
            // The same word or register again: with other bits, or with the same ones.
            const Upset& before = any(draw, list);
            next.bits = draw.chance(4) ? before.bits : draw_bits(draw, site_of(before.site).bits);
            next.cycle = draw.chance(3) ? before.cycle : before.cycle + draw.between(-3, 12);
            next.site = before.site;
            next.unit = before.unit;
            draw_held(draw, next);
        } else if (draw.chance(3)) {
            next.cycle = any(draw, list).cycle + draw.between(-2, 8);
        }
        keep_in_run(next);
        list.push_back(next);
    }
    for (Upset& upset : list) {
        if (protect::reruns(setup_.policy) && draw.chance(3)) {
            move_to_later_run(draw, upset);
        }
    }
    return list;
}

void UpsetDraw::keep_in_run(Upset& upset) const {
    const Cycle last =
        traces::is_request_state(upset.site) ? std::numeric_limits<Cycle>::max() : timeline_.cycles - 1;
    upset.cycle = std::clamp<Cycle>(upset.cycle, 0, last);
}

// The beginning of a run behind others of full length, give or take the pause between them.
void UpsetDraw::move_to_later_run(Draw& draw, Upset& upset) const {
    const Cycle pause = protect::check_cycles(setup_.policy, setup_.config, setup_.graph).count() +
                        protect::restart_cycles(setup_.config).count();
    upset.cycle += draw.between(1, 2) * (timeline_.cycles + pause);
    if (draw.chance(4)) {
        upset.cycle -= draw.below(pause + 2);
    }
}

}  // namespace fluence::check
