// Inferences that are carried on layer by layer. What a policy makes of a fault is often what the one before
// it made: walks that were given the same faults on the same image so far are not computed again.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "sim/arith/contract.h"
#include "sim/arith/engine_impl.h"

namespace fluence::arith {
namespace {

bool same(const AccumulatorDelta& a, const AccumulatorDelta& b) {
    return a.index == b.index && a.delta == b.delta;
}
bool same(const OperandChange& a, const OperandChange& b) {
    return a.input == b.input && a.element == b.element && a.code == b.code &&
           a.first_output == b.first_output && a.last_output == b.last_output;
}
bool same(const ParameterChange& a, const ParameterChange& b) {
    return a.parameter == b.parameter && a.index == b.index && a.value == b.value;
}
bool same(const OutputFlip& a, const OutputFlip& b) {
    return a.index == b.index && a.mask == b.mask;
}
bool same(const DisturbedOutput& a, const DisturbedOutput& b) {
    return a.index == b.index && a.zeroed == b.zeroed && a.shift == b.shift;
}
bool same(const RestrictedOutput& a, const RestrictedOutput& b) {
    return a.index == b.index && a.code == b.code;
}
bool same(const ThresholdFlip& a, const ThresholdFlip& b) {
    return a.pixel == b.pixel && a.first == b.first && a.last == b.last && a.mask == b.mask;
}
bool same(const ForcedOutput& a, const ForcedOutput& b) {
    return a.index == b.index && a.code == b.code;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const T& x, const T& y) { return same(x, y); });
}

// In all that the engine looks at.
bool same(const LayerFault& a, const LayerFault& b) {
    return a.layer == b.layer && same(a.accumulators, b.accumulators) && same(a.operands, b.operands) &&
           same(a.parameters, b.parameters) && same(a.outputs, b.outputs) && same(a.disturbed, b.disturbed) &&
           same(a.restricted, b.restricted) && same(a.thresholds, b.thresholds) &&
           a.filter_outputs == b.filter_outputs && same(a.forced, b.forced);
}

}  // namespace

// Walked before, as far as layer `reached`, with all that strikes up to there.
bool Engine::Impl::Trail::leads(const std::vector<LayerFault>& given, std::size_t end) const {
    const auto behind = std::find_if(faults.begin(), faults.end(),
                                     [end](const LayerFault& fault) { return index_of(fault.layer) >= end; });
    return end <= reached && std::equal(faults.begin(), behind, given.begin(), given.end(),
                                        [](const LayerFault& a, const LayerFault& b) { return same(a, b); });
}

struct Engine::Walk::State {
    explicit State(Impl& of) : impl(of), inference(of.graph.tensors.size()) {
        inference.faults = &trail.faults;
    }
    const Codes& image_of(const GoldenRun& golden) const {
        return golden.tensors[index_of(impl.graph.input)];
    }
    // Takes what an earlier walk found in the layers in front of `end`; false: none went this way.
    bool follow(const GoldenRun& golden, std::size_t end);
    void compute(const GoldenRun& golden, std::size_t end);

    Impl& impl;
    Impl::Trail trail;          // of this walk
    Impl::Inference inference;  // in front of layer `computed`; 0: all was followed so far
    std::size_t computed = 0;
};

Engine::Walk::Walk(Engine& engine, const GoldenRun& golden)
    : engine_(engine), golden_(golden), state_(std::make_unique<State>(*engine.impl_)) {}

Engine::Walk::~Walk() {
    Impl& impl = *engine_.impl_;
    for (std::size_t tensor = 0; tensor < state_->inference.changes.size(); ++tensor) {
        impl.release(tensor_id(tensor), state_->inference);
    }
    if (state_->computed > 0) {
        state_->trail.image = state_->image_of(golden_);
        impl.trails[impl.next_trail] = std::move(state_->trail);
        impl.next_trail = (impl.next_trail + 1) % impl.trails.size();
    }
}

void Engine::Walk::add(LayerFault fault) {
    const std::size_t layer = index_of(fault.layer);
    std::vector<LayerFault>& faults = state_->trail.faults;
    if (layer < state_->trail.reached || (!faults.empty() && index_of(faults.back().layer) >= layer)) {
        throw std::invalid_argument("faults: struck behind the layer");
    }
    check_layer_fault(engine_.impl_->graph, fault);
    faults.push_back(std::move(fault));
}

void Engine::Walk::advance(std::size_t end, const LayerVisitor& visit) {
    Impl::Trail& own = state_->trail;
    const auto first = own.visits.size();
    if (end <= own.reached) {
        return;
    }
    if (!state_->follow(golden_, end)) {
        state_->compute(golden_, end);
    }
    own.reached = end;
    for (std::size_t i = first; i < own.visits.size(); ++i) {
        visit(own.visits[i].first, own.visits[i].second);
    }
}

bool Engine::Walk::State::follow(const GoldenRun& golden, std::size_t end) {
    if (computed > 0) {
        return false;
    }
    for (const Impl::Trail& known : impl.trails) {
        if (known.leads(trail.faults, end) && known.image == image_of(golden)) {
            for (const auto& [layer, changes] : known.visits) {
                if (index_of(layer) >= trail.reached && index_of(layer) < end) {
                    trail.visits.emplace_back(layer, changes);
                }
            }
            return true;
        }
    }
    return false;
}

void Engine::Walk::State::compute(const GoldenRun& golden, std::size_t end) {
    for (; computed < end && !inference.done(); ++computed) {
        impl.run_layer(computed, golden, &inference, 1);
        const TensorId output = impl.graph.layers[computed].output;
        // What lies in front of `reached` was followed.
        if (computed >= trail.reached && !inference.changes[index_of(output)].empty()) {
            trail.visits.emplace_back(layer_id(computed), impl.changes_of(output, inference));
        }
        impl.leave_layer(computed, inference);
    }
    computed = end;
}

}  // namespace fluence::arith
