// What happens to a layer's output codes behind range restriction: filters, then forced outputs. Works on
// the changes that the layer's delta found.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/change.h"
#include "sim/arith/pixel_filter.h"
#include "workloads/graph.h"

namespace fluence::arith {

// Applies the filter to every pixel of a whole tensor.
void filter_all(const PixelFilter& filter, LayerId layer, const workloads::Shape& shape, Codes& codes);

// Scratch memory is kept from call to call and grows with the largest layer alone.
class OutputStage {
  public:
    // In: `step.output`, changes against `unfiltered`, the layer's golden codes in front of the filters.
    // Out: changes against the layer's golden output.
    void run(const LayerStep& step, const workloads::Shape& shape, const LayerFilters& filters,
             const Codes& unfiltered, const Codes& golden);

  private:
    void filter(const LayerStep& step, const workloads::Shape& shape, const LayerFilters& filters,
                const Codes& unfiltered, const Codes& golden);
    void sort_flips(const LayerStep& step);
    // Sets outputs (of ForcedOutput's or RestrictedOutput's kind) to their codes.
    template <class Output>
    void overwrite(const std::vector<Output>& outputs, const LayerStep& step, const workloads::Shape& shape,
                   const Codes& golden);

    std::vector<std::int32_t> row_;     // the codes of one pixel
    std::vector<std::uint32_t> masks_;  // of its comparisons
    std::vector<ThresholdFlip> flips_;
    Changes forced_, result_;
};

}  // namespace fluence::arith
