#include "tests/array/fold_sequence.h"

#include <algorithm>
#include <ostream>

#include "sim/dataflow/space_time.h"

namespace fluence::test {

namespace {

int between(RandomStream& random, int least, int most) {
    return least + static_cast<int>(random.below(static_cast<std::uint64_t>(most - least + 1)));
}

bool toss(RandomStream& random) {
    return random.below(2) == 0;
}

std::vector<std::int32_t> random_codes(RandomStream& random, std::int64_t count, int least, int most,
                                       Operands operands) {
    std::vector<std::int32_t> codes(static_cast<std::size_t>(count));
    // Extreme codes throughout in one of four matrices: there sums overflow.
    const bool extreme = random.below(4) == 0;
    for (std::int32_t& code : codes) {
        code = operands == Operands::any_bits ? static_cast<std::int32_t>(random.next32())
               : extreme                      ? (random.below(8) == 0 ? least : most)
                                              : between(random, least, most);
    }
    return codes;
}

}  // namespace

std::int32_t FoldSequence::row_operand(const GemmFold& f, std::int64_t t, int r) const {
    if (t < 0 || t >= steps(f) || r >= f.times.used_rows) {
        return 0;
    }
    return output_stationary() ? f.a_at(r, t) : input_stationary() ? f.b_at(r, t) : f.a_at(t, r);
}

std::int32_t FoldSequence::column_operand(const GemmFold& f, std::int64_t t, int c) const {
    return t < 0 || t >= steps(f) || c >= f.times.used_cols ? 0 : f.b_at(t, c);
}

std::int32_t FoldSequence::stationary(const GemmFold& f, int r, int c) const {
    if (r >= f.times.used_rows || c >= f.times.used_cols) {
        return 0;
    }
    return input_stationary() ? f.a_at(c, r) : f.b_at(r, c);
}

std::string FoldSequence::description() const {
    std::string text = config.control == ArrayControl::travelling ? "travelling control, " : "";
    text += config.dataflow + " " + std::to_string(config.rows) + "x" + std::to_string(config.cols);
    text += config.operand_register == OperandRegister::input ? ", at input" : ", at output";
    text += config.shadow_weights ? ", shadow" : "";
    text += config.preload == Preload::serial ? ", serial" : "";
    text += config.drain == Drain::shift ? ", shift" : ", parallel";
    text += config.skew == Skew::internal ? ", internal skew" : "";
    text += ", LM " + std::to_string(config.multiplier_stages);
    text += ", LA " + std::to_string(config.accumulator_stages);
    text += ", operands " + std::to_string(config.operand_bits);
    text += ", sums " + std::to_string(config.accumulator_bits);
    text += config.overflow == Overflow::saturate ? " saturating" : "";
    for (const GemmFold& f : folds) {
        text += "; preload " + std::to_string(f.times.preload) + " stream " + std::to_string(f.times.stream) +
                " steps " + std::to_string(steps(f)) + " rows " + std::to_string(f.times.used_rows) +
                " cols " + std::to_string(f.times.used_cols);
    }
    return text;
}

ArrayConfig random_array(RandomStream& random) {
    ArrayConfig config;
    config.rows = between(random, 1, 6);
    // Wide arrays fill the vectors of the loops over columns.
    config.cols = random.below(4) == 0 ? between(random, 8, 24) : between(random, 1, 6);
    const char* const dataflows[] = {"weight-stationary", "input-stationary", "output-stationary"};
    config.dataflow = dataflows[random.below(3)];
    const bool stationary_sum = config.dataflow_kind() == DataflowKind::output_stationary;
    config.operand_register = toss(random) ? OperandRegister::input : OperandRegister::output;
    config.shadow_weights = !stationary_sum && toss(random);
    config.preload = between(random, 0, 3) == 0 ? Preload::serial : Preload::overlapped;
    config.multiplier_stages = toss(random) ? 0 : between(random, 1, 3);
    config.accumulator_stages = stationary_sum ? between(random, 1, 3) : 1;
    config.drain = toss(random) ? Drain::parallel : Drain::shift;
    config.skew = toss(random) ? Skew::internal : Skew::external;
    config.partial_folds = toss(random) ? PartialFolds::full : PartialFolds::actual;
    config.operand_bits = toss(random) ? 8 : between(random, 9, 32);
    config.accumulator_bits = toss(random) ? 32 : between(random, 16, 31);
    config.overflow = toss(random) ? Overflow::saturate : Overflow::wrap;
    return config;
}

ArrayConfig random_travelling_array(RandomStream& random) {
    ArrayConfig config = random_array(random);
    config.control = ArrayControl::travelling;
    config.multiplier_stages = 0;
    config.accumulator_stages = 1;
    config.drain = Drain::shift;
    config.skew = Skew::external;
    config.overflow = Overflow::wrap;
    const bool stationary_sum = config.dataflow_kind() == DataflowKind::output_stationary;
    if (stationary_sum) {
        config.operand_register = OperandRegister::input;
    }
    config.shadow_weights = !stationary_sum && config.operand_register == OperandRegister::input;
    return config;
}

FoldSequence random_sequence(RandomStream& random, const ArrayConfig& config, Operands operands) {
    FoldSequence sequence;
    sequence.config = config;
    const dataflow::SpaceTimeMap map(config);
    const bool hurried = toss(random);
    const auto pause = [&] { return hurried || toss(random) ? 0 : between(random, 1, 2 * config.rows + 9); };
    const int count = between(random, 1, 5);
    for (int i = 0; i < count; ++i) {
        GemmFold f;
        f.times.used_rows = toss(random) ? config.rows : between(random, 1, config.rows);
        f.times.used_cols = toss(random) ? config.cols : between(random, 1, config.cols);
        const int steps = between(random, 1, toss(random) ? 3 : 12);
        f.times.terms = map.output_stationary() ? steps : f.times.used_rows;
        f.times.pixels = map.output_stationary()  ? f.times.used_rows
                         : map.input_stationary() ? f.times.used_cols
                                                  : steps;
        f.times.channels = map.input_stationary() ? steps : f.times.used_cols;
        const bool raw = toss(random);
        f.codes = raw ? array::ActivationCodes::unsigned_codes : array::ActivationCodes::signed_codes;
        f.a = random_codes(random, f.times.pixels * f.times.terms, raw ? 0 : -128, raw ? 255 : 127, operands);
        f.b = random_codes(random, f.times.terms * f.times.channels, -128, 127, operands);

        Cycle earliest = 1 + pause();
        if (i > 0) {
            earliest = map.preload_after(sequence.folds.back().times) + pause();
        }
        const Cycle after = i > 0 ? map.stream_after(sequence.folds.back().times, steps) : Cycle{0};
        f.times.stream = std::max(map.stream_after_preload(earliest), after) + pause();
        const bool loads = !map.output_stationary() || config.control == ArrayControl::travelling;
        f.times.preload = loads ? earliest : f.times.stream;
        f.times.end = map.fold_end(f.times, false);
        sequence.folds.push_back(f);
        sequence.end = f.times.stream + steps + 2 * (config.rows + config.cols) + config.multiplier_stages +
                       config.accumulator_stages + 2;
    }
    return sequence;
}

void PrintTo(const Result& result, std::ostream* stream) {
    *stream << "cycle " << result.cycle << " fold " << result.fold << " step " << result.step << " at ("
            << result.row << "," << result.col << "): " << result.sum;
}

void Feeder::row_operands(std::int32_t number, std::int64_t step, int first, int last, std::int32_t* values) {
    for (int lane = first; lane < last; ++lane) {
        values[lane] = sequence_.row_operand(fold(number), lane_step(step, lane), lane);
    }
}

void Feeder::column_operands(std::int32_t number, std::int64_t step, int first, int last,
                             std::int32_t* values) {
    for (int lane = first; lane < last; ++lane) {
        values[lane] = sequence_.column_operand(fold(number), lane_step(step, lane), lane);
    }
}

void Feeder::stationary_row(std::int32_t number, int row, std::int32_t* values) {
    for (int c = 0; c < sequence_.config.cols; ++c) {
        values[c] = sequence_.stationary(fold(number), row, c);
    }
}

void Feeder::result(std::int32_t fold, std::int64_t step, int row, int col, std::int32_t sum) {
    results_.push_back({edge_ - 1, fold, step, row, col, sum});
}

std::vector<Result> Feeder::sorted_results() const {
    std::vector<Result> sorted = results_;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
}

std::int32_t narrowed(std::int64_t sum, const ArrayConfig& config) {
    const std::int64_t range = std::int64_t{1} << config.accumulator_bits;
    if (config.overflow == Overflow::saturate) {
        return static_cast<std::int32_t>(std::clamp(sum, -range / 2, range / 2 - 1));
    }
    const std::int64_t rest = ((sum % range) + range) % range;
    return static_cast<std::int32_t>(rest >= range / 2 ? rest - range : rest);
}

std::int32_t partial_sum(const FoldSequence& sequence, const GemmFold& f, std::int64_t m, std::int64_t n,
                         std::int64_t terms) {
    std::int32_t sum = 0;
    for (std::int64_t k = 0; k < std::min(terms, f.times.terms); ++k) {
        sum = narrowed(std::int64_t{sum} + std::int64_t{f.a_at(m, k)} * f.b_at(k, n), sequence.config);
    }
    return sum;
}

}  // namespace fluence::test
