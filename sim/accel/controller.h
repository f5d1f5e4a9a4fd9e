// Walks through the tile plan: one process for each thing that goes on at the same time (loads of weights,
// of activations, of parameters; the array; the vector unit; stores), each in the plan's order. Processes
// meet in milestones, so a fold starts when its words are there and its halves are free.
#pragma once

#include <systemc>

#include "sim/accel/buffer_ports.h"
#include "sim/accel/fold_timer.h"
#include "sim/accel/interfaces.h"
#include "sim/accel/milestones.h"
#include "sim/accel/workload.h"

namespace fluence::accel {

class Controller : public sc_core::sc_module, public TransferReports {
  public:
    sc_core::sc_port<TransferRequests> dma;
    sc_core::sc_port<FoldCommands> array;
    sc_core::sc_port<PassCommands> vector_unit;

    SC_HAS_PROCESS(Controller);
    // `observer` may be null.
    Controller(const sc_core::sc_module_name& name, const Workload& workload, PortTable& ports,
               RunObserver* observer);

    void load_began(std::int32_t load, const TransferTimes& times) override;
    void store_began(std::int32_t store, const TransferTimes& times) override;

    // Every fold and pass of the plan was executed and every store made.
    bool finished() const;

  private:
    void load_weights();
    void load_activations();
    void load_parameters();
    void run_folds();
    void run_passes();
    void store_results();

    // The edge at which the layer's inputs are in DRAM; known to all processes once it is known.
    Cycle await_inputs(LayerId layer);
    // The same of one tensor; it may be in the activation buffer instead.
    Cycle await_stored(std::int32_t tensor);
    Cycle await_fill(const dataflow::BufferFill& fill);
    // The pass that frees the half of the output buffer which the block of `pass` goes to.
    FoldTimer::Drain await_drain(std::int32_t pass);
    Cycle await_staging_block(std::int32_t pass);
    FoldTimer::Waits await_operands(std::int32_t fold);
    // Time the next fold's preload and stream as early as they are allowed and the ports of the buffers are
    // free, and take those.
    Cycle time_preload(Cycle done);
    FoldTimes time_stream(const traces::Fold& fold, FoldTimer::Waits waits);
    // The fold timed last reads a fill of `buffer`, up to the last fold that does, whereupon its half is
    // free.
    void read_fill(std::int32_t fold, Memory buffer);
    PassTimes time_pass(std::int32_t pass, Cycle unit_free, Cycle parameters, Cycle operands, Cycle staging);

    const Workload& workload_;
    const dataflow::TilePlan& plan_;
    PortTable& ports_;
    RunObserver* observer_;
    FoldTimer timer_;
    std::vector<Cycle> streams_;  // of the folds timed so far
    struct FillReads {
        std::int32_t fill = -1;
        Cycle end = 0;  // first edge after the last read so far
    };
    FillReads weight_reads_, activation_reads_;
    Cycle filter_free_ = 0;               // the edge at which the filter is done with the passes timed so far
    std::vector<std::int32_t> producer_;  // by tensor: the layer that produces it, −1 for the input
    Milestones loads_done_, stores_done_, store_ports_free_;
    Milestones weight_fills_free_, activation_fills_free_;
    Milestones folds_end_, passes_begin_, passes_read_, passes_end_;
};

}  // namespace fluence::accel
