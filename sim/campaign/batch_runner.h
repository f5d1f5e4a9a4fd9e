// Computes the rows of one batch: golden runs once an image, then its faults under every policy.
#pragma once

#include <memory>
#include <vector>

#include "sim/campaign/inference.h"
#include "sim/campaign/plan.h"
#include "sim/campaign/recheck.h"
#include "sim/campaign/request.h"

namespace fluence::campaign {

class BatchRunner {
  public:
    // Keeps a reference. `reproducer`, `defect`: of Recheck.
    explicit BatchRunner(const CampaignPlan& plan, std::string reproducer = "",
                         EngineDefect defect = nullptr);
    // Throws std::runtime_error where a fault that is checked does not pass.
    BatchResult run(std::int64_t batch);

  private:
    struct Chunk;
    struct Struck;

    void run_image(std::int64_t batch, std::int64_t image, BatchResult& result);
    GoldenRow golden_row(std::int64_t image, std::int32_t policy) const;
    void resolve_fault(std::int64_t id, Chunk& chunk);
    Struck strike(const fault::FaultDraw& draw, std::int32_t policy, std::size_t first, Chunk& chunk);
    void propagate(Chunk& chunk);
    void recheck(const Chunk& chunk);
    OutcomeRow outcome_row(Struck& struck, const Chunk& chunk, std::int32_t label);  // takes its resolution
    const workloads::Codes& golden_logits(std::size_t engine) const;

    const CampaignPlan& plan_;
    std::vector<arith::Engine> engines_;
    std::vector<arith::GoldenRun> golden_;  // of the current image, by engine
    std::vector<bool> golden_checked_;      // of the current image, by engine: full re-execution gave it too
    std::vector<std::unique_ptr<fault::Resolver>> resolvers_;
    std::vector<FaultFreeRequest> fault_free_;  // of the current image, by policy
    Recheck recheck_;
};

}  // namespace fluence::campaign
