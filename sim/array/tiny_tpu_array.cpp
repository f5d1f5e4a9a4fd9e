#include "sim/array/tiny_tpu_array.h"

#include <algorithm>

namespace fluence::array {

TinyTpuArray::TinyTpuArray(const ArrayConfig& config, const TravellingMoves& moves)
    : TravellingArray(config), registers_(config, moves) {
    wires_.a.assign(static_cast<std::size_t>(config.rows), 0);
    wires_.weight.assign(static_cast<std::size_t>(config.cols), 0);
    set_banks(registers_.banks());
}

void TinyTpuArray::hand_over(const Work& work, Cycle u, Boundary& boundary) {
    for (int c = 0; c < work.times.used_cols; ++c) {
        const std::int64_t step = u - map().accumulate_cycle(work.times, 0, 0, c);
        if (step >= 0 && step < work.steps) {
            boundary.result(work.fold, step, 0, c, registers_.sum(c));
        }
    }
}

void TinyTpuArray::move(Cycle t, Boundary& boundary) {
    const Cycle writes = std::max(rows() - 1, 1);
    const bool keep_row = rows() == 1 && wires_.write != 0;
    wires_.active = 0;
    wires_.write = 0;
    if (!keep_row) {
        std::fill(wires_.weight.begin(), wires_.weight.end(), 0);
    }
    for (const Work& work : folds()) {
        const Cycle i = t - work.preload;
        if (i >= 0 && i < rows()) {
            boundary.stationary_row(work.fold, rows() - 1 - static_cast<int>(i), wires_.weight.data());
        }
        wires_.write |= i >= 0 && i < writes ? 1 : 0;
        wires_.active |= t >= work.stream && t < work.flush ? 1 : 0;
    }
    sample_rows(t, boundary, wires_.a);
    registers_.edge(wires_);
}

}  // namespace fluence::array
