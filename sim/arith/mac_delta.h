// The consequences of changed inputs and of direct faults for one conv or linear layer, exactly.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/change.h"
#include "sim/arith/mac_layer.h"
#include "sim/arith/parameters.h"

namespace fluence::arith {

// Scratch memory is kept from call to call and grows with the largest layer alone.
class MacDelta {
  public:
    // One layer of several inferences on one image. Inferences whose change is small and comes from the
    // layer's input alone are taken together.
    void run(const MacLayer& layer, const std::vector<LayerStep>& steps);

  private:
    // What lies under a window, or in a part of it: elements, the sums of their deltas and of |delta|.
    using Reach __attribute__((vector_size(16))) = std::int32_t;
    enum ReachField { kElements, kSum, kMagnitude };
    struct ChangedPixel {
        std::int32_t row, column;
        std::int32_t first;  // in changed_elements_
        std::int32_t count, sum, magnitude;
        Reach reach() const { return Reach{count, sum, magnitude, 0}; }
    };
    // Changed pixels of one input row, side by side in changed_, that lie under one kernel row of the windows
    // of output column `column`.
    struct Run {
        std::int32_t column, first;  // in changed_elements_
        std::uint32_t place;         // what moves the elements under their taps of kernel row 0
        Reach reach;
    };
    struct RowOfRuns {
        std::int32_t row;                  // of the input
        std::int32_t first_run, last_run;  // in runs_
    };
    // An element of the output that a fault strikes.
    struct Struck {
        std::int32_t pixel = 0, channel = 0;
        std::uint32_t delta = 0, mask = 0;
        const DisturbedOutput* disturbed = nullptr;
    };
    // An inference whose rows are in delta_rows_.
    struct Collected {
        const LayerStep* step = nullptr;
        std::int32_t row_end = 0;
    };

    void split_by_group(const MacLayer& layer, const Changes& changes);
    bool strikes(const MacLayer& layer, const LayerFault* fault, int group) const;
    void run_group(const MacLayer& layer, const LayerStep& step, int group, const Change* begin,
                   const Change* end);
    void strike_alone(const MacLayer& layer, const LayerStep& step);

    // Carrying changes alone: collect() lists what a step's changes touch, unless the change is dense, and
    // finish() computes all that is listed.
    bool collect(const MacLayer& layer, const LayerStep& step, int group, const Change* begin,
                 const Change* end);
    void list_changed(const MacLayer& layer, int group, const Change* begin, const Change* end);
    void list_runs(const MacLayer& layer);
    void add_run(const MacLayer& layer, const Reached& column, const ChangedPixel* pixel,
                 const ChangedPixel* end);
    std::int64_t measure_reach(const MacLayer& layer);
    void list_rows();
    void list_elements(const MacLayer& layer);
    bool enough_collected(const MacLayer& layer) const;
    void finish(const MacLayer& layer, int group);
    void find_moved(const MacLayer& layer, int group);
    void order_moved();
    void emit_moved(const MacLayer& layer, int group);
    static void emit_code(const LayerStep& step, std::int32_t pixel, std::int32_t channel, std::int32_t code,
                          std::int32_t golden);

    // Whole rows: struck layers, dense changes, sums that do not add up.
    void compute_rows(const MacLayer& layer, const LayerStep& step, int group, const Change* begin,
                      const Change* end);
    void mark_reached(const MacLayer& layer);
    void mark_struck(const MacLayer& layer, const LayerFault* fault, int group);
    void golden_accumulators(const MacLayer& layer, const LayerStep& step, int group);
    void dense_accumulators(const MacLayer& layer, const LayerStep& step, int group, const Change* begin,
                            const Change* end);
    void strike_accumulators(const MacLayer& layer, const LayerFault& fault, int group);
    void requantise(const MacLayer& layer, const LayerFault* fault, int group);
    void restrict_codes(const MacLayer& layer, const LayerStep& step, int group);
    void finish_codes(const MacLayer& layer, const LayerStep& step, int group);
    void emit(const MacLayer& layer, const LayerStep& step, int group);
    void order_by_pixel(const MacLayer& layer, Changes& changes);

    // The row entry of a flat output element of `group`; null where the element belongs to another group.
    std::int32_t* entry(const MacLayer& layer, int group, std::int64_t index);

    Changes by_group_;
    std::vector<std::int64_t> group_end_;
    std::vector<std::int32_t> changed_pixels_;
    OrderedSet reached_;
    std::vector<std::int32_t> outputs_;  // output pixels being computed, ascending
    std::vector<std::int32_t> row_of_pixel_;

    std::vector<ChangedPixel, UninitialisedAllocator<ChangedPixel>> changed_;
    // Under tap 0 of a window whose first column is the input's column 0, whether there is one or not.
    std::vector<DeltaElement> changed_elements_;
    std::vector<Run> runs_;
    std::vector<RowOfRuns> rows_of_runs_;
    std::vector<Reach> reach_;                // by output pixel; zero between calls
    std::vector<std::int32_t> next_element_;  // by output pixel; valid for those in outputs_
    std::vector<DeltaElement> elements_;      // of delta_rows_
    std::size_t element_count_ = 0;
    std::vector<DeltaRow> delta_rows_;
    std::vector<Collected> collected_;
    std::vector<MovedSum> moved_, sorted_moved_;
    std::size_t moved_count_ = 0;
    std::vector<std::int64_t> row_begin_;
    std::vector<Struck> struck_;
    std::vector<std::int32_t> rows_;  // outputs_ × row_size: accumulators, then codes
    std::vector<std::int16_t> packed_;
    std::vector<std::int32_t> offsets_;
    Parameters parameters_;
    std::vector<RequantiseBlock> changed_blocks_;
    Changes candidates_, sorted_;
    std::vector<std::int64_t> pixel_begin_;
};

}  // namespace fluence::arith
