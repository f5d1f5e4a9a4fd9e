// What the planners of layers with and without MACs share: appending loads, fills, passes and stores.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "sim/dataflow/tile_plan.h"
#include "sim/dataflow/waiting_pixels.h"
#include "sim/dataflow/word_runs.h"
#include "sim/dataflow/write_combiner.h"

namespace fluence::dataflow {

class PlanBuilder {
  public:
    // Keeps references.
    PlanBuilder(const workloads::Graph& graph, const AcceleratorConfig& config, const MemoryMap& map,
                const PlanOptions& options);

    void begin_layer(LayerId id);
    void end_layer();

    const workloads::Graph& graph() const { return graph_; }
    const AcceleratorConfig& config() const { return config_; }
    const MemoryMap& map() const { return map_; }
    TilePlan& plan() { return plan_; }
    LayerId layer_id() const { return layer_; }
    const workloads::Layer& layer() const { return graph_.layer(layer_); }
    int word_bytes() const { return map_.word_bytes(); }
    std::int64_t half_words(const BufferConfig& buffer) const {
        return buffer.half().count() / buffer.word_bytes();
    }

    // Words of weights that one fill may hold: one half of the weight buffer, or less.
    std::int64_t weight_capacity() const { return weight_capacity_; }
    void limit_weights(std::int64_t words) { weight_capacity_ = words; }

    // The next fill of the activation buffer with the runs of these tensors (empty runs: no load).
    // Returns its index; `loads` receives one load index an entry, −1 where there is none.
    struct Operand {
        TensorId stored{};
        WordRuns runs;
    };
    std::int32_t fill_activations(const std::vector<Operand>& operands, std::vector<std::int32_t>& loads);
    // The weight fill that holds all of `runs` (what one fold needs): the present one, the present one grown
    // by what it lacks, or the next one.
    struct WeightRun {
        std::int64_t first_word = 0, words = 0;  // in DRAM
    };
    std::int32_t fill_weights(const std::vector<WeightRun>& runs);
    // Where a run of the present fill lies in the weight buffer.
    std::int64_t weight_word(const WeightRun& run) const { return held_.at({run.first_word, run.words}); }

    // Appends the pass, its store of the words that become whole, and returns the pass's index.
    // `produced`: flat element ranges of the output.
    using Range = WaitingPixels::Range;
    std::int32_t add_pass(traces::VectorPass pass, const PassUse& use, const std::vector<Range>& produced);

    // Throws: `bytes` of the layer's least piece do not fit one half of the buffer named `key`.
    [[noreturn]] void too_small(const std::string& key, const BufferConfig& buffer, const std::string& piece,
                                std::int64_t bytes) const;

    TilePlan finish() { return std::move(plan_); }

  private:
    std::int32_t add_load(traces::Content content, std::int32_t owner, Memory buffer,
                          std::vector<traces::Segment> segments);
    void load_parameters();
    // Codes that wait for a filter: how many pixels the pass completes, whose words it stores.
    std::int64_t release(const std::vector<Range>& produced);
    std::int64_t unique_words() const;
    // All inputs of the layer fit one half of the activation buffer together: it has one fill.
    bool one_fill(const workloads::Layer& layer) const;
    // The output of the layer stays in the activation buffer: only the next layer reads it, that layer finds
    // all its inputs in one half, and this one needs the other half alone.
    bool keeps_output(LayerId id) const;
    traces::Segment kept_segment(TensorId stored, const traces::Segment& run, std::int64_t half) const;

    const workloads::Graph& graph_;
    const AcceleratorConfig& config_;
    const MemoryMap& map_;
    const PlanOptions& options_;
    TilePlan plan_;
    LayerId layer_{};
    std::int64_t weight_capacity_;
    std::size_t first_load_ = 0;  // of the layer
    bool weights_open_ = false;   // the last weight fill belongs to this layer
    // The runs it holds: first DRAM word and words → word of the buffer.
    std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> held_;
    std::optional<WriteCombiner> combiner_;
    std::optional<WaitingPixels> waiting_;  // where codes of the layer wait
    static constexpr TensorId kNoTensor{-1};
    TensorId kept_ = kNoTensor;       // the input of the layer that lies in the activation buffer
    TensorId next_kept_ = kNoTensor;  // its output, where that stays there
};

// Append the layer that the builder is at: one without MACs, and one with MACs under a dataflow.
void plan_vector_layer(PlanBuilder& builder);
void plan_mac_layer_weight_stationary(PlanBuilder& builder);
void plan_mac_layer_output_stationary(PlanBuilder& builder);
void plan_mac_layer_input_stationary(PlanBuilder& builder);

}  // namespace fluence::dataflow
