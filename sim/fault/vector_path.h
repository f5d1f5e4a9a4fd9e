// One output element on its way through the vector unit, with what is wrong on that way.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/engine.h"
#include "sim/arith/parameters.h"
#include "sim/dataflow/vector_pipeline.h"
#include "sim/fault/fold_sums.h"
#include "sim/fault/struck_vector.h"

namespace fluence::fault {

// The vector unit's work on a layer that upsets struck.
struct VectorWork {
    const MachineView& machine;
    const FoldSums& sums;
    const arith::GoldenRun* golden;  // null where `sums` are not of the fault-free run
    const FoldSums& golden_sums;
    const arith::GoldenRun& golden_run;
    const std::vector<arith::OutputBounds>& bounds;  // of range restriction; empty: none
};

class VectorPath {
  public:
    // The layer that `fault` strikes, on given tensors. `golden`: null where `sums` are not of the fault-free
    // run.
    VectorPath(const MachineView& machine, const FoldSums& sums, const arith::GoldenRun* golden,
               const arith::LayerFault& fault);

    // Where the element is produced.
    struct Place {
        std::int32_t pass = -1;
        std::int64_t index = 0;  // in the pass
        Cycle read = 0;
        int decode = 0;
    };
    Place place_of(std::int32_t pass, std::int64_t index) const;
    std::int64_t element_at(const Place& place) const;

    // What is wrong on the way of one element; all masks by stage, those of parameters together.
    struct Wrong {
        std::vector<std::uint32_t> stages;  // empty: none
        const std::vector<StruckParameterBits>* parameters = nullptr;
    };
    // The register of a stage, or behind the last one the code in front of restriction; raw bits.
    std::uint32_t at(const Place& place, int stage, const Wrong& wrong) const;
    // The value in front of the clamp, for the ReLU check.
    std::int64_t in_front_of_clamp(const Place& place, const Wrong& wrong) const;
    const dataflow::VectorPipeline& pipeline() const { return pipeline_; }
    std::int32_t code_of(std::uint32_t bits) const;

  private:
    std::uint32_t operand(const Place& place) const;
    std::uint32_t accumulator(const Place& place) const;
    std::int32_t read(std::size_t input, std::int64_t element, std::int64_t output) const;
    std::uint32_t window(std::int64_t output) const;
    // Input and element of it that a concat's output is made of.
    std::size_t concat_source(std::int64_t& element) const;
    std::uint32_t parameter(arith::Parameter which, std::size_t index, Cycle used, const Wrong& wrong) const;
    std::uint32_t biased(const Place& place, std::uint32_t bits, const Wrong& wrong) const;
    std::int64_t rescaled(const Place& place, std::uint32_t bits, const Wrong& wrong) const;
    std::uint32_t clamped(std::int64_t value) const;

    const MachineView& machine_;
    const FoldSums& sums_;
    const arith::GoldenRun* golden_;
    const arith::LayerFault& fault_;
    const workloads::Layer& layer_;
    const dataflow::VectorPipeline pipeline_;
    arith::Parameters parameters_;
};

// The bounds' register of a lane as range restriction loads it for an element, and whose they are; key −1: it
// does without (vector_pipeline.h).
struct LoadedBounds {
    std::int64_t key = -1;
    std::uint32_t bits = 0;
};
LoadedBounds bounds_of(const VectorWork& work, LayerId layer, std::int64_t element);
// What range restriction makes of a code with those bounds, bits of them inverted.
std::int32_t restricted(const VectorWork& work, LayerId layer, const LoadedBounds& bounds, std::int32_t code,
                        std::uint32_t inverted = 0);

// What upsets in the vector unit do to the layer, whose other changes are complete in `fault`.
void add_vector_changes(const VectorWork& work, const StruckVector& struck, arith::LayerFault& fault);

}  // namespace fluence::fault
