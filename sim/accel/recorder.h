// Observes a run and makes its timeline.
#pragma once

#include "sim/accel/run_observer.h"
#include "sim/accel/workload.h"
#include "sim/dataflow/space_time.h"
#include "traces/timeline.h"

namespace fluence::accel {

class Recorder : public RunObserver {
  public:
    explicit Recorder(const Workload& workload);

    void load(std::int32_t index, const TransferTimes& times) override;
    void store(std::int32_t index, const TransferTimes& times) override;
    void fold(std::int32_t index, const FoldTimes& times) override;
    void pass(std::int32_t index, const PassTimes& times) override;

    // The timeline of the finished run; loads by ascending begin.
    traces::Timeline finish();

  private:
    Cycle inputs_stored(const workloads::Layer& layer) const;
    traces::LayerStats stats_of(std::size_t layer);
    void count_traffic();
    void record_stall(LayerId layer, traces::StallCause cause, Cycle begin, Cycle end);
    void time_folds(const dataflow::LayerPlan& plan, traces::LayerStats& stats);
    void time_passes(const dataflow::LayerPlan& plan, traces::LayerStats& stats);
    void sort_loads();

    const Workload& workload_;
    traces::Timeline timeline_;
    std::vector<FoldTimes> fold_times_;
    std::vector<PassTimes> pass_times_;
    dataflow::SpaceTimeMap array_;
    std::vector<Cycle> stored_;                    // by tensor: the edge at which it is in DRAM
    Cycle array_free_ = 0, vector_unit_free_ = 0;  // behind the layers that stats_of() has seen
};

}  // namespace fluence::accel
