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
    void run(const MacLayer& layer, const LayerStep& step);

  private:
    // By input pixel: where its changed pairs are.
    struct Range {
        std::int32_t first = 0, last = 0;
    };

    void split_by_group(const MacLayer& layer, const Changes& changes);
    bool strikes(const MacLayer& layer, const LayerFault* fault, int group) const;
    void run_group(const MacLayer& layer, const LayerStep& step, int group, const Change* begin,
                   const Change* end);

    void list_pairs(const MacLayer& layer, int group, const Change* begin, const Change* end);
    void mark_reached(const MacLayer& layer);
    void mark_struck(const MacLayer& layer, const LayerFault* fault, int group);
    std::int64_t list_hits(const MacLayer& layer);
    void forget_pairs();

    void sparse_accumulators(const MacLayer& layer, const LayerStep& step, int group);
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
    std::vector<DeltaPair> pairs_;
    std::vector<std::int32_t> changed_pixels_;
    std::vector<Range> ranges_;  // by input pixel; empty between calls
    OrderedSet reached_;
    std::vector<std::int32_t> outputs_;  // output pixels being computed, ascending
    std::vector<std::int32_t> row_of_pixel_;
    std::vector<DeltaTap> hits_;
    std::vector<std::int32_t> hit_end_;
    std::vector<std::int32_t> rows_;  // outputs_ × row_size: accumulators, then codes
    std::vector<std::int16_t> packed_;
    std::vector<std::int32_t> offsets_;
    Parameters parameters_;
    std::vector<RequantiseBlock> changed_blocks_;
    Changes candidates_, sorted_;
    std::vector<std::int64_t> pixel_begin_;
};

}  // namespace fluence::arith
