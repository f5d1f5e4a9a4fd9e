#include "tests/fault/schedule.h"

#include <algorithm>
#include <array>
#include <vector>

#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/space_time.h"
#include "sim/dataflow/tile_plan.h"

namespace fluence::test {
namespace {

using traces::Cycle;

class Scheduler {
  public:
    Scheduler(const workloads::Graph& graph, const AcceleratorConfig& config, const protect::Policy& policy,
              RandomStream& random)
        : graph_(graph),
          config_(config),
          random_(random),
          array_(config.array),
          map_(graph, config),
          plan_(dataflow::plan_weight_stationary(graph, config, map_, {})),
          timing_(protect::timing_of(policy)),
          stored_(graph.tensors.size(), 0),
          weights_issued_(plan_.weight_fills.size(), false),
          activations_issued_(plan_.activation_fills.size(), false) {}

    traces::Timeline run() {
        for (std::size_t l = 0; l < graph_.layers.size(); ++l) {
            const dataflow::LayerPlan& layer = plan_.layers[l];
            if (layer.parameter_load >= 0) {
                issue(layer.parameter_load, 0);
                parameters_ready_ = at(plan_.loads, layer.parameter_load).done();
            }
            if (!graph_.layers[l].has_macs()) {
                for (std::int32_t p = layer.first_pass; p < layer.last_pass; ++p) {
                    vector_pass(p);
                }
            } else {
                for (std::int32_t f = layer.first_fold; f < layer.last_fold; ++f) {
                    fold(f);
                    const std::int32_t pass = at(plan_.fold_uses, f).pass;
                    if (at(plan_.pass_uses, pass).last_fold == f) {
                        drain(pass, f);
                    }
                }
            }
        }
        traces::Timeline timeline;
        timeline.cycles = end_ + 1 + pause();
        timeline.decode_cycles = timing_.decode_cycles;
        timeline.loads = std::move(plan_.loads);
        timeline.stores = std::move(plan_.stores);
        timeline.folds = std::move(plan_.folds);
        timeline.passes = std::move(plan_.passes);
        return timeline;
    }

  private:
    template <class T>
    static T& at(std::vector<T>& values, std::int32_t index) {
        return values.at(static_cast<std::size_t>(index));
    }
    Cycle pause() { return random_.below(3) == 0 ? static_cast<Cycle>(random_.below(7)) : 0; }
    int decode(Memory memory) const { return timing_.decode_cycles[index_of(memory)]; }

    void issue(std::int32_t index, Cycle earliest) {
        traces::Load& load = at(plan_.loads, index);
        load.begin = std::max(dma_free_, earliest) + pause();
        load.latency = config_.dram.latency.count() + decode(Memory::dram);
        dma_free_ = load.read_cycle(load.words() - 1) + 1;
        end_ = std::max(end_, load.done());
    }

    // Issues the fill's loads when its turn has come; the cycle in which all of it can be read.
    Cycle fill(const dataflow::BufferFill& fill, bool issued, const std::array<Cycle, 2>& half_free) {
        Cycle ready = 0;
        for (const std::int32_t id : fill.loads) {
            const traces::Load& load = at(plan_.loads, id);
            if (!issued) {
                Cycle earliest = half_free[static_cast<std::size_t>(fill.half)];
                if (load.content == traces::Content::activations) {
                    earliest = std::max(earliest, stored_[static_cast<std::size_t>(load.owner)]);
                }
                issue(id, earliest);
            }
            ready = std::max(ready, load.done());
        }
        return ready;
    }
    Cycle activations(std::int32_t index) {
        const bool issued = activations_issued_[static_cast<std::size_t>(index)];
        activations_issued_[static_cast<std::size_t>(index)] = true;
        return fill(at(plan_.activation_fills, index), issued, activation_half_free_);
    }

    void fold(std::int32_t index) {
        traces::Fold& f = at(plan_.folds, index);
        const dataflow::FoldUse& use = at(plan_.fold_uses, index);
        const auto weight_fill = static_cast<std::size_t>(use.weight_fill);
        const Cycle weights =
            fill(plan_.weight_fills[weight_fill], weights_issued_[weight_fill], weight_half_free_);
        weights_issued_[weight_fill] = true;
        const Cycle inputs = activations(use.activation_fill);

        f.preload = weights + 1 + decode(Memory::weight_buffer);
        if (last_ != nullptr) {
            f.preload = std::max(f.preload, array_.preload_after(*last_));
        }
        f.preload += pause();
        f.stream =
            std::max(array_.stream_after_preload(f.preload), inputs + 1 + decode(Memory::activation_buffer));
        if (last_ != nullptr) {
            f.stream = std::max(f.stream, array_.stream_after(*last_, array_.steps(f)));
        }
        if (f.k_fold > 0) {  // the fold before has written what this one adds to
            f.stream = std::max(f.stream, last_->stream + 1 + decode(Memory::output_buffer));
        } else {
            f.stream = std::max(f.stream, output_half_free_[output_half(f.accumulator)]);
        }
        f.stream += pause();
        f.end = array_.fold_end(f, timing_.checksum_column);
        const auto weight_half = static_cast<std::size_t>(plan_.weight_fills[weight_fill].half);
        weight_half_free_[weight_half] = f.preload + config_.array.rows;
        const auto half = static_cast<std::size_t>(at(plan_.activation_fills, use.activation_fill).half);
        activation_half_free_[half] = f.stream + f.pixels + config_.array.rows;
        end_ = std::max(end_, f.end);
        last_ = &f;
    }

    std::size_t output_half(std::int64_t accumulator) const {
        return accumulator * 4 >= config_.output_buffer.half().count() ? 1 : 0;
    }

    // `source`: what the pass reads.
    void begin_pass(traces::VectorPass& pass, Memory source, Cycle earliest) {
        pass.begin = std::max({earliest, vector_free_, parameters_ready_}) + pause();
        vector_free_ = pass.read_cycle(pass.elements - 1) + 1;
        pass.end = vector_free_ + decode(source) + config_.vector_unit.pipeline_depth.count() +
                   timing_.vector_pipeline.count();
        end_ = std::max(end_, pass.end);
    }

    void drain(std::int32_t index, std::int32_t last_fold) {
        traces::VectorPass& pass = at(plan_.passes, index);
        begin_pass(pass, Memory::output_buffer, at(plan_.folds, last_fold).end);
        output_half_free_[output_half(pass.accumulator)] = vector_free_;
        store(index);
    }

    void vector_pass(std::int32_t index) {
        traces::VectorPass& pass = at(plan_.passes, index);
        const std::int32_t fill = at(plan_.pass_uses, index).activation_fill;
        begin_pass(pass, Memory::activation_buffer, fill >= 0 ? activations(fill) : 0);
        if (fill >= 0) {
            activation_half_free_[static_cast<std::size_t>(at(plan_.activation_fills, fill).half)] =
                vector_free_;
        }
        store(index);
    }

    void store(std::int32_t pass) {
        const std::int32_t index = at(plan_.pass_uses, pass).store;
        if (index < 0) {
            return;
        }
        traces::Store& store = at(plan_.stores, index);
        store.begin = std::max(dma_free_, at(plan_.passes, pass).end) + pause();
        store.latency = config_.dram.latency.count();
        dma_free_ = store.begin + (store.words() - 1) * store.word_bytes / store.bytes_per_cycle + 1;
        stored_[index_of(store.tensor)] = std::max(stored_[index_of(store.tensor)], store.done());
        end_ = std::max(end_, store.done());
    }

    const workloads::Graph& graph_;
    const AcceleratorConfig& config_;
    RandomStream& random_;
    dataflow::SpaceTimeMap array_;
    dataflow::MemoryMap map_;
    dataflow::TilePlan plan_;
    protect::PolicyTiming timing_;
    std::vector<Cycle> stored_;  // by tensor: edge by which it is in DRAM
    std::vector<bool> weights_issued_, activations_issued_;
    std::array<Cycle, 2> weight_half_free_{}, activation_half_free_{}, output_half_free_{};
    Cycle dma_free_ = 0, vector_free_ = 0, parameters_ready_ = 0, end_ = 0;
    const traces::Fold* last_ = nullptr;
};

}  // namespace

traces::Timeline random_schedule(const workloads::Graph& graph, const AcceleratorConfig& config,
                                 const protect::Policy& policy, RandomStream& random) {
    return Scheduler(graph, config, policy, random).run();
}

}  // namespace fluence::test
