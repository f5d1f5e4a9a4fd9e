// One register-true array with its feeders, and the sums that it hands over: what the resolver steps where an
// upset has no closed form.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "sim/array/array_model.h"
#include "sim/fault/fold_sums.h"
#include "sim/fault/machine_view.h"
#include "sim/fault/upset.h"

namespace fluence::fault {

// The edge at which the first operand of a fold enters the array.
inline Cycle enters(const traces::Fold& f) {
    return std::min(f.preload, f.stream);
}

// The folds that an upset in cycle `cycle` can reach, and those in front of them that say what the registers
// held. The first one's number is even, because banks change roles with every fold.
struct FoldReach {
    std::int32_t first = 0, last = 0;
};
FoldReach folds_around(const MachineView& machine, Cycle cycle);

class ArraySide : public array::Boundary {
  public:
    // Keeps references. `leader`: null, or an array that is stepped over the same folds, one edge() ahead of
    // this one; what lies right in the buffers is taken from what it read.
    ArraySide(const MachineView& machine, const FoldSums& sums, const ArraySide* leader = nullptr);

    array::ArrayModel& model() { return *model_; }
    void enqueue(std::int32_t fold);
    // Operands are those of `sums` from here on, and all right in the buffers.
    void read_from(const FoldSums& sums);
    // What is wrong in the buffers.
    void add(const StruckOperand& operand);
    void edge(Cycle t);
    // What leaves the last column in cycle t, for the checksum column; of the folds [first, last).
    void read_last_column(Cycle t, std::int32_t first, std::int32_t last);

    // Of a fold, which is forgotten with it, by m·channels + n: its sums; by m·terms + k: activations as they
    // leave the last column. 0 where none has come; empty where nothing has.
    using Values = std::vector<std::int32_t>;
    Values take_sums(std::int32_t fold) { return take(sums_of_, fold); }
    Values take_leaving(std::int32_t fold) { return take(leaving_, fold); }

  private:
    struct ByFold {
        std::map<std::int32_t, Values> values;
        std::int32_t latest = -1;  // the fold that was asked for last, and its values
        Values* of_latest = nullptr;
    };
    static Values take(ByFold& by_fold, std::int32_t fold);
    static Values& values_of(ByFold& by_fold, std::int32_t fold, std::int64_t size);

    std::int32_t activation(std::int32_t fold, std::int64_t m, std::int64_t k) const;
    std::int32_t weight(std::int32_t fold, std::int64_t k, std::int64_t n) const;
    void row_operands(std::int32_t fold, std::int64_t step, int first, int last,
                      std::int32_t* values) override;
    void column_operands(std::int32_t fold, std::int64_t step, int first, int last,
                         std::int32_t* values) override;
    void stationary_row(std::int32_t fold, int row, std::int32_t* values) override;
    void result(std::int32_t fold, std::int64_t step, int row, int col, std::int32_t sum) override;
    // Fills values[first … last) with what the leader read, or with read(lane); fold by fold both are asked
    // in the same order.
    template <class Read>
    void fill(std::int32_t fold, int first, int last, std::int32_t* values, Read read);

    const MachineView& machine_;
    const FoldSums* sums_;
    const ArraySide* leader_;
    const bool skewed_inside_;
    std::unique_ptr<array::ArrayModel> model_;
    std::map<std::int32_t, StruckFold> struck_;
    std::vector<std::int32_t> read_;  // at this edge, in order
    std::size_t followed_ = 0;        // of the leader's
    ByFold sums_of_, leaving_;
};

// How the sums of a fold, or what leaves it, differ between two arrays.
StruckFold::Deltas sum_changes(const traces::Fold& fold, const ArraySide::Values& right,
                               const ArraySide::Values& wrong);
StruckFold::RowChanges row_changes(const traces::Fold& fold, const ArraySide::Values& right,
                                   const ArraySide::Values& wrong);

}  // namespace fluence::fault
