// The array whose enables come from counters beside it (`control: central`), for every dataflow and every
// convention of ArrayConfig. Which PE moves at which edge is dataflow::SpaceTimeMap's to say; values only
// ever move from register to register (register_file.h, moves.h).
#pragma once

#include <deque>
#include <vector>

#include "sim/array/array_model.h"
#include "sim/array/register_file.h"
#include "sim/dataflow/space_time.h"

namespace fluence::array {

class CentralArray final : public ArrayModel {
  public:
    // `moves`: which loops to use; tests hold the sets against each other.
    explicit CentralArray(const ArrayConfig& config, const Moves& moves = best_moves());

    void enqueue(std::int32_t fold, const traces::Fold& times, ActivationCodes activations) override;
    void edge(Cycle t, Boundary& boundary) override;
    bool idle() const override { return now_ >= still_from_; }
    std::uint32_t read(traces::SiteKind bank, std::int64_t unit) const override {
        return registers_.read(bank, unit);
    }
    void flip(traces::SiteKind bank, std::int64_t unit, std::uint32_t mask) override;

  private:
    struct Work {
        std::int32_t fold = 0;
        Cycle preload = 0, stream = 0;
        std::int64_t steps = 0;
        int used_rows = 0, used_cols = 0;
        Signs signs;
        Cycle drained = 0;  // output stationary, drain `shift`: edge at which the last PE has copied its sum
        Cycle last = 0;     // the edge behind which no sum of the fold moves
    };

    // What feeds the rows, and in output stationary the columns.
    struct Feed {
        void (Boundary::*operands)(std::int32_t, std::int64_t, int, int, std::int32_t*) = nullptr;
        std::uint32_t* wires = nullptr;    // into the first operand registers
        std::ptrdiff_t stride = 1;         // from one lane's wire to the next one's
        std::uint32_t* skew = nullptr;     // registers of internal skew
        std::vector<std::int32_t> values;  // by lane: what the boundary puts up at this edge
        int lanes() const { return static_cast<int>(values.size()); }
        std::uint32_t* skew_lane(int lane) const { return skew + RegisterFile::triangle(lane); }
    };

    Work nothing_yet() const;
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
    Factors factors(Signs signs);
    std::uint32_t raw_operand(std::int32_t code) const;
    std::int32_t value(const Grid& sums, int r, int c) const;

    ArrayConfig config_;
    dataflow::SpaceTimeMap map_;
    const Moves& moves_;
    bool sums_stay_;  // output stationary
    int at_input_;    // 1: operand registers in front of the MAC
    int sum_delay_;   // edges from a PE's operand to the register of its sum
    int stages_;      // registers behind the accumulator
    bool skewed_;
    bool shifts_out_;  // output stationary, drain `shift`
    Extent extent_;
    Wave all_;
    std::uint32_t operand_mask_;
    RegisterFile registers_;
    std::vector<Feed> feeds_;
    std::vector<std::int32_t> stationary_values_;
    std::deque<Work> waiting_;
    // Oldest first; the last one stays until the next has reached every PE, because what leaves the
    // multiplier still is a product of codes as its activations are read.
    std::vector<Work> working_;
    Cycle now_ = -1;
    Cycle still_from_ = -1;  // the edge behind which nothing moves, with the folds that have entered
};

}  // namespace fluence::array
