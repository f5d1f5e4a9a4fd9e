// Computes the rows of one batch: golden runs once an image, then its faults under every policy.
#pragma once

#include <memory>
#include <vector>

#include "sim/campaign/plan.h"
#include "sim/campaign/request.h"

namespace fluence::campaign {

class BatchRunner {
  public:
    explicit BatchRunner(const CampaignPlan& plan);  // keeps a reference
    BatchResult run(std::int64_t batch);

  private:
    struct Struck;

    void run_image(std::int64_t batch, std::int64_t image, BatchResult& result);
    GoldenRow golden_row(std::int64_t image, std::int32_t policy) const;
    FaultFreeRequest fault_free(std::int32_t policy) const;
    OutcomeRow run_fault(const fault::FaultDraw& draw, std::int32_t policy, std::int32_t label,
                         std::vector<Struck>& known);
    const arith::FaultyRun& propagate(std::size_t engine, std::vector<arith::LayerFault> faults,
                                      std::vector<Struck>& known);
    const workloads::Codes& golden_logits(std::size_t engine) const;

    const CampaignPlan& plan_;
    std::vector<arith::Engine> engines_;
    std::vector<arith::GoldenRun> golden_;  // of the current image, by engine
    std::vector<std::unique_ptr<fault::Resolver>> resolvers_;
};

}  // namespace fluence::campaign
