// A second model of the centrally controlled array: one struct a PE, one question a register and edge,
// straight from the tables of sim/dataflow/space_time.h and without its functions. Slow and plain.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/array/fold_sequence.h"
#include "traces/upset.h"

namespace fluence::test {

class NaiveArray {
  public:
    explicit NaiveArray(const FoldSequence& sequence);

    void edge(Cycle t, Feeder& feeder);
    std::uint32_t& at(traces::SiteKind bank, std::int64_t unit);

  private:
    struct Pe {
        std::uint32_t row = 0, column = 0, stationary = 0, shadow = 0, drain = 0;
        std::vector<std::uint32_t> product;  // 0: unused, then stages 1 … LM
        std::vector<std::uint32_t> sum;      // output stationary: the accumulator, then LA − 1 stages
    };
    struct State {
        std::vector<std::vector<Pe>> pe;
        std::vector<std::vector<std::uint32_t>> moving_sum;             // [q][c]
        std::vector<std::vector<std::uint32_t>> row_skew, column_skew;  // [lane][i]
    };

    // A fold that has begun to stream; of its steps none: −1.
    struct Position {
        int fold = -1;
        std::int64_t step = -1;
    };
    bool takes(const GemmFold& f, Cycle t, int distance) const;
    std::int64_t decode(std::uint32_t raw, int bits) const;
    std::uint32_t encode(std::int64_t value, int bits) const;
    Position at_edge(Cycle t, int distance) const;
    template <class Ask>
    std::uint32_t entering(const Ask& ask, int lane, int lanes, Cycle t) const;
    std::uint32_t row_entering(Cycle t, int lane, Feeder& feeder) const;
    std::uint32_t column_entering(Cycle t, int lane, Feeder& feeder) const;
    std::uint32_t row_arriving(const State& old, Cycle t, int r, int c, Feeder& feeder) const;
    std::uint32_t column_arriving(const State& old, Cycle t, int r, int c, Feeder& feeder) const;
    std::int64_t product(const State& old, Cycle t, int r, int c, Feeder& feeder) const;
    std::int64_t last_product(const State& old, Cycle t, int r, int c, Feeder& feeder) const;
    void hand_over(const State& old, int number, Cycle u, Feeder& feeder) const;
    void stream(const State& old, Cycle t, Feeder& feeder);
    void move_sums_down(const State& old, int number, Cycle t, Feeder& feeder);
    void load_stationary(const State& old, int number, Cycle t, Feeder& feeder);
    void accumulate(const State& old, int number, Cycle t, Feeder& feeder);
    void drain(const State& old, int number, Cycle t);

    const FoldSequence& sequence_;
    const ArrayConfig& config_;
    const int rows_, cols_;
    const int in_, lm_, la_;
    const bool skewed_;
    State now_;
};

}  // namespace fluence::test
