#include "sim/accel/checksum_pes.h"

#include <algorithm>
#include <stdexcept>

namespace fluence::accel {

using traces::SiteKind;

ChecksumPes::ChecksumPes(const Script& script)
    : script_(script),
      array_(script.workload.config.array),
      column_(array_),
      words_(dataflow::checksum_words(script.workload.graph, script.workload.config)),
      weights_(static_cast<std::size_t>(column_.weights())),
      activations_(static_cast<std::size_t>(column_.activations())),
      products_(static_cast<std::size_t>(column_.products())),
      sums_(static_cast<std::size_t>(column_.sums())),
      words_of_sums_(static_cast<std::size_t>(dataflow::kChecksumBanks * words_)),
      multiplied_(static_cast<std::size_t>(array_.rows)) {
    find_passes();
}

void ChecksumPes::find_passes() {
    const std::vector<traces::VectorPass>& passes = script_.timeline.passes;
    std::int32_t with_macs = 0;
    for (const traces::VectorPass& pass : passes) {
        const bool macs = script_.workload.graph.layer(pass.layer).has_macs();
        bank_of_.push_back(macs ? with_macs++ % dataflow::kChecksumBanks : -1);
        if (macs && (pass.channels > array_.cols || pass.pixels > words_)) {
            throw std::logic_error("timeline: a pass drains more sums than the checksum column has");
        }
    }
    const auto drains = [](const traces::VectorPass& pass, const traces::Fold& fold) {
        return pass.layer == fold.layer && pass.group == fold.group && pass.channels > 0 &&
               fold.first_pixel >= pass.first_pixel && fold.first_pixel < pass.first_pixel + pass.pixels &&
               fold.first_n >= pass.first_n && fold.first_n < pass.first_n + pass.channels;
    };
    // Both lists are in the order of work.
    std::size_t pass = 0;
    for (const traces::Fold& fold : script_.timeline.folds) {
        for (std::size_t tried = 0; !drains(passes[pass], fold); ++tried) {
            if (tried == passes.size()) {
                throw std::logic_error("timeline: no pass drains a fold");
            }
            pass = (pass + 1) % passes.size();
        }
        pass_of_.push_back(static_cast<std::int32_t>(pass));
    }
}

std::size_t ChecksumPes::place(std::int32_t pass, std::int64_t pixel) const {
    return static_cast<std::size_t>(bank_of_[static_cast<std::size_t>(pass)] * words_ + pixel);
}

void ChecksumPes::subtract(std::int32_t pass, std::int64_t pixel, std::int32_t accumulator) {
    std::uint64_t& word = words_of_sums_[place(pass, pixel)];
    word = column_.low(word - static_cast<std::uint64_t>(std::int64_t{accumulator}), column_.sum_bits());
}

std::uint64_t ChecksumPes::word(std::int32_t pass, std::int64_t pixel) const {
    return words_of_sums_[place(pass, pixel)];
}

std::uint32_t ChecksumPes::weight_bits(std::int32_t index, std::int64_t k) {
    std::vector<std::int64_t>& sums = prepared_[index];
    if (sums.empty()) {
        const traces::Fold& fold = script_.fold(index);
        const workloads::Layer& layer = script_.layer_of(fold);
        const workloads::GemmShape gemm = workloads::gemm_shape(script_.workload.graph, layer);
        sums.resize(static_cast<std::size_t>(fold.terms));
        for (std::int64_t n = fold.first_n; n < fold.first_n + fold.channels; ++n) {
            const std::int64_t channel = script_.workload.map.channel(fold.layer, fold.group, n);
            const std::int8_t* weights = layer.weights.data() + channel * gemm.k + fold.first_k;
            for (std::int64_t i = 0; i < fold.terms; ++i) {
                sums[static_cast<std::size_t>(i)] += weights[i];
            }
        }
    }
    return static_cast<std::uint32_t>(
        column_.low(static_cast<std::uint64_t>(sums[static_cast<std::size_t>(k)]), column_.weight_bits()));
}

bool ChecksumPes::uses(const traces::Fold& fold, int row) const {
    return row < (script_.array.output_stationary() ? fold.pixels : fold.terms);
}

ChecksumPes::Mac ChecksumPes::mac_in(Cycle t, int row) const {
    for (std::int32_t i = window_.first(); i < window_.last(); ++i) {
        const traces::Fold& fold = script_.fold(i);
        const std::int64_t step = t - script_.array.mac_cycle(fold, 0, row, column_.column());
        if (step >= 0 && step < script_.array.steps(fold)) {
            return {uses(fold, row), i, step};
        }
    }
    return {};
}

void ChecksumPes::edge(Cycle t, const array::ArrayModel& array) {
    const dataflow::SpaceTimeMap& map = script_.array;
    window_.advance(
        script_, t, [&](const traces::Fold& f) { return map.operand_cycle(f, 0, 0, array_.cols - 1); },
        [&](const traces::Fold& f) {
            return column_.hand_over(f, map.output_stationary() ? array_.rows - 1 : map.steps(f) - 1) + 1;
        });
    prepared_.erase(prepared_.begin(), prepared_.lower_bound(window_.first()));
    if (window_.first() == window_.last()) {
        return;
    }
    hand_over(t);
    for (int row = 0; row < array_.rows; ++row) {
        multiplied_[static_cast<std::size_t>(row)] = product(t - 1, row, array);
    }
    move_sums(t);
    const auto stages = static_cast<std::size_t>(array_.multiplier_stages);
    const auto rows = static_cast<std::size_t>(array_.rows);
    for (std::size_t j = stages; j-- > 0;) {
        for (std::size_t row = 0; row < rows; ++row) {
            products_[j * rows + row] =
                j > 0 ? products_[(j - 1) * rows + row]
                      : column_.low(static_cast<std::uint64_t>(multiplied_[row]), column_.product_bits());
        }
    }
    move_operands(t, array);
}

// Of the multiplication that takes place in cycle t.
std::int64_t ChecksumPes::product(Cycle t, int row, const array::ArrayModel& array) {
    const Mac mac = mac_in(t, row);
    if (!mac.any) {
        return 0;
    }
    const auto r = static_cast<std::size_t>(row);
    const bool at_input = !activations_.empty();
    const std::uint32_t bits =
        at_input ? activations_[r]
                 : array.read(SiteKind::pe_activation, std::int64_t{row} * array_.cols + array_.cols - 1);
    const traces::Fold& fold = script_.fold(mac.fold);
    const bool is_unsigned =
        array_.operand_bits == 8 &&
        script_.workload.graph.tensor(script_.layer_of(fold).inputs[0]).format == workloads::NumberFormat::u8;
    const std::int64_t code = is_unsigned ? std::int64_t{bits} : column_.extended(bits, array_.operand_bits);
    // Output stationary with registers at the output: a PE multiplies what the register above it holds.
    const bool from_above = script_.array.output_stationary() && !at_input;
    std::uint32_t weight = weights_[r];
    if (from_above) {
        weight = row > 0 ? weights_[r - 1] : weight_bits(mac.fold, mac.step);
    }
    return code * column_.extended(weight, column_.weight_bits());
}

// What reaches the adder of a row.
std::int64_t ChecksumPes::product_out(int row) const {
    if (array_.multiplier_stages == 0) {
        return multiplied_[static_cast<std::size_t>(row)];
    }
    const int last = (array_.multiplier_stages - 1) * array_.rows + row;
    return column_.extended(products_[static_cast<std::size_t>(last)], column_.product_bits());
}

void ChecksumPes::move_sums(Cycle t) {
    const auto add = [&](std::uint64_t sum, int row) {
        return column_.low(sum + static_cast<std::uint64_t>(product_out(row)), column_.sum_bits());
    };
    const int rows = array_.rows;
    if (!script_.array.output_stationary()) {
        const int behind = static_cast<int>(sums_.size()) - rows;  // 1 with registers at the input
        for (int row = rows; row-- > 0;) {
            const int above = row + behind - 1;
            sums_[static_cast<std::size_t>(row + behind)] =
                add(above < 0 ? 0 : sums_[static_cast<std::size_t>(above)], row);
        }
        if (behind > 0) {
            sums_[0] = 0;
        }
        return;
    }
    for (int stage = array_.accumulator_stages; stage-- > 1;) {
        std::copy_n(sums_.begin() + (stage - 1) * rows, rows, sums_.begin() + stage * rows);
    }
    for (int row = 0; row < rows; ++row) {
        for (std::int32_t i = window_.first(); i < window_.last(); ++i) {
            const traces::Fold& fold = script_.fold(i);
            const std::int64_t step = t - script_.array.psum_cycle(fold, 0, row, column_.column());
            if (step >= 0 && step < script_.array.steps(fold)) {
                std::uint64_t& sum = sums_[static_cast<std::size_t>(row)];
                sum = add(step == 0 ? 0 : sum, row);
            }
        }
    }
}

// Sums of the cycle before edge t.
void ChecksumPes::hand_over(Cycle t) {
    const dataflow::SpaceTimeMap& map = script_.array;
    const auto write = [&](std::int32_t index, std::int64_t m, std::uint64_t sum) {
        const traces::Fold& fold = script_.fold(index);
        const std::int32_t pass = pass_of_[static_cast<std::size_t>(index)];
        const std::int64_t first = script_.timeline.passes[static_cast<std::size_t>(pass)].first_pixel;
        std::uint64_t& word = words_of_sums_[place(pass, fold.first_pixel - first + m)];
        word = column_.low((fold.k_fold == 0 ? 0 : word) + sum, column_.sum_bits());
    };
    for (std::int32_t i = window_.first(); i < window_.last(); ++i) {
        const traces::Fold& fold = script_.fold(i);
        if (!map.output_stationary()) {
            const std::int64_t step = t - 1 - column_.hand_over(fold, 0);
            if (step >= 0 && step < map.steps(fold)) {
                write(i, step, sums_.back());
            }
            continue;
        }
        const std::int64_t row = t - 1 - column_.hand_over(fold, 0);
        if (row >= 0 && row < fold.pixels) {
            write(i, row,
                  sums_[static_cast<std::size_t>((array_.accumulator_stages - 1) * array_.rows + row)]);
        }
    }
}

void ChecksumPes::move_operands(Cycle t, const array::ArrayModel& array) {
    const dataflow::SpaceTimeMap& map = script_.array;
    for (std::size_t row = 0; row < activations_.size(); ++row) {
        activations_[row] = array.read(SiteKind::pe_activation,
                                       static_cast<std::int64_t>(row) * array_.cols + array_.cols - 1);
    }
    if (map.output_stationary()) {
        for (std::size_t row = weights_.size(); row-- > 1;) {
            weights_[row] = weights_[row - 1];
        }
        weights_[0] = 0;
    }
    for (std::int32_t i = window_.first(); i < window_.last(); ++i) {
        const traces::Fold& fold = script_.fold(i);
        if (map.output_stationary()) {
            const std::int64_t step = t - map.operand_cycle(fold, 0, 0, column_.column());
            if (step >= 0 && step < map.steps(fold)) {
                weights_[0] = weight_bits(i, step);
            }
            continue;
        }
        const std::int64_t row = t - map.mac_cycle(fold, 0, 0, column_.column());
        if (row >= 0 && row < array_.rows) {
            weights_[static_cast<std::size_t>(row)] =
                uses(fold, static_cast<int>(row)) ? weight_bits(i, row) : 0;
        }
    }
}

void ChecksumPes::flip(SiteKind bank, std::int64_t unit, std::uint64_t mask) {
    const auto at = static_cast<std::size_t>(unit);
    switch (bank) {
        case SiteKind::checksum_weight:
            weights_.at(at) ^= static_cast<std::uint32_t>(mask);
            return;
        case SiteKind::checksum_activation:
            activations_.at(at) ^= static_cast<std::uint32_t>(mask);
            return;
        case SiteKind::checksum_product:
            products_.at(at) ^= mask;
            return;
        case SiteKind::checksum_psum:
            sums_.at(at) ^= mask;
            return;
        case SiteKind::checksum_sum:
            words_of_sums_.at(at) ^= mask;
            return;
        default:
            throw std::logic_error(std::string("the checksum column has no ") + traces::name_of(bank));
    }
}

}  // namespace fluence::accel
