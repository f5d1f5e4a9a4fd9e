// The campaign's check of itself: a share of its faults is carried through the network a second time, every
// layer executed in full (sim/arith/full_run.h; those in front of the first struck one once an image), and
// compared with what the delta engine said.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/arith/full_run.h"
#include "sim/campaign/plan.h"
#include "sim/campaign/result_store.h"

namespace fluence::campaign {

// Whether fault `id` is among those: a draw from (seed, id) alone, with probability `share`.
bool rechecked(std::uint64_t seed, double share, std::int64_t id);

// FaultyRun by its definition, from the tensors of both runs; restricted and filtered values are not known.
arith::FaultyRun compared(const workloads::Graph& graph, const std::vector<workloads::Codes>& golden,
                          const std::vector<workloads::Codes>& faulty);

// What is different between two runs of the same inference; nothing: all that is kept of them is equal.
// "changed values: 3 by the delta engine, 4 by full re-execution".
std::optional<std::string> difference_of(const arith::FaultyRun& delta, const arith::FaultyRun& full);

// The first value that the two executions disagree on, in the order of the layers.
struct WrongValue {
    std::int32_t layer = -1;  // −1: all values of all layers agree
    std::int64_t element = 0;
    std::int32_t delta = 0, full = 0;  // codes
};

// For finding out whether a check would notice: alters the layer faults that the delta engine is given.
using EngineDefect = std::function<void(std::vector<arith::LayerFault>&)>;

class Recheck {
  public:
    // Keeps a reference. `reproducer`: without suffix, where to describe a difference; empty: nowhere.
    Recheck(const CampaignPlan& plan, std::string reproducer, EngineDefect defect);

    bool has_defect() const { return defect_ != nullptr; }
    // What the engine is to be given of a list of layer faults: its own, unless there is a defect.
    void give(std::vector<arith::LayerFault>& faults) const;

    // One fault under one policy.
    struct Case {
        const FaultRow& fault;
        std::int32_t policy;
        const std::vector<arith::LayerFault>& faults;  // as the resolver and the detectors left them
        const arith::FaultyRun& run;                   // what the engine made of them
    };
    // Throws std::runtime_error where full re-execution differs, and writes the reproducer.
    void check(const Case& one, arith::Engine& engine, const arith::GoldenRun& golden);

  private:
    WrongValue first_wrong(const Case& one, arith::Engine& engine, const arith::GoldenRun& golden,
                           const std::vector<workloads::Codes>& full) const;
    std::string write_reproducer(const Case& one, const std::string& difference, const WrongValue& value,
                                 const workloads::Codes& golden_logits) const;

    const CampaignPlan& plan_;
    std::string reproducer_;
    EngineDefect defect_;
    // Full execution of an engine's network; the fault-free inference of the image that it had last.
    struct Full {
        Full(const workloads::Graph& graph, const EngineParts& parts, const arith::SumRule& sums)
            : run(graph, parts.bounds, sums, parts.filters) {}
        arith::FullRun run;
        std::int32_t image = -1;
        std::vector<workloads::Codes> fault_free;
    };
    Full& full_of(const Case& one, const arith::GoldenRun& golden);
    std::vector<std::unique_ptr<Full>> full_;  // by engine; made when the first fault needs it
};

}  // namespace fluence::campaign
