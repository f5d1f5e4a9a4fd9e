// Random arrays with folds to work on, and the world outside the array that feeds them.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "sim/array/array_model.h"
#include "sim/core/accelerator_config.h"
#include "sim/core/random.h"
#include "traces/timeline.h"

namespace fluence::test {

using traces::Cycle;

struct GemmFold {
    traces::Fold times;
    array::ActivationCodes codes = array::ActivationCodes::signed_codes;
    std::vector<std::int32_t> a;  // pixels × terms
    std::vector<std::int32_t> b;  // terms × channels

    std::int32_t a_at(std::int64_t m, std::int64_t k) const {
        return a[static_cast<std::size_t>(m * times.terms + k)];
    }
    std::int32_t b_at(std::int64_t k, std::int64_t n) const {
        return b[static_cast<std::size_t>(k * times.channels + n)];
    }
};

struct FoldSequence {
    ArrayConfig config;
    std::vector<GemmFold> folds;
    Cycle end = 0;  // an edge at which every register has come to rest

    bool output_stationary() const { return config.dataflow_kind() == DataflowKind::output_stationary; }
    bool input_stationary() const { return config.dataflow_kind() == DataflowKind::input_stationary; }
    std::int64_t steps(const GemmFold& f) const {
        return output_stationary() ? f.times.terms : input_stationary() ? f.times.channels : f.times.pixels;
    }
    // Operands by their place in the array, 0 outside the fold.
    std::int32_t row_operand(const GemmFold& f, std::int64_t t, int r) const;
    std::int32_t column_operand(const GemmFold& f, std::int64_t t, int c) const;
    std::int32_t stationary(const GemmFold& f, int r, int c) const;
    std::string description() const;
};

enum class Operands { codes, any_bits };

ArrayConfig random_array(RandomStream& random);  // central control
ArrayConfig random_travelling_array(RandomStream& random);
// Folds that follow each other at the earliest edges the space-time map allows, some behind pauses. `codes`:
// 8-bit codes; `any_bits`: whatever fits 32 bits.
FoldSequence random_sequence(RandomStream& random, const ArrayConfig& config, Operands operands);

struct Result {
    Cycle cycle = 0;
    std::int32_t fold = 0;
    std::int64_t step = 0;
    int row = 0, col = 0;
    std::int32_t sum = 0;

    auto key() const { return std::make_tuple(cycle, fold, step, row, col, sum); }
    friend bool operator<(const Result& x, const Result& y) { return x.key() < y.key(); }
    friend bool operator==(const Result& x, const Result& y) { return x.key() == y.key(); }
};
void PrintTo(const Result& result, std::ostream* stream);

// Feeds a sequence's operands and keeps the results with their cycles.
class Feeder : public array::Boundary {
  public:
    explicit Feeder(const FoldSequence& sequence) : sequence_(sequence) {}

    void row_operands(std::int32_t fold, std::int64_t step, int first, int last,
                      std::int32_t* values) override;
    void column_operands(std::int32_t fold, std::int64_t step, int first, int last,
                         std::int32_t* values) override;
    void stationary_row(std::int32_t fold, int row, std::int32_t* values) override;
    void result(std::int32_t fold, std::int64_t step, int row, int col, std::int32_t sum) override;

    void begin_edge(Cycle t) { edge_ = t; }
    std::vector<Result> sorted_results() const;

  private:
    const GemmFold& fold(std::int32_t number) const {
        return sequence_.folds[static_cast<std::size_t>(number)];
    }
    std::int64_t lane_step(std::int64_t step, int lane) const {
        return sequence_.config.skew == Skew::internal ? step : step - lane;
    }

    const FoldSequence& sequence_;
    Cycle edge_ = 0;
    std::vector<Result> results_;
};

// A sum at the width of the array's registers.
std::int32_t narrowed(std::int64_t sum, const ArrayConfig& config);
// Σ over the first `terms` of the reduction, in the order in which the array adds, each addition narrowed.
std::int32_t partial_sum(const FoldSequence& sequence, const GemmFold& f, std::int64_t m, std::int64_t n,
                         std::int64_t terms);

}  // namespace fluence::test
