#include "sim/accel/recorder.h"

#include <algorithm>
#include <numeric>

#include "sim/dataflow/tensor_layout.h"
#include "sim/dataflow/traffic.h"

namespace fluence::accel {

using traces::StallCause;
namespace {

template <class Record>
Record& at(std::vector<Record>& records, std::int32_t index) {
    return records[static_cast<std::size_t>(index)];
}

// Adds what of [from, to) lies behind `cursor` and moves the cursor to `to`.
void charge(std::int64_t& cause, Cycle& cursor, Cycle to) {
    cause += std::max<Cycle>(0, to - cursor);
    cursor = std::max(cursor, to);
}

}  // namespace

Recorder::Recorder(const Workload& workload)
    : workload_(workload),
      fold_times_(workload.plan.folds.size()),
      pass_times_(workload.plan.passes.size()),
      array_(workload.config.array),
      stored_(workload.graph.tensors.size()) {
    timeline_.loads = workload.plan.loads;
    timeline_.stores = workload.plan.stores;
    timeline_.folds = workload.plan.folds;
    timeline_.passes = workload.plan.passes;
    timeline_.decode_cycles = workload.timing.decode_cycles;
}

void Recorder::load(std::int32_t index, const TransferTimes& times) {
    traces::Load& load = at(timeline_.loads, index);
    times.write_to(load);
}

void Recorder::store(std::int32_t index, const TransferTimes& times) {
    traces::Store& store = at(timeline_.stores, index);
    times.write_to(store);
    timeline_.cycles = std::max(timeline_.cycles, store.done());
    Cycle& stored = stored_[index_of(store.tensor)];
    stored = std::max(stored, store.done());
}

void Recorder::fold(std::int32_t index, const FoldTimes& times) {
    traces::Fold& fold = at(timeline_.folds, index);
    fold.preload = times.preload;
    fold.stream = times.stream;
    fold.end = times.end;
    at(fold_times_, index) = times;
}

void Recorder::pass(std::int32_t index, const PassTimes& times) {
    traces::VectorPass& pass = at(timeline_.passes, index);
    pass.begin = times.begin;
    pass.end = times.end;
    at(pass_times_, index) = times;
}

Cycle Recorder::inputs_stored(const workloads::Layer& layer) const {
    Cycle stored = 0;
    for (const TensorId input : layer.inputs) {
        stored = std::max(stored, stored_[index_of(dataflow::stored_tensor(workload_.graph, input))]);
    }
    return stored;
}

void Recorder::count_traffic() {
    for (const traces::Load& load : timeline_.loads) {
        if (load.kept) {
            continue;
        }
        traces::LayerStats& stats = timeline_.layers[index_of(load.layer)];
        stats.dram_read_words += load.words();
        stats.buffer_writes += load.to_vector_unit ? 0 : load.words();
    }
    for (const traces::Store& store : timeline_.stores) {
        traces::LayerStats& stats = timeline_.layers[index_of(store.layer)];
        (store.to_buffer ? stats.buffer_writes : stats.dram_write_words) += store.words();
    }
    const auto add = [this](LayerId layer, const dataflow::BufferTraffic& traffic) {
        traces::LayerStats& stats = timeline_.layers[index_of(layer)];
        stats.buffer_reads += traffic.reads;
        stats.buffer_writes += traffic.writes;
    };
    const DataflowKind dataflow = workload_.config.array.dataflow_kind();
    for (const traces::Fold& fold : timeline_.folds) {
        add(fold.layer, dataflow::fold_traffic(workload_.graph, dataflow, workload_.map, fold));
    }
    for (const traces::VectorPass& pass : timeline_.passes) {
        add(pass.layer, dataflow::pass_traffic(workload_.graph, pass));
    }
}

void Recorder::record_stall(LayerId layer, StallCause cause, Cycle begin, Cycle end) {
    if (begin < end) {
        timeline_.stalls.push_back({layer, cause, begin, end});
    }
}

void Recorder::time_folds(const dataflow::LayerPlan& plan, traces::LayerStats& stats) {
    Cycle cursor = stats.begin;
    const auto wait = [&](std::int64_t& count, StallCause cause, Cycle to) {
        record_stall(at(timeline_.folds, plan.first_fold).layer, cause, cursor, to);
        charge(count, cursor, to);
    };
    for (std::int32_t i = plan.first_fold; i < plan.last_fold; ++i) {
        const FoldTimes& times = at(fold_times_, i);
        wait(stats.preload_cycles, StallCause::preload, times.array);
        wait(stats.stall_weights, StallCause::weights, times.weights);
        wait(stats.stall_activations, StallCause::activations, times.activations);
        wait(stats.stall_drain, StallCause::drain, times.drain);
        wait(stats.stall_port, StallCause::port, times.stream);
        charge(stats.busy_cycles, cursor, times.stream + array_.steps(at(timeline_.folds, i)));
    }
    array_free_ = cursor;
    for (std::int32_t i = plan.first_fold; i < plan.last_fold; ++i) {
        cursor = std::max(cursor, at(fold_times_, i).end);
    }
    wait(stats.stall_store, StallCause::store, stats.end);
}

void Recorder::time_passes(const dataflow::LayerPlan& plan, traces::LayerStats& stats) {
    Cycle cursor = stats.begin;
    const auto wait = [&](std::int64_t& count, StallCause cause, Cycle to) {
        record_stall(at(timeline_.passes, plan.first_pass).layer, cause, cursor, to);
        charge(count, cursor, to);
    };
    for (std::int32_t i = plan.first_pass; i < plan.last_pass; ++i) {
        const PassTimes& times = at(pass_times_, i);
        const traces::VectorPass& pass = at(timeline_.passes, i);
        wait(stats.stall_weights, StallCause::weights, times.parameters);
        wait(stats.stall_activations, StallCause::activations, times.operands);
        wait(stats.stall_store, StallCause::store, times.staging);
        wait(stats.stall_port, StallCause::port, times.begin);
        charge(stats.busy_cycles, cursor, times.begin + (pass.elements + pass.lanes - 1) / pass.lanes);
    }
    cursor = std::max(cursor, at(pass_times_, plan.last_pass - 1).end);
    wait(stats.stall_store, StallCause::store, stats.end);
}

traces::LayerStats Recorder::stats_of(std::size_t index) {
    const workloads::Layer& layer = workload_.graph.layers[index];
    const dataflow::LayerPlan& plan = workload_.plan.layers[index];
    traces::LayerStats stats;
    stats.name = layer.name;
    stats.begin = inputs_stored(layer);
    stats.end = std::max(stats.begin, stored_[index_of(layer.output)]);
    if (plan.first_pass == plan.last_pass) {  // flatten
        return stats;
    }
    if (layer.has_macs()) {
        stats.begin = std::max(stats.begin, array_free_);
        workloads::GemmShape gemm = workloads::gemm_shape(workload_.graph, layer);
        gemm.n = workload_.map.positions(layer_id(index));  // duplicated filters count twice
        stats.macs = gemm.macs();
        time_folds(plan, stats);
    } else {
        stats.begin = std::max(stats.begin, vector_unit_free_);
        time_passes(plan, stats);
    }
    const traces::VectorPass& last = at(timeline_.passes, plan.last_pass - 1);
    vector_unit_free_ = last.begin + (last.elements + last.lanes - 1) / last.lanes;
    const double pe_cycles = static_cast<double>(workload_.config.array.rows) * workload_.config.array.cols *
                             static_cast<double>(stats.end - stats.begin);
    stats.utilisation = static_cast<double>(stats.macs) / pe_cycles;
    stats.unique_words = plan.unique_words;
    return stats;
}

void Recorder::sort_loads() {
    std::vector<std::int32_t> order(timeline_.loads.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [this](std::int32_t a, std::int32_t b) {
        return at(timeline_.loads, a).begin < at(timeline_.loads, b).begin;
    });
    std::vector<std::int32_t> position(order.size());
    std::vector<traces::Load> sorted;
    for (std::size_t i = 0; i < order.size(); ++i) {
        at(position, order[i]) = static_cast<std::int32_t>(i);
        sorted.push_back(std::move(at(timeline_.loads, order[i])));
    }
    timeline_.loads = std::move(sorted);
    for (traces::Fold& fold : timeline_.folds) {
        fold.weight_load = at(position, fold.weight_load);
        fold.activation_load = at(position, fold.activation_load);
    }
    for (traces::VectorPass& pass : timeline_.passes) {
        for (std::int32_t& load : pass.operand_loads) {
            load = load < 0 ? load : at(position, load);
        }
    }
}

traces::Timeline Recorder::finish() {
    for (std::size_t i = 0; i < workload_.graph.layers.size(); ++i) {
        timeline_.layers.push_back(stats_of(i));
    }
    count_traffic();
    sort_loads();
    return std::move(timeline_);
}

}  // namespace fluence::accel
