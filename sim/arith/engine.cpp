#include "sim/arith/engine.h"

#include <algorithm>

#include "sim/arith/contract.h"
#include "sim/arith/engine_impl.h"

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

Engine::Impl::Impl(Graph graph_in, std::vector<OutputBounds> bounds_in, KernelKind kind, const SumRule& sums,
                   std::vector<LayerFilters> filters_in)
    : graph(std::move(graph_in)),
      bounds(std::move(bounds_in)),
      filters(std::move(filters_in)),
      layers(graph.layers.size()),
      last_reader(last_readers(graph)) {
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
    golden.slack.resize(layers.size());
    golden.pixels.resize(graph.tensors.size());
    golden.window_sums.resize(layers.size());
    golden.tensors[index_of(graph.input)] = image;
    arrange_tensor(graph.input, golden);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const Layer& layer = graph.layers[i];
        Codes& output = golden.tensors[index_of(layer.output)];
        if (layers[i].mac) {
            layers[i].mac->run(golden.tensors[index_of(layer.inputs[0])], bounds_of(i),
                               golden.accumulators[i], golden.slack[i], output);
        } else {
            layers[i].simple->run(golden.tensors, bounds_of(i), golden.window_sums[i], output);
        }
        if (const PixelFilter* filter = filters_of(i).always.get()) {
            golden.unfiltered[i] = output;
            filter_all(*filter, layer_id(i), graph.tensor(layer.output).shape, output);
        }
        arrange_tensor(layer.output, golden);
    }
    return golden;
}

void Engine::Impl::arrange_tensor(TensorId id, GoldenRun& golden) const {
    const workloads::TensorInfo& tensor = graph.tensor(id);
    if (tensor.format == workloads::NumberFormat::s32) {
        return;
    }
    const auto plane = static_cast<std::size_t>(tensor.shape.plane());
    const auto channels = static_cast<std::size_t>(tensor.shape.channels);
    const Codes& codes = golden.tensors[index_of(id)];
    std::vector<std::int16_t>& pixels = golden.pixels[index_of(id)];
    pixels.resize(codes.size());
    constexpr std::size_t kTile = 16;  // a cache line of each channel
    for (std::size_t begin = 0; begin < plane; begin += kTile) {
        const std::size_t end = std::min(begin + kTile, plane);
        for (std::size_t c = 0; c < channels; ++c) {
            for (std::size_t pixel = begin; pixel < end; ++pixel) {
                pixels[pixel * channels + c] = static_cast<std::int16_t>(codes[c * plane + pixel]);
            }
        }
    }
}

// The layer in all of `count` inferences that it concerns.
void Engine::Impl::run_layer(std::size_t index, const GoldenRun& golden, Inference* of, std::size_t count) {
    const Layer& layer = graph.layers[index];
    const Codes& output = golden.tensors[index_of(layer.output)];
    const Codes& unfiltered = golden.unfiltered[index].empty() ? output : golden.unfiltered[index];
    const std::vector<std::int16_t>& pixels = golden.pixels[index_of(layer.output)];
    const bool at_hand = !pixels.empty() && golden.unfiltered[index].empty() && bounds_of(index) == nullptr;
    const std::int16_t* codes = at_hand ? pixels.data() : nullptr;
    steps.clear();
    stepping.clear();
    for (std::size_t i = 0; i < count; ++i) {
        Inference& inference = of[i];
        const LayerFault* fault = inference.fault_in(index);
        if (fault != nullptr || inference.inputs_changed(layer)) {
            take_spare(inference.changes[index_of(layer.output)]);
            steps.push_back({layer_id(index), golden, inference.changes, fault, bounds_of(index), unfiltered,
                             codes, inference.changes[index_of(layer.output)],
                             inference.result.restricted_values, inference.result.filtered_values});
            stepping.push_back(&inference);
        }
    }
    if (layers[index].mac) {
        mac_delta.run(*layers[index].mac, steps);
    } else {
        for (const LayerStep& step : steps) {
            simple_delta.run(*layers[index].simple, step);
        }
    }
    for (std::size_t i = 0; i < steps.size(); ++i) {
        output_stage.run(steps[i], graph.tensor(layer.output).shape, filters_of(index), unfiltered, output);
        account(index, *stepping[i]);
    }
}

void Engine::Impl::account(std::size_t index, Inference& inference) const {
    const Layer& layer = graph.layers[index];
    const Changes& output = inference.changes[index_of(layer.output)];
    if (output.empty()) {
        return;
    }
    const auto number = static_cast<std::int32_t>(index);
    FaultyRun& result = inference.result;
    result.first_changed_layer = result.first_changed_layer < 0 ? number : result.first_changed_layer;
    result.last_changed_layer = number;
    result.changed_values += layer.kind == OpKind::flatten ? 0 : static_cast<std::int64_t>(output.size());
    ++inference.changed_tensors;
}

void Engine::Impl::leave_layer(std::size_t index, Inference& inference) {
    const Layer& layer = graph.layers[index];
    inference.next_fault += inference.fault_in(index) != nullptr ? 1 : 0;
    for (const TensorId id : layer.inputs) {
        if (last_reader[index_of(id)] == index) {
            release(id, inference);
        }
    }
    if (last_reader[index_of(layer.output)] == index) {
        release(layer.output, inference);
    }
}

// Memory goes from tensor to tensor, so that it is still in the cache.
void Engine::Impl::take_spare(Changes& changes) {
    if (changes.capacity() == 0 && !spare.empty()) {
        changes = std::move(spare.back());
        spare.pop_back();
    }
}

void Engine::Impl::release(TensorId id, Inference& inference) {
    Changes& changes = inference.changes[index_of(id)];
    inference.changed_tensors -= changes.empty() ? 0 : 1;
    if (changes.capacity() > 0) {
        changes.clear();
        spare.push_back(std::move(changes));
        changes = Changes();
    }
}

std::vector<ValueChange> Engine::Impl::changes_of(TensorId id, const Inference& inference) const {
    const std::int64_t plane = graph.tensor(id).shape.plane();
    const Changes& changes = inference.changes[index_of(id)];
    std::vector<ValueChange> values;
    values.reserve(changes.size());
    for (const Change& change : changes) {
        values.push_back({change.channel * plane + change.pixel, change.code});
    }
    return values;
}

std::vector<FaultyRun> Engine::Impl::propagate(const GoldenRun& golden,
                                               const std::vector<LayerFault>* const* faults,
                                               std::size_t count, const LayerVisitor* visit) {
    while (inferences.size() < count) {
        inferences.emplace_back(graph.tensors.size());
    }
    std::size_t first = layers.size();
    for (std::size_t i = 0; i < count; ++i) {
        check_faults(graph, *faults[i]);
        inferences[i].faults = faults[i];
        inferences[i].next_fault = 0;
        inferences[i].result = {};
        first = faults[i]->empty() ? first : std::min(first, index_of(faults[i]->front().layer));
    }
    const auto end = inferences.begin() + static_cast<std::ptrdiff_t>(count);
    const auto done = [](const Inference& inference) { return inference.done(); };
    for (std::size_t layer = first; layer < layers.size() && !std::all_of(inferences.begin(), end, done);
         ++layer) {
        run_layer(layer, golden, inferences.data(), count);
        for (std::size_t i = 0; i < count; ++i) {
            const TensorId output = graph.layers[layer].output;
            if (visit != nullptr && !inferences[i].changes[index_of(output)].empty()) {
                (*visit)(layer_id(layer), changes_of(output, inferences[i]));
            }
            leave_layer(layer, inferences[i]);
        }
    }
    std::vector<FaultyRun> results;
    results.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        inferences[i].result.logits = changes_of(graph.logits, inferences[i]);
        release(graph.logits, inferences[i]);
        results.push_back(std::move(inferences[i].result));
    }
    return results;
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
    const std::vector<LayerFault>* one = &faults;
    return std::move(impl_->propagate(golden, &one, 1, nullptr).front());
}

FaultyRun Engine::propagate(const GoldenRun& golden, const std::vector<LayerFault>& faults,
                            const LayerVisitor& visit) {
    const std::vector<LayerFault>* one = &faults;
    return std::move(impl_->propagate(golden, &one, 1, &visit).front());
}

std::vector<FaultyRun> Engine::propagate_many(const GoldenRun& golden,
                                              const std::vector<std::vector<LayerFault>>& inferences) {
    constexpr std::size_t kAtATime = 64;
    std::vector<const std::vector<LayerFault>*> order;
    order.reserve(inferences.size());
    for (const std::vector<LayerFault>& faults : inferences) {
        order.push_back(&faults);
    }
    // Those of one layer together, so that they share as much of the way as they can.
    const auto first_layer = [this](const std::vector<LayerFault>* faults) {
        return faults->empty() ? impl_->layers.size() : index_of(faults->front().layer);
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](const auto* a, const auto* b) { return first_layer(a) < first_layer(b); });
    std::vector<FaultyRun> results(inferences.size());
    for (std::size_t begin = 0; begin < order.size(); begin += kAtATime) {
        const std::size_t count = std::min(kAtATime, order.size() - begin);
        std::vector<FaultyRun> runs = impl_->propagate(golden, order.data() + begin, count, nullptr);
        for (std::size_t i = 0; i < count; ++i) {
            results[static_cast<std::size_t>(order[begin + i] - inferences.data())] = std::move(runs[i]);
        }
    }
    return results;
}

}  // namespace fluence::arith
