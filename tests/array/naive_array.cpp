#include "tests/array/naive_array.h"

#include <stdexcept>

namespace fluence::test {

using traces::SiteKind;

NaiveArray::NaiveArray(const FoldSequence& sequence)
    : sequence_(sequence),
      config_(sequence.config),
      rows_(config_.rows),
      cols_(config_.cols),
      in_(config_.operand_register == OperandRegister::input ? 1 : 0),
      lm_(config_.multiplier_stages),
      la_(config_.accumulator_stages),
      skewed_(config_.skew == Skew::internal) {
    Pe pe;
    pe.product.resize(static_cast<std::size_t>(lm_ + 1));
    pe.sum.resize(static_cast<std::size_t>(la_));
    now_.pe.assign(static_cast<std::size_t>(rows_), std::vector<Pe>(static_cast<std::size_t>(cols_), pe));
    now_.moving_sum.assign(static_cast<std::size_t>(rows_ + in_),
                           std::vector<std::uint32_t>(static_cast<std::size_t>(cols_)));
    for (int lane = 0; lane < rows_; ++lane) {
        now_.row_skew.emplace_back(static_cast<std::size_t>(lane));
    }
    for (int lane = 0; lane < cols_; ++lane) {
        now_.column_skew.emplace_back(static_cast<std::size_t>(lane));
    }
}

std::int64_t NaiveArray::decode(std::uint32_t raw, int bits) const {
    const std::int64_t range = std::int64_t{1} << bits;
    return raw >= static_cast<std::uint64_t>(range / 2) ? std::int64_t{raw} - range : std::int64_t{raw};
}

std::uint32_t NaiveArray::encode(std::int64_t value, int bits) const {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) & ((std::uint64_t{1} << bits) - 1));
}

// The step whose value a register without an enable takes at edge t, `distance` edges behind the array's
// input; −1: none, zeros follow.
NaiveArray::Position NaiveArray::at_edge(Cycle t, int distance) const {
    Position position;
    for (int number = 0; number < static_cast<int>(sequence_.folds.size()); ++number) {
        const Cycle step = t - sequence_.folds[number].times.stream - distance;
        if (step >= 0) {
            position.fold = number;
            position.step = step < sequence_.steps(sequence_.folds[number]) ? step : -1;
        }
    }
    return position;
}

// Does some step t' of the fold have t = stream + t' + distance?
bool NaiveArray::takes(const GemmFold& f, Cycle t, int distance) const {
    const Cycle step = t - f.times.stream - distance;
    return step >= 0 && step < sequence_.steps(f);
}

// `ask`: the boundary's operands for lanes first … last − 1 of a fold and step, into values.
template <class Ask>
std::uint32_t NaiveArray::entering(const Ask& ask, int lane, int lanes, Cycle t) const {
    const Position position = at_edge(t, skewed_ ? 0 : lane);
    if (position.step < 0) {
        return 0;
    }
    std::vector<std::int32_t> values(static_cast<std::size_t>(lanes));
    ask(position.fold, t - sequence_.folds[position.fold].times.stream, lane, lane + 1, values.data());
    return encode(values[static_cast<std::size_t>(lane)], config_.operand_bits);
}

std::uint32_t NaiveArray::row_entering(Cycle t, int lane, Feeder& feeder) const {
    const auto ask = [&](int number, std::int64_t step, int first, int last, std::int32_t* values) {
        feeder.row_operands(number, step, first, last, values);
    };
    return entering(ask, lane, rows_, t);
}

std::uint32_t NaiveArray::column_entering(Cycle t, int lane, Feeder& feeder) const {
    const auto ask = [&](int number, std::int64_t step, int first, int last, std::int32_t* values) {
        feeder.column_operands(number, step, first, last, values);
    };
    return entering(ask, lane, cols_, t);
}

std::uint32_t NaiveArray::row_arriving(const State& old, Cycle t, int r, int c, Feeder& feeder) const {
    return c > 0              ? old.pe[r][c - 1].row
           : skewed_ && r > 0 ? old.row_skew[r][r - 1]
                              : row_entering(t, r, feeder);
}

std::uint32_t NaiveArray::column_arriving(const State& old, Cycle t, int r, int c, Feeder& feeder) const {
    return r > 0              ? old.pe[r - 1][c].column
           : skewed_ && c > 0 ? old.column_skew[c][c - 1]
                              : column_entering(t, c, feeder);
}

// What the multiplier of PE(r,c) computes in the cycle that edge t ends.
std::int64_t NaiveArray::product(const State& old, Cycle t, int r, int c, Feeder& feeder) const {
    const Pe& pe = old.pe[r][c];
    const std::uint32_t row = in_ == 1 ? pe.row : row_arriving(old, t, r, c, feeder);
    std::uint32_t other = pe.stationary;
    if (sequence_.output_stationary()) {
        other = in_ == 1 ? pe.column : column_arriving(old, t, r, c, feeder);
    }
    const std::uint32_t activation = sequence_.input_stationary() ? other : row;
    const std::uint32_t weight = sequence_.input_stationary() ? row : other;
    const int number = at_edge(t, r + c + in_).fold;
    const bool raw = config_.operand_bits == 8 && number >= 0 &&
                     sequence_.folds[number].codes == array::ActivationCodes::unsigned_codes;
    return (raw ? std::int64_t{activation} : decode(activation, config_.operand_bits)) *
           decode(weight, config_.operand_bits);
}

// What the adder of PE(r,c) adds at edge t.
std::int64_t NaiveArray::last_product(const State& old, Cycle t, int r, int c, Feeder& feeder) const {
    return lm_ == 0 ? product(old, t, r, c, feeder) : decode(old.pe[r][c].product[lm_], 16);
}

// Registers without an enable.
void NaiveArray::stream(const State& old, Cycle t, Feeder& feeder) {
    for (int r = 0; r < rows_; ++r) {
        for (int c = 0; c < cols_; ++c) {
            const Pe& from = old.pe[r][c];
            Pe& to = now_.pe[r][c];
            to.row = row_arriving(old, t, r, c, feeder);
            to.column = sequence_.output_stationary() ? column_arriving(old, t, r, c, feeder) : 0;
            for (int j = 1; j <= lm_; ++j) {
                to.product[j] = j > 1 ? from.product[j - 1] : encode(product(old, t, r, c, feeder), 16);
            }
            for (int j = 1; j < la_; ++j) {
                to.sum[j] = from.sum[j - 1];
            }
        }
    }
    for (int lane = 1; skewed_ && lane < rows_; ++lane) {
        for (int i = 0; i < lane; ++i) {
            now_.row_skew[lane][i] = i > 0 ? old.row_skew[lane][i - 1] : row_entering(t, lane, feeder);
        }
    }
    for (int lane = 1; skewed_ && sequence_.output_stationary() && lane < cols_; ++lane) {
        for (int i = 0; i < lane; ++i) {
            now_.column_skew[lane][i] =
                i > 0 ? old.column_skew[lane][i - 1] : column_entering(t, lane, feeder);
        }
    }
}

// Weight and input stationary.
void NaiveArray::move_sums_down(const State& old, int number, Cycle t, Feeder& feeder) {
    const int bits = config_.accumulator_bits;
    for (int q = 0; q < rows_ + in_; ++q) {
        for (int c = 0; c < cols_; ++c) {
            if (!takes(sequence_.folds[number], t, q + c + lm_)) {
                continue;
            }
            const int r = q - in_;  // whose product joins the sum
            const std::int64_t above = q == 0 ? 0 : decode(old.moving_sum[q - 1][c], bits);
            const std::int64_t added = r < 0 ? 0 : last_product(old, t, r, c, feeder);
            now_.moving_sum[q][c] = encode(narrowed(above + added, config_), bits);
        }
    }
}

void NaiveArray::load_stationary(const State& old, int number, Cycle t, Feeder& feeder) {
    const GemmFold& f = sequence_.folds[number];
    for (int r = 0; r < rows_; ++r) {
        for (int c = 0; c < cols_; ++c) {
            if (config_.shadow_weights && t == f.times.stream + r + c - 1 + in_) {
                now_.pe[r][c].stationary = old.pe[r][c].shadow;
            }
        }
    }
    const Cycle i = t - f.times.preload;
    if (i < 0 || i >= rows_) {
        return;
    }
    std::vector<std::int32_t> entering(static_cast<std::size_t>(cols_));
    feeder.stationary_row(number, static_cast<int>(rows_ - 1 - i), entering.data());
    for (int c = 0; c < cols_; ++c) {
        for (int r = 0; r < rows_; ++r) {
            std::uint32_t Pe::*chain = config_.shadow_weights ? &Pe::shadow : &Pe::stationary;
            now_.pe[r][c].*chain = r > 0
                                       ? old.pe[r - 1][c].*chain
                                       : encode(entering[static_cast<std::size_t>(c)], config_.operand_bits);
        }
    }
}

// Output stationary.
void NaiveArray::accumulate(const State& old, int number, Cycle t, Feeder& feeder) {
    const GemmFold& f = sequence_.folds[number];
    const int bits = config_.accumulator_bits;
    for (int r = 0; r < rows_; ++r) {
        for (int c = 0; c < cols_; ++c) {
            const int distance = r + c + lm_ + in_;
            if (takes(f, t, distance)) {
                const bool first = t == f.times.stream + distance;
                const std::int64_t before = first ? 0 : decode(old.pe[r][c].sum[0], bits);
                const std::int64_t added = last_product(old, t, r, c, feeder);
                now_.pe[r][c].sum[0] = encode(narrowed(before + added, config_), bits);
            }
        }
    }
}

void NaiveArray::drain(const State& old, int number, Cycle t) {
    const GemmFold& f = sequence_.folds[number];
    const Cycle own = f.times.stream + sequence_.steps(f) - 1 + lm_ + la_ + in_;
    const Cycle x = own + rows_ - 1 + cols_ - 1;
    for (int r = 0; r < rows_; ++r) {
        for (int c = 0; c < cols_; ++c) {
            if (t > x && t <= x + cols_) {
                now_.pe[r][c].drain = c > 0 ? old.pe[r][c - 1].drain : 0;
            }
            if (t == own + r + c) {
                now_.pe[r][c].drain = old.pe[r][c].sum[la_ - 1];
            }
        }
    }
}

// The sums of cycle u, which `old` is the state of.
void NaiveArray::hand_over(const State& old, int number, Cycle u, Feeder& feeder) const {
    const GemmFold& f = sequence_.folds[number];
    const Cycle s = f.times.stream;
    const std::int64_t steps = sequence_.steps(f);
    const auto give = [&](std::int64_t step, int r, int c, std::uint32_t raw) {
        feeder.result(number, step, r, c, static_cast<std::int32_t>(decode(raw, config_.accumulator_bits)));
    };
    for (int c = 0; c < f.times.used_cols; ++c) {
        if (!sequence_.output_stationary()) {
            const Cycle step = u - (s + c + lm_ + rows_ - 1 + in_);
            if (step >= 0 && step < steps) {
                give(step, 0, c, old.moving_sum.back()[c]);
            }
            continue;
        }
        for (int r = 0; r < f.times.used_rows; ++r) {
            if (config_.drain == Drain::parallel) {
                if (u == s + steps - 1 + r + c + lm_ + la_ - 1 + in_) {
                    give(steps - 1, r, c, old.pe[r][c].sum[la_ - 1]);
                }
            } else if (u == s + steps - 1 + rows_ - 1 + cols_ - 1 + lm_ + la_ + in_ + cols_ - 1 - c) {
                give(steps - 1, r, c, old.pe[r][cols_ - 1].drain);
            }
        }
    }
}

void NaiveArray::edge(Cycle t, Feeder& feeder) {
    const State old = now_;
    stream(old, t, feeder);
    for (int number = 0; number < static_cast<int>(sequence_.folds.size()); ++number) {
        hand_over(old, number, t - 1, feeder);
        if (!sequence_.output_stationary()) {
            move_sums_down(old, number, t, feeder);
            load_stationary(old, number, t, feeder);
            continue;
        }
        accumulate(old, number, t, feeder);
        if (config_.drain == Drain::shift) {
            drain(old, number, t);
        }
    }
}

std::uint32_t& NaiveArray::at(SiteKind bank, std::int64_t unit) {
    const std::int64_t pes = std::int64_t{rows_} * cols_;
    const std::int64_t stage = unit / pes;
    const std::int64_t row = unit / cols_, col = unit % cols_;
    const bool weights_move = !(config_.dataflow_kind() == DataflowKind::weight_stationary);
    const bool inputs_stay = sequence_.input_stationary();
    if (bank == SiteKind::array_skew) {
        for (auto* lanes : {&now_.row_skew, &now_.column_skew}) {
            for (auto& lane : *lanes) {
                if (unit < static_cast<std::int64_t>(lane.size())) {
                    return lane[unit];
                }
                unit -= static_cast<std::int64_t>(lane.size());
            }
        }
        throw std::logic_error("no such skew register");
    }
    if (bank == SiteKind::pe_psum && !sequence_.output_stationary()) {
        return now_.moving_sum[row][col];
    }
    Pe& pe = now_.pe[row % rows_][col];
    switch (bank) {
        case SiteKind::pe_weight:
            return inputs_stay ? pe.row : weights_move ? pe.column : pe.stationary;
        case SiteKind::pe_activation:
            return inputs_stay ? pe.stationary : pe.row;
        case SiteKind::pe_weight_shadow:
        case SiteKind::pe_activation_shadow:
            return pe.shadow;
        case SiteKind::pe_psum:
            return pe.sum[0];
        case SiteKind::pe_product:
            return pe.product[stage + 1];
        case SiteKind::pe_psum_stage:
            return pe.sum[stage + 1];
        case SiteKind::pe_drain:
            return pe.drain;
        default:
            throw std::logic_error("no such bank");
    }
}

}  // namespace fluence::test
