#include "sim/arith/engine.h"

#include <optional>

#include "sim/arith/contract.h"
#include "sim/arith/mac_delta.h"
#include "sim/arith/mac_layer.h"
#include "sim/arith/output_stage.h"
#include "sim/arith/simple_layer.h"

namespace fluence::arith {

using workloads::Graph;
using workloads::Layer;
using workloads::OpKind;

namespace {

// By tensor: the last layer that reads it; past the last layer for the logits, its producer where nobody
// does.
std::vector<std::size_t> last_readers(const Graph& graph) {
    std::vector<std::size_t> last(graph.tensors.size(), 0);
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        last[index_of(graph.layers[i].output)] = i;
        for (const TensorId id : graph.layers[i].inputs) {
            last[index_of(id)] = i;
        }
    }
    last[index_of(graph.logits)] = graph.layers.size();
    return last;
}

}  // namespace

struct Engine::Impl {
    Impl(Graph graph_in, std::vector<OutputBounds> bounds_in, KernelKind kind, const SumRule& sums,
         std::vector<LayerFilters> filters_in);

    GoldenRun run(const Codes& image) const;
    FaultyRun propagate(const GoldenRun& golden, const std::vector<LayerFault>& faults,
                        const LayerVisitor* visit);

    const OutputBounds* bounds_of(std::size_t layer) const {
        return bounds.empty() || bounds[layer].lo.empty() ? nullptr : &bounds[layer];
    }
    const LayerFilters& filters_of(std::size_t layer) const {
        return filters.empty() ? no_filters : filters[layer];
    }
    bool inputs_changed(const Layer& layer) const;
    void step(std::size_t index, const GoldenRun& golden, const LayerFault* fault, FaultyRun& result);
    void account(std::size_t index, FaultyRun& result);
    std::vector<ValueChange> changes_of(TensorId id) const;
    void release(TensorId id);

    struct Prepared {
        std::optional<MacLayer> mac;  // one of the two
        std::optional<SimpleLayer> simple;
    };

    const Graph graph;
    const std::vector<OutputBounds> bounds;
    const std::vector<LayerFilters> filters;
    const LayerFilters no_filters;
    std::vector<Prepared> layers;
    std::vector<std::size_t> last_reader;

    std::vector<Changes> changes;  // by tensor; empty between calls
    int changed_tensors = 0;       // tensors with changes that a later layer reads
    MacDelta mac_delta;
    SimpleDelta simple_delta;
    OutputStage output_stage;
};

Engine::Impl::Impl(Graph graph_in, std::vector<OutputBounds> bounds_in, KernelKind kind, const SumRule& sums,
                   std::vector<LayerFilters> filters_in)
    : graph(std::move(graph_in)),
      bounds(std::move(bounds_in)),
      filters(std::move(filters_in)),
      layers(graph.layers.size()),
      last_reader(last_readers(graph)),
      changes(graph.tensors.size()) {
    check_bounds(graph, bounds);
    check_sums(graph, sums);
    check_filters(graph, filters);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const Layer& layer = graph.layers[i];
        if (layer.has_macs()) {
            layers[i].mac.emplace(graph, layer_id(i), kind, sums);
        } else {
            layers[i].simple.emplace(graph, layer);
        }
    }
}

GoldenRun Engine::Impl::run(const Codes& image) const {
    check_image(graph, image);
    GoldenRun golden;
    golden.tensors.resize(graph.tensors.size());
    golden.accumulators.resize(layers.size());
    golden.unfiltered.resize(layers.size());
    golden.tensors[index_of(graph.input)] = image;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const Layer& layer = graph.layers[i];
        Codes& output = golden.tensors[index_of(layer.output)];
        if (layers[i].mac) {
            layers[i].mac->run(golden.tensors[index_of(layer.inputs[0])], bounds_of(i),
                               golden.accumulators[i], output);
        } else {
            layers[i].simple->run(golden.tensors, bounds_of(i), output);
        }
        if (const PixelFilter* filter = filters_of(i).always.get()) {
            golden.unfiltered[i] = output;
            filter_all(*filter, layer_id(i), graph.tensor(layer.output).shape, output);
        }
    }
    return golden;
}

bool Engine::Impl::inputs_changed(const Layer& layer) const {
    for (const TensorId id : layer.inputs) {
        if (!changes[index_of(id)].empty()) {
            return true;
        }
    }
    return false;
}

void Engine::Impl::step(std::size_t index, const GoldenRun& golden, const LayerFault* fault,
                        FaultyRun& result) {
    const TensorId output = graph.layers[index].output;
    const Codes& golden_output = golden.tensors[index_of(output)];
    const Codes& unfiltered = golden.unfiltered[index].empty() ? golden_output : golden.unfiltered[index];
    const LayerStep step = {layer_id(index),
                            golden,
                            changes,
                            fault,
                            bounds_of(index),
                            unfiltered,
                            changes[index_of(output)],
                            result.restricted_values,
                            result.filtered_values};
    if (layers[index].mac) {
        mac_delta.run(*layers[index].mac, step);
    } else {
        simple_delta.run(*layers[index].simple, step);
    }
    output_stage.run(step, graph.tensor(output).shape, filters_of(index), unfiltered, golden_output);
}

void Engine::Impl::account(std::size_t index, FaultyRun& result) {
    const Layer& layer = graph.layers[index];
    const Changes& output = changes[index_of(layer.output)];
    if (output.empty()) {
        return;
    }
    const auto number = static_cast<std::int32_t>(index);
    result.first_changed_layer = result.first_changed_layer < 0 ? number : result.first_changed_layer;
    result.last_changed_layer = number;
    result.changed_values += layer.kind == OpKind::flatten ? 0 : static_cast<std::int64_t>(output.size());
    ++changed_tensors;
}

void Engine::Impl::release(TensorId id) {
    changed_tensors -= changes[index_of(id)].empty() ? 0 : 1;
    changes[index_of(id)].clear();
}

std::vector<ValueChange> Engine::Impl::changes_of(TensorId id) const {
    const std::int64_t plane = graph.tensor(id).shape.plane();
    std::vector<ValueChange> values;
    values.reserve(changes[index_of(id)].size());
    for (const Change& change : changes[index_of(id)]) {
        values.push_back({change.channel * plane + change.pixel, change.code});
    }
    return values;
}

FaultyRun Engine::Impl::propagate(const GoldenRun& golden, const std::vector<LayerFault>& faults,
                                  const LayerVisitor* visit) {
    check_faults(graph, faults);
    FaultyRun result;
    auto fault = faults.begin();
    for (std::size_t i = faults.empty() ? layers.size() : index_of(fault->layer); i < layers.size(); ++i) {
        const Layer& layer = graph.layers[i];
        const bool struck = fault != faults.end() && index_of(fault->layer) == i;
        if (struck || inputs_changed(layer)) {
            step(i, golden, struck ? &*fault : nullptr, result);
            account(i, result);
            if (visit != nullptr && !changes[index_of(layer.output)].empty()) {
                (*visit)(layer_id(i), changes_of(layer.output));
            }
        }
        fault += struck ? 1 : 0;
        for (const TensorId id : layer.inputs) {
            if (last_reader[index_of(id)] == i) {
                release(id);
            }
        }
        if (last_reader[index_of(layer.output)] == i) {
            release(layer.output);
        }
        if (changed_tensors == 0) {
            if (fault == faults.end()) {
                break;
            }
            i = index_of(fault->layer) - 1;
        }
    }
    result.logits = changes_of(graph.logits);
    release(graph.logits);
    return result;
}

Engine::Engine(const Graph& graph, std::vector<OutputBounds> bounds, const SumRule& sums,
               std::vector<LayerFilters> filters)
    : Engine(graph, std::move(bounds), best_kernel(), sums, std::move(filters)) {}

Engine::Engine(const Graph& graph, std::vector<OutputBounds> bounds, KernelKind kernel, const SumRule& sums,
               std::vector<LayerFilters> filters)
    : impl_(std::make_unique<Impl>(graph, std::move(bounds), kernel, sums, std::move(filters))) {}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

const Graph& Engine::graph() const {
    return impl_->graph;
}

GoldenRun Engine::run(const Codes& image) const {
    return impl_->run(image);
}

FaultyRun Engine::propagate(const GoldenRun& golden, const std::vector<LayerFault>& faults) {
    return impl_->propagate(golden, faults, nullptr);
}

FaultyRun Engine::propagate(const GoldenRun& golden, const std::vector<LayerFault>& faults,
                            const LayerVisitor& visit) {
    return impl_->propagate(golden, faults, &visit);
}

}  // namespace fluence::arith
