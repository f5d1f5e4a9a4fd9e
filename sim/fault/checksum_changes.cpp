#include "sim/fault/checksum_changes.h"

#include <algorithm>
#include <limits>
#include <set>

namespace fluence::fault {

using dataflow::ChecksumColumn;
using traces::Fold;

std::int64_t ColumnSums::weight(const Fold& f, std::int64_t k) const {
    std::int64_t sum = 0;
    for (std::int64_t n = 0; n < f.channels; ++n) {
        sum += sums_.weight(f, k, n);
    }
    return sum;
}

std::int64_t ColumnSums::partial(const Fold& f, std::int64_t m, std::int64_t terms) const {
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < std::min(terms, f.terms); ++k) {
        if (const std::int32_t code = sums_.activation(f, m, k); code != 0) {
            sum += code * weight(f, k);
        }
    }
    return sum;
}

const std::vector<std::int32_t>& ColumnSums::reduction(const Fold& f) const {
    return machine_.block_of(f).folds;
}

Cycle ColumnSums::begun(const Fold& f, std::int64_t m) const {
    return column_.hand_over(machine_.fold(reduction(f).front()), m) + 1;
}

Cycle ColumnSums::subtracted(const Fold& f, std::int64_t m, std::int64_t n) const {
    const traces::VectorPass& pass =
        machine_.timeline.passes[static_cast<std::size_t>(machine_.block_of(f).pass)];
    const std::int64_t element = n * pass.pixels + f.first_pixel - pass.first_pixel + m;
    return pass.read_cycle(element) + 1 + machine_.decode_cycles(Memory::output_buffer);
}

Cycle ColumnSums::compared(const Fold& f, std::int64_t m) const {
    return subtracted(f, m, f.channels - 1);
}

std::uint32_t ColumnSums::accumulator(const Fold& f, std::int64_t m, std::int64_t n) const {
    std::uint32_t sum = 0;
    for (const std::int32_t id : reduction(f)) {
        sum += sums_.total(machine_.fold(id), m, n);
    }
    return sum;
}

std::uint64_t ColumnSums::word(const Fold& f, std::int64_t m, Cycle cycle) const {
    std::uint64_t word = 0;
    for (const std::int32_t id : reduction(f)) {
        const Fold& one = machine_.fold(id);
        if (column_.hand_over(one, m) + 1 <= cycle) {
            word += static_cast<std::uint64_t>(partial(one, m, one.terms));
        }
    }
    for (std::int64_t n = 0; n < f.channels; ++n) {
        if (subtracted(f, m, n) <= cycle) {
            const auto sum = static_cast<std::int32_t>(accumulator(f, m, n));
            word -= static_cast<std::uint64_t>(std::int64_t{sum});
        }
    }
    return column_.low(word, column_.sum_bits());
}

void ChecksumChanges::add_delta(const Fold& f, std::int64_t m, std::int64_t delta) {
    if (delta != 0) {
        const std::int64_t block = f.group * machine_.mac_layer(f.layer).gemm.n + f.first_n;
        fault_.checksum.push_back({f.first_pixel + m, static_cast<std::int32_t>(block), delta});
    }
}

ChecksumChanges::Pixel ChecksumChanges::pixel_of(std::int32_t fold, std::int64_t m) const {
    return {column_.reduction(machine_.fold(fold)).front(), m};
}

// All products that may be off.
void ChecksumChanges::find_points() {
    std::map<std::int32_t, std::set<Point>> points;
    for (const auto& [id, rows] : rows_) {
        for (const auto& [at, change] : rows) {
            if (at.second < machine_.fold(id).terms) {
                points[id].insert(at);
            }
        }
    }
    for (const ColumnOperand& operand : struck_.operands) {
        for (std::int64_t m = operand.first; m < operand.last; ++m) {
            points[operand.fold].insert({m, operand.k});
        }
    }
    for (const ColumnProduct& product : struck_.products) {
        points[product.fold].insert({product.m, product.k});
    }
    for (const auto& [id, of_fold] : points) {
        const Fold& f = machine_.fold(id);
        for (const Point& at : of_fold) {
            if (const std::int64_t change = change_at(f, id, at); change != 0) {
                changes_[id][at.first][at.second] = change;
            }
        }
    }
}

std::int64_t ChecksumChanges::change_at(const Fold& f, std::int32_t id, const Point& at) const {
    const auto [m, k] = at;
    const std::int64_t right = sums_.activation(f, m, k);
    std::int64_t code = right;
    if (const auto rows = rows_.find(id); rows != rows_.end()) {
        const auto change = rows->second.find(at);
        code += change == rows->second.end() ? 0 : change->second;
    }
    const std::int64_t weight = column_.weight(f, k);
    std::uint32_t code_mask = 0;
    std::uint64_t weight_mask = 0, product_mask = 0;
    for (const ColumnOperand& operand : struck_.operands) {
        if (operand.fold == id && operand.k == k && m >= operand.first && m < operand.last) {
            code_mask ^= operand.weight ? 0 : operand.mask;
            weight_mask ^= operand.weight ? operand.mask : 0;
        }
    }
    for (const ColumnProduct& product : struck_.products) {
        product_mask ^= product.fold == id && product.m == m && product.k == k ? product.mask : 0;
    }
    const ChecksumColumn& column = column_.column();
    if (code_mask != 0) {
        const auto held = static_cast<std::int32_t>(code);
        code = sums_.activation_code(f, sums_.operand_bits(held) ^ code_mask);
    }
    const std::int64_t wrong_weight =
        column.extended(static_cast<std::uint64_t>(weight) ^ weight_mask, column.weight_bits());
    const std::int64_t product = column.extended(
        static_cast<std::uint64_t>(code * wrong_weight) ^ product_mask, column.product_bits());
    return product - right * weight;
}

// The sum that a fold hands over.
std::uint64_t ChecksumChanges::handed_over(std::int32_t id, std::int64_t m) const {
    const Fold& f = machine_.fold(id);
    std::vector<ColumnSum> flips;
    for (const ColumnSum& sum : struck_.sums) {
        if (sum.fold == id && sum.m == m) {
            flips.push_back(sum);
        }
    }
    std::stable_sort(flips.begin(), flips.end(),
                     [](const ColumnSum& a, const ColumnSum& b) { return a.terms < b.terms; });
    static const Terms kNone;
    const Terms* off = &kNone;
    if (const auto fold = changes_.find(id); fold != changes_.end()) {
        const auto pixel = fold->second.find(m);
        off = pixel == fold->second.end() ? off : &pixel->second;
    }
    auto next = off->begin();
    std::uint64_t wrong = 0;  // struck sum less the true one
    const auto up_to = [&](std::int64_t terms) {
        for (; next != off->end() && next->first < terms; ++next) {
            wrong += static_cast<std::uint64_t>(next->second);
        }
    };
    for (const ColumnSum& flip : flips) {
        up_to(flip.terms);
        const std::uint64_t held =
            ChecksumColumn::low(static_cast<std::uint64_t>(column_.partial(f, m, flip.terms)) + wrong,
                                column_.column().sum_bits());
        wrong += (held ^ flip.mask) - held;
    }
    up_to(std::numeric_limits<std::int64_t>::max());
    return static_cast<std::uint64_t>(column_.partial(f, m, f.terms)) + wrong;
}

// What the block's accumulators, as apply_checksum() adds up how they are off, and the column together must
// be off by to leave in the comparator what is there.
std::int64_t ChecksumChanges::deviation(const Pixel& pixel, const std::vector<ColumnWord>& strikes) const {
    const Fold& f = machine_.fold(pixel.first);
    const std::int64_t m = pixel.second;
    const MacLayer& layer = machine_.mac_layer(f.layer);
    const int bits = column_.column().sum_bits();
    struct Event {
        Cycle cycle = 0;
        bool begins = false;
        std::uint64_t added = 0, mask = 0;
    };
    std::vector<Event> events;
    for (const std::int32_t id : column_.reduction(f)) {
        events.push_back(
            {column_.column().hand_over(machine_.fold(id), m) + 1, id == pixel.first, handed_over(id, m), 0});
    }
    std::int64_t accumulators_off = 0;
    for (std::int64_t n = 0; n < f.channels; ++n) {
        const std::int64_t element =
            layer.output_element(layer.channel(f.group, f.first_n + n), f.first_pixel + m);
        std::uint32_t off = 0;
        for (const arith::AccumulatorDelta& delta : fault_.accumulators) {
            off += delta.index == element ? static_cast<std::uint32_t>(delta.delta) : 0;
        }
        accumulators_off += static_cast<std::int32_t>(off);
        const auto sum = static_cast<std::int32_t>(column_.accumulator(f, m, n) + off);
        events.push_back({column_.subtracted(f, m, n), false,
                          std::uint64_t{0} - static_cast<std::uint64_t>(std::int64_t{sum}), 0});
    }
    const Cycle compared = column_.compared(f, m);
    for (const ColumnWord& strike : strikes) {
        if (strike.compared || strike.cycle < compared) {
            events.push_back({strike.cycle, false, 0, strike.mask});
        }
    }
    std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
        return a.cycle != b.cycle ? a.cycle < b.cycle : (a.mask == 0) > (b.mask == 0);
    });
    std::uint64_t word = 0;
    for (const Event& event : events) {
        word = ChecksumColumn::low((event.begins ? 0 : word) + event.added, bits) ^ event.mask;
    }
    return ChecksumColumn::extended(word, bits) + accumulators_off;
}

void ChecksumChanges::add() {
    find_points();
    std::map<Pixel, std::vector<ColumnWord>> exactly;  // whose words are followed event by event
    for (const ColumnSum& sum : struck_.sums) {
        exactly[pixel_of(sum.fold, sum.m)];
    }
    for (const ColumnWord& word : struck_.words) {
        const traces::VectorPass& pass = machine_.timeline.passes[static_cast<std::size_t>(word.pass)];
        machine_.for_each_block(pass.accumulator + word.pixel,
                                [&](const AccumulatorBlock& block, std::int64_t position) {
                                    const Fold& f = machine_.fold(block.folds.front());
                                    if (block.pass == word.pass && position < f.pixels) {
                                        exactly[{block.folds.front(), position}].push_back(word);
                                    }
                                });
    }
    for (const auto& [id, pixels] : changes_) {
        for (const auto& [m, terms] : pixels) {
            if (exactly.count(pixel_of(id, m)) != 0) {
                continue;
            }
            std::int64_t change = 0;
            for (const auto& [k, of_product] : terms) {
                change += of_product;
            }
            add_delta(machine_.fold(id), m, change);
        }
    }
    for (const auto& [pixel, strikes] : exactly) {
        add_delta(machine_.fold(pixel.first), pixel.second, deviation(pixel, strikes));
    }
}

}  // namespace fluence::fault
