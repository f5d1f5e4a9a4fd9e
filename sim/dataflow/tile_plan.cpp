#include "sim/dataflow/tile_plan.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "sim/core/error.h"
#include "sim/dataflow/plan_builder.h"

namespace fluence::dataflow {

PlanBuilder::PlanBuilder(const workloads::Graph& graph, const AcceleratorConfig& config, const MemoryMap& map,
                         const PlanOptions& options)
    : graph_(graph),
      config_(config),
      map_(map),
      options_(options),
      weight_capacity_(half_words(config.weight_buffer)) {
    plan_.layers.resize(graph.layers.size());
}

void PlanBuilder::begin_layer(LayerId id) {
    layer_ = id;
    first_load_ = plan_.loads.size();
    weights_open_ = false;
    held_.clear();
    combiner_.emplace(TensorLayout(graph_, map_, layer().output), map_.activations(layer().output),
                      word_bytes());
    waiting_.reset();
    if (!options_.release.empty() && options_.release[index_of(id)] != Release::at_once) {
        waiting_.emplace(graph_.tensor(layer().output).shape,
                         options_.release[index_of(id)] == Release::complete_layer);
    }
    LayerPlan& entry = plan_.layers[index_of(id)];
    entry.first_fold = static_cast<std::int32_t>(plan_.folds.size());
    entry.first_pass = static_cast<std::int32_t>(plan_.passes.size());
    entry.first_store = static_cast<std::int32_t>(plan_.stores.size());
    if (layer().kind != workloads::OpKind::flatten) {
        kept_ = next_kept_;
        next_kept_ = keeps_output(id) ? layer().output : kNoTensor;
    }
    load_parameters();
}

bool PlanBuilder::one_fill(const workloads::Layer& layer) const {
    if (layer.kind == workloads::OpKind::subsample && layer.groups > 1) {
        return false;  // a load a pass over the shuffled channels
    }
    std::int64_t words = 0;
    for (const TensorId input : layer.inputs) {
        words += map_.activations(input).words;
    }
    return words <= half_words(config_.activation_buffer);
}

bool PlanBuilder::keeps_output(LayerId id) const {
    const auto& layers = graph_.layers;
    std::size_t next = index_of(id) + 1;
    while (next < layers.size() && layers[next].kind == workloads::OpKind::flatten) {
        ++next;
    }
    const TensorId output = graph_.layer(id).output;
    if (!config_.activation_buffer.keep_activations || next == layers.size() ||
        output == stored_tensor(graph_, graph_.logits)) {
        return false;
    }
    std::int64_t readers = 0;
    std::int64_t reads_of_next = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        if (layers[i].kind != workloads::OpKind::flatten) {
            for (const TensorId input : layers[i].inputs) {
                const bool reads = stored_tensor(graph_, input) == output;
                readers += reads ? 1 : 0;
                reads_of_next += reads && i == next ? 1 : 0;
            }
        }
    }
    return readers == 1 && reads_of_next == 1 && one_fill(graph_.layer(id)) && one_fill(layers[next]);
}

traces::Segment PlanBuilder::kept_segment(TensorId stored, const traces::Segment& run,
                                          std::int64_t half) const {
    return {
        run.dram_word,
        half * half_words(config_.activation_buffer) + run.dram_word - map_.activations(stored).first_word,
        run.words};
}

void PlanBuilder::end_layer() {
    LayerPlan& entry = plan_.layers[index_of(layer_)];
    entry.last_fold = static_cast<std::int32_t>(plan_.folds.size());
    entry.last_pass = static_cast<std::int32_t>(plan_.passes.size());
    entry.last_store = static_cast<std::int32_t>(plan_.stores.size());
    entry.unique_words = unique_words();
}

std::int32_t PlanBuilder::add_load(traces::Content content, std::int32_t owner, Memory buffer,
                                   std::vector<traces::Segment> segments) {
    traces::Load load;
    load.layer = layer_;
    load.content = content;
    load.owner = owner;
    load.to_vector_unit = content == traces::Content::parameters;
    load.buffer = buffer;
    load.word_bytes = word_bytes();
    load.bytes_per_cycle = config_.dram.bytes_per_cycle;
    load.segments = std::move(segments);
    plan_.loads.push_back(std::move(load));
    return static_cast<std::int32_t>(plan_.loads.size()) - 1;
}

void PlanBuilder::load_parameters() {
    const Region& region = map_.parameters(layer_);
    if (region.words > 0) {
        plan_.layers[index_of(layer_)].parameter_load =
            add_load(traces::Content::parameters, static_cast<std::int32_t>(layer_), Memory::weight_buffer,
                     {{region.first_word, 0, region.words}});
    }
}

std::int32_t PlanBuilder::fill_activations(const std::vector<Operand>& operands,
                                           std::vector<std::int32_t>& loads) {
    const auto index = static_cast<std::int32_t>(plan_.activation_fills.size());
    BufferFill fill;
    fill.layer = layer_;
    fill.half = index % 2;
    // A kept tensor has the beginning of the half to itself.
    for (const Operand& operand : operands) {
        fill.words += operand.stored == kept_ ? map_.activations(kept_).words : 0;
    }
    loads.clear();
    for (const Operand& operand : operands) {
        if (operand.runs.empty()) {
            loads.push_back(-1);
            continue;
        }
        const bool kept = operand.stored == kept_;
        const std::int64_t word = fill.half * half_words(config_.activation_buffer) + fill.words;
        std::vector<traces::Segment> segments = operand.runs.segments(word);
        if (kept) {
            for (traces::Segment& segment : segments) {
                segment = kept_segment(kept_, segment, fill.half);
            }
        }
        loads.push_back(add_load(traces::Content::activations, static_cast<std::int32_t>(operand.stored),
                                 Memory::activation_buffer, std::move(segments)));
        plan_.loads.back().kept = kept;
        fill.loads.push_back(loads.back());
        fill.words += kept ? 0 : operand.runs.words();
    }
    plan_.activation_fills.push_back(std::move(fill));
    return index;
}

std::int32_t PlanBuilder::fill_weights(const std::vector<WeightRun>& runs) {
    const std::int64_t half = half_words(config_.weight_buffer);
    std::int64_t words = 0;
    std::int64_t missing = 0;
    for (const WeightRun& run : runs) {
        words += run.words;
        missing += held_.count({run.first_word, run.words}) == 0 ? run.words : 0;
    }
    if (words > weight_capacity_) {
        too_small("weight_buffer", config_.weight_buffer, "one fold of weights", words * word_bytes());
    }
    if (!weights_open_ || plan_.weight_fills.back().words + missing > weight_capacity_) {
        BufferFill fill;
        fill.layer = layer_;
        fill.half = static_cast<std::int32_t>(plan_.weight_fills.size() % 2);
        fill.loads = {
            add_load(traces::Content::weights, static_cast<std::int32_t>(layer_), Memory::weight_buffer, {})};
        plan_.weight_fills.push_back(std::move(fill));
        weights_open_ = true;
        held_.clear();
    }
    BufferFill& fill = plan_.weight_fills.back();
    std::vector<traces::Segment>& segments = plan_.loads[static_cast<std::size_t>(fill.loads[0])].segments;
    for (const WeightRun& run : runs) {
        const std::int64_t word = fill.half * half + fill.words;
        if (!held_.try_emplace({run.first_word, run.words}, word).second) {
            continue;
        }
        if (!segments.empty() && segments.back().dram_word + segments.back().words == run.first_word) {
            segments.back().words += run.words;
        } else {
            segments.push_back({run.first_word, word, run.words});
        }
        fill.words += run.words;
    }
    return static_cast<std::int32_t>(plan_.weight_fills.size()) - 1;
}

std::int64_t PlanBuilder::release(const std::vector<Range>& produced) {
    const std::vector<WaitingPixels::Range> pixels = waiting_->produce(produced);
    if (waiting_->most_bytes() > options_.buffer_bytes) {
        throw InputError(options_.policy, "layer_output.buffer_bytes",
                         "is " + std::to_string(options_.buffer_bytes) + ", and the codes of layer \"" +
                             layer().name + "\" that wait for their filter need more",
                         "at least " + std::to_string(waiting_->most_bytes()));
    }
    const workloads::Shape& shape = graph_.tensor(layer().output).shape;
    std::int64_t count = 0;
    for (const WaitingPixels::Range& range : pixels) {
        count += range.last - range.first;
    }
    for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
        for (const WaitingPixels::Range& range : pixels) {
            combiner_->produce(channel * shape.plane() + range.first, channel * shape.plane() + range.last);
        }
    }
    return count;
}

std::int32_t PlanBuilder::add_pass(traces::VectorPass pass, const PassUse& use,
                                   const std::vector<Range>& produced) {
    const auto index = static_cast<std::int32_t>(plan_.passes.size());
    pass.layer = layer_;
    pass.lanes = config_.vector_unit.lanes;
    plan_.passes.push_back(std::move(pass));
    plan_.pass_uses.push_back(use);
    if (waiting_) {
        const std::int64_t pixels = release(produced);
        plan_.pass_uses.back().filtered_pixels = options_.filters_pixels ? pixels : 0;
    } else {
        for (const Range& range : produced) {
            combiner_->produce(range.first, range.last);
        }
    }
    const WordRuns complete = combiner_->take_complete();
    if (!complete.empty()) {
        traces::Store store;
        store.layer = layer_;
        store.tensor = stored_tensor(graph_, layer().output);
        store.word_bytes = word_bytes();
        store.bytes_per_cycle = config_.dram.bytes_per_cycle;
        store.segments = complete.segments(0);
        if (next_kept_ != kNoTensor) {
            LayerPlan& entry = plan_.layers[index_of(layer_)];
            entry.kept_fill = static_cast<std::int32_t>(plan_.activation_fills.size());
            store.to_buffer = true;
            for (traces::Segment& segment : store.segments) {
                segment = kept_segment(store.tensor, segment, entry.kept_fill % 2);
            }
        }
        plan_.pass_uses.back().store = static_cast<std::int32_t>(plan_.stores.size());
        plan_.stores.push_back(std::move(store));
    }
    return index;
}

void PlanBuilder::too_small(const std::string& key, const BufferConfig& buffer, const std::string& piece,
                            std::int64_t bytes) const {
    const std::int64_t unit = buffer.word_bytes();
    const std::int64_t whole = (bytes + unit - 1) / unit * unit;
    throw InputError(config_.name, key + ".bytes",
                     "is " + std::to_string(buffer.size.count()) + ", and " + piece + " of layer \"" +
                         layer().name + "\" needs " + std::to_string(whole) + " in each half",
                     "at least " + std::to_string(2 * whole));
}

std::int64_t PlanBuilder::unique_words() const {
    std::vector<std::pair<std::int64_t, std::int64_t>> runs;
    for (std::size_t i = first_load_; i < plan_.loads.size(); ++i) {
        if (plan_.loads[i].kept) {
            continue;
        }
        for (const traces::Segment& segment : plan_.loads[i].segments) {
            runs.emplace_back(segment.dram_word, segment.dram_word + segment.words);
        }
    }
    std::sort(runs.begin(), runs.end());
    std::int64_t total = 0;
    std::int64_t end = 0;
    for (const auto& [first, last] : runs) {
        total += std::max<std::int64_t>(0, last - std::max(first, end));
        end = std::max(end, last);
    }
    const bool stores = layer().kind != workloads::OpKind::flatten && next_kept_ == kNoTensor;
    return total + (stores ? map_.activations(layer().output).words : 0);
}

namespace {

using PlanLayer = void (*)(PlanBuilder&);

// The DRAM words that a layer with MACs moves by itself, in a plan of its own.
struct LayerWords {
    std::int64_t moved = 0, unique = 0;
};
LayerWords words_of(const workloads::Graph& graph, const AcceleratorConfig& config, const MemoryMap& map,
                    LayerId id, std::int64_t weight_capacity, PlanLayer plan_layer) {
    const PlanOptions plain;  // when codes are stored is no matter of how many
    PlanBuilder builder(graph, config, map, plain);
    builder.limit_weights(weight_capacity);
    builder.begin_layer(id);
    plan_layer(builder);
    builder.end_layer();
    const TilePlan plan = builder.finish();
    LayerWords words{0, plan.layers[index_of(id)].unique_words};
    for (const traces::Load& load : plan.loads) {
        words.moved += load.words();
    }
    for (const traces::Store& store : plan.stores) {
        words.moved += store.to_buffer ? 0 : store.words();
    }
    return words;
}

// What of a half the weights of a layer had best use: where they do not fit together, the borders between
// their loads decide what is loaded again, and a smaller piece of the half may do better than all of it.
// Because half as much is always among the candidates, a buffer of twice the size never moves more.
std::int64_t best_weight_capacity(const workloads::Graph& graph, const AcceleratorConfig& config,
                                  const MemoryMap& map, LayerId id, PlanLayer plan_layer) {
    const std::int64_t half = config.weight_buffer.half().count();
    std::int64_t best = half / map.word_bytes();
    LayerWords least = words_of(graph, config, map, id, best, plan_layer);
    try {
        for (std::int64_t bytes = half / 2; bytes >= map.word_bytes() && least.moved > least.unique;
             bytes /= 2) {
            const std::int64_t capacity = bytes / map.word_bytes();
            const LayerWords words = words_of(graph, config, map, id, capacity, plan_layer);
            if (words.moved < least.moved) {
                least = words;
                best = capacity;
            }
        }
    } catch (const InputError&) {
        // Not even one fold's weights fit so little.
    }
    return best;
}

TilePlan plan_network(const workloads::Graph& graph, const AcceleratorConfig& config, const MemoryMap& map,
                      const PlanOptions& options, PlanLayer plan_mac_layer) {
    PlanBuilder builder(graph, config, map, options);
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        builder.begin_layer(layer_id(i));
        if (builder.layer().has_macs()) {
            builder.limit_weights(best_weight_capacity(graph, config, map, layer_id(i), plan_mac_layer));
            plan_mac_layer(builder);
        } else {
            plan_vector_layer(builder);
        }
        builder.end_layer();
    }
    return builder.finish();
}

}  // namespace

TilePlan plan_weight_stationary(const workloads::Graph& graph, const AcceleratorConfig& config,
                                const MemoryMap& map, const PlanOptions& options) {
    return plan_network(graph, config, map, options, plan_mac_layer_weight_stationary);
}

TilePlan plan_output_stationary(const workloads::Graph& graph, const AcceleratorConfig& config,
                                const MemoryMap& map, const PlanOptions& options) {
    return plan_network(graph, config, map, options, plan_mac_layer_output_stationary);
}

TilePlan plan_input_stationary(const workloads::Graph& graph, const AcceleratorConfig& config,
                               const MemoryMap& map, const PlanOptions& options) {
    return plan_network(graph, config, map, options, plan_mac_layer_input_stationary);
}

std::vector<std::vector<std::int64_t>> fold_ends(const workloads::Graph& graph, const TilePlan& plan) {
    std::vector<std::set<std::int64_t>> ends(graph.layers.size());
    std::vector<std::size_t> folds(graph.layers.size(), 0);
    for (const traces::Fold& fold : plan.folds) {
        ends[index_of(fold.layer)].insert(fold.first_k + fold.terms);
        folds[index_of(fold.layer)] = static_cast<std::size_t>(fold.k_folds);
    }
    std::vector<std::vector<std::int64_t>> all;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        if (ends[i].size() != folds[i]) {
            throw std::logic_error(graph.layers[i].name + ": its blocks are not folded alike");
        }
        all.emplace_back(ends[i].begin(), ends[i].end());
    }
    return all;
}

}  // namespace fluence::dataflow
