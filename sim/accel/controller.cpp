#include "sim/accel/controller.h"

#include <algorithm>
#include <array>

#include "sim/dataflow/tensor_layout.h"
#include "sim/protect/layer_filters.h"

namespace fluence::accel {
namespace {

constexpr std::int32_t kHalves = 2;         // of a buffer
constexpr std::int32_t kStagingBlocks = 2;  // of the vector unit: finished blocks that wait for their store

template <class Record>
const Record& at(const std::vector<Record>& records, std::int32_t index) {
    return records[static_cast<std::size_t>(index)];
}

std::int32_t count(std::size_t size) {
    return static_cast<std::int32_t>(size);
}

}  // namespace

Controller::Controller(const sc_core::sc_module_name& name, const Workload& workload, PortTable& ports,
                       RunObserver* observer)
    : sc_module(name),
      dma("dma"),
      array("array"),
      vector_unit("vector_unit"),
      workload_(workload),
      plan_(workload.plan),
      ports_(ports),
      observer_(observer),
      timer_(workload.config.array, workload.timing),
      producer_(workload.graph.tensors.size(), -1),
      loads_done_(plan_.loads.size()),
      stores_done_(plan_.stores.size()),
      store_ports_free_(plan_.stores.size()),
      weight_fills_free_(plan_.weight_fills.size()),
      activation_fills_free_(plan_.activation_fills.size()),
      folds_end_(plan_.folds.size()),
      passes_begin_(plan_.passes.size()),
      passes_read_(plan_.passes.size()),
      passes_end_(plan_.passes.size()) {
    for (std::size_t i = 0; i < workload.graph.layers.size(); ++i) {
        producer_[index_of(workload.graph.layers[i].output)] = count(i);
    }
    SC_THREAD(load_weights);
    SC_THREAD(load_activations);
    SC_THREAD(load_parameters);
    SC_THREAD(run_folds);
    SC_THREAD(run_passes);
    SC_THREAD(store_results);
}

void Controller::load_began(std::int32_t index, const TransferTimes& times) {
    traces::Load load = at(plan_.loads, index);
    times.write_to(load);
    loads_done_.reach(index, load.done());
    if (observer_ != nullptr) {
        observer_->load(index, times);
    }
}

void Controller::store_began(std::int32_t index, const TransferTimes& times) {
    traces::Store store = at(plan_.stores, index);
    times.write_to(store);
    stores_done_.reach(index, store.done());
    // The last word leaves the staging block in the cycle in which the port takes it.
    store_ports_free_.reach(index, store.done() - store.latency);
    if (observer_ != nullptr) {
        observer_->store(index, times);
    }
}

bool Controller::finished() const {
    return (plan_.folds.empty() || folds_end_.known(count(plan_.folds.size()) - 1)) &&
           (plan_.passes.empty() || passes_end_.known(count(plan_.passes.size()) - 1)) &&
           (plan_.stores.empty() || stores_done_.known(count(plan_.stores.size()) - 1));
}

Cycle Controller::await_inputs(LayerId id) {
    Cycle stored = 0;
    for (const TensorId input : workload_.graph.layer(id).inputs) {
        const TensorId tensor = dataflow::stored_tensor(workload_.graph, input);
        stored = std::max(stored, await_stored(static_cast<std::int32_t>(tensor)));
    }
    return stored;
}

Cycle Controller::await_stored(std::int32_t tensor) {
    const std::int32_t producer = at(producer_, tensor);
    // Stores are made in order, so the last one is done last.
    return producer < 0 ? 0 : stores_done_.await(at(plan_.layers, producer).last_store - 1);
}

Cycle Controller::await_fill(const dataflow::BufferFill& fill) {
    Cycle done = 0;
    for (const std::int32_t load : fill.loads) {
        done = std::max(done, loads_done_.await(load));
    }
    return done;
}

void Controller::load_weights() {
    for (std::int32_t i = 0; i < count(plan_.weight_fills.size()); ++i) {
        const Cycle free = i < kHalves ? 0 : weight_fills_free_.await(i - kHalves);
        workload_.clock.wait_until(free);
        for (const std::int32_t load : at(plan_.weight_fills, i).loads) {
            dma->request_load(load);
        }
    }
}

void Controller::load_activations() {
    for (std::int32_t i = 0; i < count(plan_.activation_fills.size()); ++i) {
        const dataflow::BufferFill& fill = at(plan_.activation_fills, i);
        const Cycle free = i < kHalves ? 0 : activation_fills_free_.await(i - kHalves);
        const Cycle stored = await_inputs(fill.layer);
        workload_.clock.wait_until(std::max(free, stored));
        for (const std::int32_t load : fill.loads) {
            if (at(plan_.loads, load).kept) {
                load_began(load, {await_stored(at(plan_.loads, load).owner), 0, {}});
            } else {
                dma->request_load(load);
            }
        }
    }
}

void Controller::load_parameters() {
    std::int32_t user = -1;  // the last layer whose parameters the vector unit holds
    for (std::int32_t i = 0; i < count(plan_.layers.size()); ++i) {
        const std::int32_t load = at(plan_.layers, i).parameter_load;
        if (load < 0) {
            continue;
        }
        const Cycle free = user < 0 ? 0 : passes_end_.await(at(plan_.layers, user).last_pass - 1);
        workload_.clock.wait_until(free);
        dma->request_load(load);
        user = i;
    }
}

void Controller::read_fill(std::int32_t fold, Memory buffer) {
    const bool weights = buffer == Memory::weight_buffer;
    const dataflow::FoldUse& use = at(plan_.fold_uses, fold);
    const std::int32_t fill = weights ? use.weight_fill : use.activation_fill;
    FillReads& reads = weights ? weight_reads_ : activation_reads_;
    const Cycle end = timer_.last_read_end(buffer);
    reads = {fill, reads.fill == fill ? std::max(reads.end, end) : end};
    if (at(weights ? plan_.weight_fills : plan_.activation_fills, fill).last_user == fold) {
        (weights ? weight_fills_free_ : activation_fills_free_).reach(fill, reads.end);
    }
}

FoldTimer::Waits Controller::await_operands(std::int32_t fold) {
    const dataflow::FoldUse& use = at(plan_.fold_uses, fold);
    FoldTimer::Waits waits;
    waits.weights = await_fill(at(plan_.weight_fills, use.weight_fill));
    waits.activations = await_fill(at(plan_.activation_fills, use.activation_fill));
    waits.drain = await_drain(use.pass);
    return waits;
}

Cycle Controller::time_preload(Cycle done) {
    BufferPorts& ports = ports_.of(timer_.stationary());
    Cycle preload = timer_.preload(done);
    while (const Cycle late = ports.delay(BufferUser::array, timer_.access(timer_.stationary()))) {
        preload = timer_.preload(done, preload + late);
    }
    ports.take(BufferUser::array, timer_.access(timer_.stationary()));
    return preload;
}

FoldTimes Controller::time_stream(const traces::Fold& fold, FoldTimer::Waits waits) {
    if (!ports_.shared()) {
        return timer_.stream(fold, waits);
    }
    constexpr std::array<Memory, 3> kBuffers = {Memory::weight_buffer, Memory::activation_buffer,
                                                Memory::output_buffer};
    const FoldTimer before = timer_;
    const auto streams = [&](Memory buffer) {
        return !timer_.has_preload() || buffer != timer_.stationary();
    };
    FoldTimes times = timer_.stream(fold, waits);
    for (bool free = false; !free;) {
        Cycle late = 0;
        for (const Memory buffer : kBuffers) {
            if (streams(buffer)) {
                late = std::max(late, ports_.of(buffer).delay(BufferUser::array, timer_.access(buffer)));
            }
        }
        free = late == 0;
        if (!free) {
            waits.ports = times.stream + late;
            timer_ = before;
            times = timer_.stream(fold, waits);
        }
    }
    for (const Memory buffer : kBuffers) {
        if (streams(buffer)) {
            ports_.of(buffer).take(BufferUser::array, timer_.access(buffer));
        }
    }
    return times;
}

void Controller::run_folds() {
    Cycle end = 0;
    for (std::int32_t i = 0; i < count(plan_.folds.size()); ++i) {
        const traces::Fold& fold = at(plan_.folds, i);
        const dataflow::FoldUse& use = at(plan_.fold_uses, i);
        if (timer_.has_preload()) {
            const bool weights = timer_.stationary() == Memory::weight_buffer;
            const Cycle done = await_fill(weights ? at(plan_.weight_fills, use.weight_fill)
                                                  : at(plan_.activation_fills, use.activation_fill));
            workload_.clock.wait_until(time_preload(done));
            array->preload(i);
            read_fill(i, timer_.stationary());
        }
        FoldTimer::Waits waits = await_operands(i);
        traces::Fold writer;
        if (use.writer >= 0) {
            writer = at(plan_.folds, use.writer);
            writer.stream = at(streams_, use.writer);
            waits.writer = &writer;
        }
        const FoldTimes times = time_stream(fold, waits);
        streams_.push_back(times.stream);
        workload_.clock.wait_until(times.stream);
        array->stream(i);
        for (const Memory buffer : {Memory::weight_buffer, Memory::activation_buffer}) {
            if (!timer_.has_preload() || buffer != timer_.stationary()) {
                read_fill(i, buffer);
            }
        }
        // A short fold may be done before the one in front of it; a pass waits for both.
        end = std::max(end, times.end);
        folds_end_.reach(i, end);
        if (observer_ != nullptr) {
            observer_->fold(i, times);
        }
    }
}

FoldTimer::Drain Controller::await_drain(std::int32_t pass) {
    const std::int32_t block = at(plan_.pass_uses, pass).block;
    if (block < kHalves) {
        return {};
    }
    const std::int32_t earlier = at(plan_.block_pass, block - kHalves);
    // With one port the half is read to its end before it is written.
    const Cycle apart = workload_.config.output_buffer.ports == 1 ? 1 : 0;
    return {passes_begin_.await(earlier), passes_read_.await(earlier) + apart};
}

Cycle Controller::await_staging_block(std::int32_t pass) {
    // A pass without a store keeps its codes in the words being collected, which have a place of their own.
    const std::int32_t earlier =
        pass < kStagingBlocks ? -1 : at(plan_.pass_uses, pass - kStagingBlocks).store;
    return earlier < 0 ? 0 : store_ports_free_.await(earlier);
}

PassTimes Controller::time_pass(std::int32_t index, Cycle unit_free, Cycle parameters, Cycle operands,
                                Cycle staging) {
    traces::VectorPass pass = at(plan_.passes, index);
    const Memory source =
        at(plan_.pass_uses, index).block >= 0 ? Memory::output_buffer : Memory::activation_buffer;
    PassTimes times;
    times.unit = unit_free;
    times.parameters = std::max(times.unit, parameters);
    times.operands = std::max(times.parameters, operands);
    times.staging = std::max(times.operands, staging);
    Access access{times.staging, times.staging + (pass.elements + pass.lanes - 1) / pass.lanes};
    const Cycle late = ports_.of(source).delay(BufferUser::vector_unit, access);
    access = {access.first + late, access.last + late};
    ports_.of(source).take(BufferUser::vector_unit, access);
    pass.begin = times.begin = access.first;
    times.end = pass.read_cycle(pass.elements - 1) + 1 + workload_.decode_cycles(source) +
                workload_.config.vector_unit.pipeline_depth.count() +
                workload_.timing.vector_pipeline.count();
    if (const std::int64_t pixels = at(plan_.pass_uses, index).filtered_pixels; pixels > 0) {
        const workloads::Graph& graph = workload_.graph;
        const std::int32_t channels = graph.tensor(graph.layer(pass.layer).output).shape.channels;
        times.end = std::max(times.end, filter_free_) +
                    protect::filter_cycles(workload_.config, pixels, channels).count();
        filter_free_ = times.end;
    }
    return times;
}

void Controller::run_passes() {
    Cycle unit_free = 0;
    for (std::int32_t i = 0; i < count(plan_.passes.size()); ++i) {
        const traces::VectorPass& pass = at(plan_.passes, i);
        const dataflow::PassUse& use = at(plan_.pass_uses, i);
        const std::int32_t parameter_load =
            at(plan_.layers, static_cast<std::int32_t>(pass.layer)).parameter_load;
        const Cycle parameters = parameter_load < 0 ? 0 : loads_done_.await(parameter_load);
        const Cycle operands = use.block >= 0 ? folds_end_.await(use.last_fold)
                                              : await_fill(at(plan_.activation_fills, use.activation_fill));
        const PassTimes times = time_pass(i, unit_free, parameters, operands, await_staging_block(i));
        workload_.clock.wait_until(times.begin);
        vector_unit->run(i);
        unit_free = times.begin + (pass.elements + pass.lanes - 1) / pass.lanes;
        if (use.activation_fill >= 0) {
            activation_fills_free_.reach(use.activation_fill, unit_free);
        }
        passes_begin_.reach(i, times.begin);
        passes_read_.reach(i, unit_free);
        passes_end_.reach(i, times.end);
        if (observer_ != nullptr) {
            observer_->pass(i, times);
        }
    }
}

void Controller::store_results() {
    for (std::int32_t i = 0; i < count(plan_.passes.size()); ++i) {
        const std::int32_t store = at(plan_.pass_uses, i).store;
        if (store >= 0) {
            const std::int32_t fill =
                at(plan_.layers, static_cast<std::int32_t>(at(plan_.passes, i).layer)).kept_fill;
            const Cycle free = fill < kHalves ? 0 : activation_fills_free_.await(fill - kHalves);
            workload_.clock.wait_until(std::max(free, passes_end_.await(i)));
            dma->request_store(store);
        }
    }
}

}  // namespace fluence::accel
