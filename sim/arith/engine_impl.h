// What an Engine is made of; for engine.cpp and walk.cpp alone.
#pragma once

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "sim/arith/change.h"
#include "sim/arith/engine.h"
#include "sim/arith/mac_delta.h"
#include "sim/arith/mac_layer.h"
#include "sim/arith/output_stage.h"
#include "sim/arith/simple_layer.h"

namespace fluence::arith {

struct Engine::Impl {
    Impl(workloads::Graph graph_in, std::vector<OutputBounds> bounds_in, KernelKind kind, const SumRule& sums,
         std::vector<LayerFilters> filters_in);

    GoldenRun run(const Codes& image) const;
    std::vector<FaultyRun> propagate(const GoldenRun& golden, const std::vector<LayerFault>* const* faults,
                                     std::size_t count, const LayerVisitor* visit);

    const OutputBounds* bounds_of(std::size_t layer) const {
        return bounds.empty() || bounds[layer].lo.empty() ? nullptr : &bounds[layer];
    }
    const LayerFilters& filters_of(std::size_t layer) const {
        return filters.empty() ? no_filters : filters[layer];
    }

    // One faulty inference on its way through the layers.
    struct Inference {
        explicit Inference(std::size_t tensors) : changes(tensors) {}
        std::vector<Changes> changes;  // by tensor; empty between calls
        int changed_tensors = 0;       // tensors with changes that a later layer reads
        const std::vector<LayerFault>* faults = nullptr;
        std::size_t next_fault = 0;
        FaultyRun result;

        bool done() const { return changed_tensors == 0 && next_fault == faults->size(); }
        const LayerFault* fault_in(std::size_t layer) const {
            return next_fault < faults->size() && index_of((*faults)[next_fault].layer) == layer
                       ? &(*faults)[next_fault]
                       : nullptr;
        }
        bool inputs_changed(const workloads::Layer& layer) const {
            return std::any_of(layer.inputs.begin(), layer.inputs.end(),
                               [&](TensorId id) { return !changes[index_of(id)].empty(); });
        }
    };
    void arrange_tensor(TensorId id, GoldenRun& golden) const;
    void run_layer(std::size_t index, const GoldenRun& golden, Inference* of, std::size_t count);
    void account(std::size_t index, Inference& inference) const;
    void leave_layer(std::size_t index, Inference& inference);
    void take_spare(Changes& changes);
    void release(TensorId id, Inference& inference);
    std::vector<ValueChange> changes_of(TensorId id, const Inference& inference) const;

    struct Prepared {
        std::optional<MacLayer> mac;  // one of the two
        std::optional<SimpleLayer> simple;
    };

    const workloads::Graph graph;
    const std::vector<OutputBounds> bounds;
    const std::vector<LayerFilters> filters;
    const LayerFilters no_filters;
    std::vector<Prepared> layers;
    std::vector<std::size_t> last_reader;

    std::vector<Inference> inferences;  // reused from call to call
    std::vector<Changes> spare;         // empty, with memory; the last one was used last
    std::vector<LayerStep> steps;
    std::vector<Inference*> stepping;
    MacDelta mac_delta;
    SimpleDelta simple_delta;
    OutputStage output_stage;

    // What a walk found in the layers in front of `reached`.
    struct Trail {
        Codes image;
        std::vector<LayerFault> faults;
        std::size_t reached = 0;
        std::vector<std::pair<LayerId, std::vector<ValueChange>>> visits;
        // Whether an inference on the image that is struck by `given` finds the same in front of layer `end`.
        bool leads(const std::vector<LayerFault>& given, std::size_t end) const;
    };
    std::array<Trail, 3> trails;  // of the last walks that were computed
    std::size_t next_trail = 0;
};

}  // namespace fluence::arith
