#include "sim/accel/checksum_sums.h"

#include <algorithm>
#include <stdexcept>

namespace fluence::accel {

ChecksumSums::ChecksumSums(const Script& script) : script_(script), array_(script.workload.config.array) {
    find_passes();
}

void ChecksumSums::find_passes() {
    const auto drains = [](const traces::VectorPass& pass, const traces::Fold& fold) {
        return pass.layer == fold.layer && pass.group == fold.group && pass.channels > 0 &&
               fold.first_pixel >= pass.first_pixel && fold.first_pixel < pass.first_pixel + pass.pixels &&
               fold.first_n >= pass.first_n && fold.first_n < pass.first_n + pass.channels;
    };
    // Both lists are in the order of work.
    const std::vector<traces::VectorPass>& passes = script_.timeline.passes;
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

std::size_t ChecksumSums::blocks(const traces::VectorPass& pass) const {
    return static_cast<std::size_t>((pass.channels + array_.cols - 1) / array_.cols);
}

const std::vector<std::int64_t>& ChecksumSums::weights_of(std::int32_t index) {
    std::vector<std::int64_t>& sums = weights_[index];
    if (sums.empty()) {
        const traces::Fold& fold = script_.fold(index);
        const workloads::Layer& layer = script_.layer_of(fold);
        const workloads::GemmShape gemm = workloads::gemm_shape(script_.workload.graph, layer);
        sums.resize(static_cast<std::size_t>(fold.terms));
        for (std::int64_t n = fold.first_n; n < fold.first_n + fold.channels; ++n) {
            const std::int64_t channel = script_.workload.map.channel(fold.layer, fold.group, n);
            const std::int8_t* weights = layer.weights.data() + channel * gemm.k + fold.first_k;
            for (std::int64_t k = 0; k < fold.terms; ++k) {
                sums[static_cast<std::size_t>(k)] += weights[k];
            }
        }
    }
    return sums;
}

void ChecksumSums::add(Cycle t, const array::ArrayModel& array) {
    const dataflow::SpaceTimeMap& map = script_.array;
    window_.advance(
        script_, t, [&](const traces::Fold& f) { return map.operand_cycle(f, 0, 0, array_.cols - 1); },
        [&](const traces::Fold& f) {
            return map.operand_cycle(f, map.steps(f) - 1, array_.rows - 1, array_.cols - 1);
        });
    weights_.erase(weights_.begin(), weights_.lower_bound(window_.first()));
    for (std::int32_t i = window_.first(); i < window_.last(); ++i) {
        add(t, i, array);
    }
}

void ChecksumSums::add(Cycle t, std::int32_t index, const array::ArrayModel& array) {
    const dataflow::SpaceTimeMap& map = script_.array;
    const traces::Fold& fold = script_.fold(index);
    const std::int32_t pass_index = pass_of_[static_cast<std::size_t>(index)];
    const traces::VectorPass& pass = script_.timeline.passes[static_cast<std::size_t>(pass_index)];
    const std::vector<std::int64_t>& weights = weights_of(index);
    std::vector<std::int64_t>& sums = sums_[pass_index];
    sums.resize(blocks(pass) * static_cast<std::size_t>(pass.pixels));
    const std::int64_t block = (fold.first_n - pass.first_n) / array_.cols;
    const workloads::NumberFormat format =
        script_.workload.graph.tensor(script_.layer_of(fold).inputs[0]).format;
    const bool raw = array_.operand_bits == 8 && format == workloads::NumberFormat::u8;
    const int unused = raw ? 0 : 32 - array_.operand_bits;
    const int column = array_.cols - 1;
    for (int r = 0; r < fold.used_rows; ++r) {
        const std::int64_t step = t - map.operand_cycle(fold, 0, r, column);
        if (step < 0 || step >= map.steps(fold)) {
            continue;
        }
        const std::uint32_t bits =
            array.read(traces::SiteKind::pe_activation, std::int64_t{r} * array_.cols + column);
        const std::int32_t code = static_cast<std::int32_t>(bits << unused) >> unused;
        const std::int64_t m = map.weight_stationary() ? step : r;
        const std::int64_t k = map.weight_stationary() ? r : step;
        sums[static_cast<std::size_t>(block * pass.pixels + fold.first_pixel - pass.first_pixel + m)] +=
            code * weights[static_cast<std::size_t>(k)];
    }
}

std::vector<std::int64_t> ChecksumSums::take(std::int32_t pass) {
    const auto found = sums_.find(pass);
    if (found == sums_.end()) {
        throw std::logic_error("timeline: a pass drains what no fold summed");
    }
    std::vector<std::int64_t> sums = std::move(found->second);
    sums_.erase(found);
    return sums;
}

}  // namespace fluence::accel
