#include "sim/campaign/planning.h"

#include <algorithm>
#include <ctime>

#include "sim/campaign/batch_runner.h"

namespace fluence::campaign {
namespace {

double processor_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

FaultSpace fault_space(const CampaignPlan& plan) {
    FaultSpace space;
    for (const fault::SiteClass& site : plan.sampler.classes()) {
        space.bits += static_cast<double>(site.units) * site.bits;
    }
    if (plan.sampler.timed()) {
        space.cycles = static_cast<double>(plan.policies.front().timeline.cycles);
    }
    space.images = static_cast<double>(plan.experiment->images);
    return space;
}

MeasuredRate measure_rate(const CampaignPlan& plan, double seconds) {
    BatchRunner runner(plan);
    const std::int64_t batches = plan.batching.count();
    const std::int64_t step = std::max<std::int64_t>(1, batches / 8);
    MeasuredRate rate;
    const double begin = processor_seconds();
    for (std::int64_t i = 0; i < batches; ++i) {
        // Every eighth part of the campaign in turn: images and layers differ.
        const std::int64_t batch = (i * step + i / 8) % batches;
        rate.faults += static_cast<std::int64_t>(runner.run(batch).faults.size());
        rate.seconds = processor_seconds() - begin;
        if (rate.seconds >= seconds) {
            break;
        }
    }
    rate.seconds = std::max(rate.seconds, 1e-9);
    return rate;
}

}  // namespace fluence::campaign
