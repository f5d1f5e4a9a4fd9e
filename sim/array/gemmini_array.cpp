#include "sim/array/gemmini_array.h"

#include <algorithm>

namespace fluence::array {

GemminiArray::GemminiArray(const ArrayConfig& config, const TravellingMoves& moves)
    : TravellingArray(config), mesh_(config, moves) {
    const auto columns = static_cast<std::size_t>(config.cols);
    wires_.a.assign(static_cast<std::size_t>(config.rows), 0);
    for (std::vector<std::int32_t>* wires : {&wires_.b, &wires_.d, &wires_.valid, &wires_.propagate}) {
        wires->assign(columns, 0);
    }
    entering_.assign(columns * columns, 0);
    set_banks(mesh_.banks());
}

void GemminiArray::hand_over(const Work& work, Cycle u, Boundary& boundary) {
    for (int c = 0; c < work.times.used_cols; ++c) {
        if (map().output_stationary()) {
            const std::int64_t r = map().accumulate_cycle(work.times, work.steps - 1, 0, c) - u;
            if (r >= 0 && r < work.times.used_rows) {
                boundary.result(work.fold, work.steps - 1, static_cast<int>(r), c, mesh_.out_c(c));
            }
        } else {
            const std::int64_t step = u - map().accumulate_cycle(work.times, 0, 0, c);
            if (step >= 0 && step < work.steps) {
                boundary.result(work.fold, step, 0, c, mesh_.out_b(c));
            }
        }
    }
}

void GemminiArray::move(Cycle t, Boundary& boundary) {
    delay_columns(t, boundary);
    sample_rows(t, boundary, wires_.a);
    if (map().output_stationary()) {
        sample_columns(t, boundary, wires_.b);
    }
    mesh_.edge(wires_);
}

// The bits on column 0's wires at edge t. Streaming and flushing folds say which bank works; loading ones
// follow them.
GemminiArray::Control GemminiArray::control_at(Cycle t) const {
    const bool sums_stay = map().output_stationary();
    const auto working = [&](const Work& work) { return sums_stay ? work.phase : 1 - work.phase; };
    Control control;
    for (const Work& work : folds()) {
        if (t >= work.stream && t < work.flush) {
            return {1, working(work)};
        }
        const bool flushes = sums_stay && t >= work.flush && t < work.flush + rows();
        const bool loads = control.valid == 0 && t >= work.preload && t < work.preload + rows();
        if (flushes || loads) {
            control = {1, 1 - working(work)};
        }
    }
    return control;
}

void GemminiArray::delay_columns(Cycle t, Boundary& boundary) {
    const int columns = cols();
    std::rotate(wires_.valid.begin(), wires_.valid.end() - 1, wires_.valid.end());
    std::rotate(wires_.propagate.begin(), wires_.propagate.end() - 1, wires_.propagate.end());
    const Control control = control_at(t);
    wires_.valid[0] = control.valid;
    wires_.propagate[0] = control.propagate;
    if (map().output_stationary()) {
        return;
    }
    std::int32_t* row = &entering_[static_cast<std::size_t>(t % columns) * columns];
    std::fill_n(row, columns, 0);
    for (const Work& work : folds()) {
        const Cycle i = t - work.preload;
        if (i >= 0 && i < rows()) {
            boundary.stationary_row(work.fold, rows() - 1 - static_cast<int>(i), row);
        }
    }
    for (int c = 0; c < columns; ++c) {
        const auto since = static_cast<std::size_t>((t % columns + columns - c) % columns);
        wires_.d[static_cast<std::size_t>(c)] = entering_[since * columns + c];
    }
}

}  // namespace fluence::array
