#include "sim/fault/effects.h"

#include <algorithm>

namespace fluence::fault {
namespace {

std::uint32_t product(std::int32_t a, std::int32_t b) {
    return static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b);
}

template <class Delta, class Key>
void add_up(std::vector<Delta>& deltas, Key key) {
    const auto less = [&](const Delta& a, const Delta& b) { return key(a) < key(b); };
    if (!std::is_sorted(deltas.begin(), deltas.end(), less)) {
        std::sort(deltas.begin(), deltas.end(), less);
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < deltas.size();) {
        Delta sum = deltas[i];
        std::uint64_t total = 0;
        for (const auto first = key(sum); i < deltas.size() && key(deltas[i]) == first; ++i) {
            total += static_cast<std::uint64_t>(std::int64_t{deltas[i].delta});
        }
        sum.delta = static_cast<decltype(sum.delta)>(total);
        if (sum.delta != 0) {
            deltas[kept++] = sum;
        }
    }
    deltas.resize(kept);
}

}  // namespace

std::uint32_t Effects::partial_sum(const MacLayer& layer, int group, std::int64_t m, std::int64_t channel,
                                   std::int64_t first, std::int64_t last) const {
    const workloads::Codes& codes = input(layer);
    std::uint32_t sum = 0;
    layer.im2col.for_each_term(group, m, first, last, [&](std::int64_t k, std::int64_t element) {
        sum += product(codes[static_cast<std::size_t>(element)], layer.weight(channel, k));
    });
    return sum;
}

void Effects::weight_off(const traces::Fold& fold, std::int64_t k, std::int32_t column, std::int32_t delta,
                         std::int64_t first) {
    const MacLayer& layer = machine_.mac_layer(fold.layer);
    const workloads::Codes& codes = input(layer);
    const std::int64_t channel = fold.group * layer.gemm.n + fold.n_fold * machine_.cols + column;
    std::vector<arith::AccumulatorDelta>& deltas = of(fold.layer).accumulators;
    layer.im2col.for_each_pixel(fold.group, k, fold.first_pixel + first, fold.first_pixel + fold.pixels,
                                [&](std::int64_t m, std::int64_t element) {
                                    const std::int32_t code = codes[static_cast<std::size_t>(element)];
                                    if (code != 0) {
                                        deltas.push_back({layer.output_element(channel, m), code * delta});
                                    }
                                });
}

void Effects::activation_off(const traces::Fold& fold, std::int64_t m, std::int64_t k, std::int32_t delta,
                             std::int32_t first_column) {
    const MacLayer& layer = machine_.mac_layer(fold.layer);
    const std::int64_t first_channel = fold.group * layer.gemm.n + fold.n_fold * machine_.cols;
    arith::LayerFault& fault = of(fold.layer);
    std::int64_t row_sum = 0;
    for (std::int32_t c = 0; c < fold.used_cols; ++c) {
        const std::int32_t weight = layer.weight(first_channel + c, k);
        row_sum += weight;
        if (c >= first_column && weight != 0) {
            fault.accumulators.push_back({layer.output_element(first_channel + c, m), delta * weight});
        }
    }
    if (machine_.policy.checksum && row_sum != 0) {
        fault.checksum.push_back({m, static_cast<std::int32_t>(first_channel), delta * row_sum});
    }
}

void Effects::accumulator_off(LayerId layer, std::int64_t element, std::int32_t delta) {
    of(layer).accumulators.push_back({element, delta});
}

void Effects::output_flips(LayerId layer, std::int64_t element, std::uint32_t mask) {
    if (mask != 0) {
        of(layer).outputs.push_back({element, mask});
    }
}

arith::LayerFault& Effects::of(LayerId layer) {
    for (arith::LayerFault& fault : faults_) {
        if (fault.layer == layer) {
            return fault;
        }
    }
    faults_.emplace_back();
    faults_.back().layer = layer;
    return faults_.back();
}

std::vector<arith::LayerFault> Effects::take() {
    for (arith::LayerFault& fault : faults_) {
        add_up(fault.accumulators, [](const arith::AccumulatorDelta& d) { return d.index; });
        add_up(fault.checksum,
               [](const arith::ChecksumDelta& d) { return std::pair(d.pixel, d.first_channel); });
    }
    faults_.erase(std::remove_if(faults_.begin(), faults_.end(),
                                 [](const arith::LayerFault& fault) {
                                     return fault.accumulators.empty() && fault.checksum.empty() &&
                                            fault.operands.empty() && fault.parameters.empty() &&
                                            fault.outputs.empty();
                                 }),
                  faults_.end());
    std::sort(faults_.begin(), faults_.end(),
              [](const arith::LayerFault& a, const arith::LayerFault& b) { return a.layer < b.layer; });
    return std::move(faults_);
}

}  // namespace fluence::fault
