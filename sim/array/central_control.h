// The control of the array whose enables come from counters beside it (`control: central`), for every
// dataflow and every convention of ArrayConfig, whatever its PEs compute with. Which PE moves at which edge
// is dataflow::SpaceTimeMap's to say; values only ever move from register to register (register_file.h).
//
// A kind of PE has
//   Word                  holds a register's raw bits
//   Boundary, Operand     the world outside, and what operands come from it as
//   Reading               how a fold's operands are to be read
//   multiply(extent, wave, Pair{left, right}, reading, product)        product(r,c) ← left · right
//   multiply_add(extent, wave, Pair{left, right}, reading, from, to)   to(r,c) ← from(r,c) + left · right
//   add(extent, wave, product, from, to)                               to(r,c) ← from(r,c) + product(r,c)
//   handed_over(word)     what the boundary gets of a register for sums
// where sums move from the last row to the first, and `to` is `from` or a row below it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "sim/array/register_file.h"
#include "sim/core/accelerator_config.h"
#include "sim/dataflow/space_time.h"
#include "traces/timeline.h"

namespace fluence::array {

using traces::Cycle;

// Left and right operand of every PE.
template <class Word>
struct OperandPair {
    GridOf<Word> left, right;
};

template <class Pe>
class CentralControl {
  public:
    using Word = typename Pe::Word;
    using Boundary = typename Pe::Boundary;
    using Operand = typename Pe::Operand;
    using Reading = typename Pe::Reading;

    // `at_rest`: how what the PEs hold in front of the first fold is read.
    CentralControl(const ArrayConfig& config, const Pe& pe, const Reading& at_rest);

    // As ArrayModel's (array_model.h).
    void enqueue(std::int32_t fold, const traces::Fold& times, const Reading& reading);
    void edge(Cycle t, Boundary& boundary);
    bool idle() const { return now_ >= still_from_; }
    Word read(traces::SiteKind bank, std::int64_t unit) const { return registers_.read(bank, unit); }
    void flip(traces::SiteKind bank, std::int64_t unit, Word mask);

  private:
    using Grid = GridOf<Word>;
    using Operands = OperandPair<Word>;

    struct Work {
        std::int32_t fold = 0;
        Cycle preload = 0, stream = 0;
        std::int64_t steps = 0;
        int used_rows = 0, used_cols = 0;
        Reading reading{};
        Cycle drained = 0;  // output stationary, drain `shift`: edge at which the last PE has copied its sum
        Cycle last = 0;     // the edge behind which no sum of the fold moves
    };

    // What feeds the rows, and in output stationary the columns.
    struct Feed {
        void (Boundary::*operands)(std::int32_t, std::int64_t, int, int, Operand*) = nullptr;
        Word* wires = nullptr;        // into the first operand registers
        std::ptrdiff_t stride = 1;    // from one lane's wire to the next one's
        Word* skew = nullptr;         // registers of internal skew
        std::vector<Operand> values;  // by lane: what the boundary puts up at this edge
        int lanes() const { return static_cast<int>(values.size()); }
        Word* skew_lane(int lane) const { return skew + RegisterFile<Word>::triangle(lane); }
    };

    static Work nothing_yet(const Reading& at_rest);
    Wave wave(const Work& work, Cycle t, int delay) const;
    Wave reached(std::size_t index, Cycle t, int delay) const;
    Wave last_step(const Work& work, Cycle t, int delay) const;
    void hand_over(const Work& work, Cycle u, Boundary& boundary);
    void hand_over_moving_sums(const Work& work, Cycle u, Boundary& boundary);
    void hand_over_staying_sums(const Work& work, Cycle u, Boundary& boundary);
    void hand_over_drained(const Work& work, Cycle u, Boundary& boundary);
    void clear_wires(Feed& feed);
    void sample(Feed& feed, const Work& work, Cycle t, Boundary& boundary);
    void drain(const Work& work, Cycle t);
    void add(const Work& work, Cycle t);
    void start_sums(const Work& work, Cycle t);
    void move_stages();
    void multiply(Cycle t);
    void move_operands();
    void move_skew(const Feed& feed);
    void forget(Cycle t);
    void load_stationary(const Work& work, Cycle t, Boundary& boundary);
    Operands operands();
    Word raw_operand(Operand value) const;
    auto sum(const Grid& sums, int r, int c) const;  // handed over

    ArrayConfig config_;
    dataflow::SpaceTimeMap map_;
    Pe pe_;
    bool sums_stay_;  // output stationary
    int at_input_;    // 1: operand registers in front of the MAC
    int sum_delay_;   // edges from a PE's operand to the register of its sum
    int stages_;      // registers behind the accumulator
    bool skewed_;
    bool shifts_out_;  // output stationary, drain `shift`
    Extent extent_;
    Wave all_;
    std::uint32_t operand_mask_;
    RegisterFile<Word> registers_;
    std::vector<Feed> feeds_;
    std::vector<Operand> stationary_values_;
    std::deque<Work> waiting_;
    // Oldest first; the last one stays until the next has reached every PE, because what leaves the
    // multiplier still is a product of codes as its activations are read.
    std::vector<Work> working_;
    Cycle now_ = -1;
    Cycle still_from_ = -1;  // the edge behind which nothing moves, with the folds that have entered
};

}  // namespace fluence::array
