// Collects what one upset changes, in the terms of each layer's arithmetic.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/engine.h"
#include "sim/fault/machine_view.h"

namespace fluence::fault {

// Difference and sum of 32-bit registers, which wrap.
inline std::int32_t wrapping_difference(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b);
}

class Effects {
  public:
    Effects(const MachineView& machine, const arith::GoldenRun& golden)
        : machine_(machine), golden_(golden) {}

    const arith::GoldenRun& golden() const { return golden_; }
    // Codes of the GEMM's A.
    const workloads::Codes& input(const MacLayer& layer) const {
        return golden_.tensors[index_of(layer.layer->inputs[0])];
    }
    // Σ of A[m,k]·B[k,n] over k in [first, last), as the 32-bit registers sum it; `channel` is the flat
    // output channel, of `group`.
    std::uint32_t partial_sum(const MacLayer& layer, int group, std::int64_t m, std::int64_t channel,
                              std::int64_t first, std::int64_t last) const;

    // B[k, column] of `fold` is off by `delta` for the pixels from `first` (inside the fold) on.
    void weight_off(const traces::Fold& fold, std::int64_t k, std::int32_t column, std::int32_t delta,
                    std::int64_t first);
    // A[m,k] (m of the whole layer) is off by `delta` for the columns from `first_column` on, and for the
    // checksum column behind them.
    void activation_off(const traces::Fold& fold, std::int64_t m, std::int64_t k, std::int32_t delta,
                        std::int32_t first_column);
    void accumulator_off(LayerId layer, std::int64_t element, std::int32_t delta);
    void operand_reads(LayerId layer, const arith::OperandChange& change) {
        of(layer).operands.push_back(change);
    }
    void parameter_is(LayerId layer, const arith::ParameterChange& change) {
        of(layer).parameters.push_back(change);
    }
    void output_flips(LayerId layer, std::int64_t element, std::uint32_t mask);

    // The faults, ascending by layer: deltas of one accumulator added up, zeros and unchanged layers dropped.
    std::vector<arith::LayerFault> take();

  private:
    arith::LayerFault& of(LayerId layer);

    const MachineView& machine_;
    const arith::GoldenRun& golden_;
    std::vector<arith::LayerFault> faults_;
};

}  // namespace fluence::fault
