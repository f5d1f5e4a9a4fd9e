#include "sim/protect/layer_filters.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sim/arith/engine.h"
#include "sim/core/error.h"
#include "sim/protect/gradient.h"
#include "sim/protect/just_say_zero.h"
#include "sim/protect/median.h"
#include "sim/protect/parts.h"
#include "sim/protect/range.h"
#include "sim/protect/relu_check.h"

namespace fluence::protect {
namespace {

using workloads::Graph;
using workloads::Layer;
using workloads::OpKind;

constexpr std::int64_t kMaxBuffer = std::int64_t{1} << 30;
// Channels that a filter reads twice, and the registers on its way.
constexpr std::int64_t kReadAgain = 2, kStages = 2;

bool gated(const GradientPart& part) {
    return part.gate == GradientPart::Gate::detection;
}

// The tensor that a chain of reshapes ends in.
bool is_last(const Graph& graph, const Layer& layer) {
    TensorId tensor = graph.logits;
    for (auto producer = graph.layers.rbegin(); producer != graph.layers.rend(); ++producer) {
        if (producer->output == tensor && producer->kind == OpKind::flatten) {
            tensor = producer->inputs[0];
        }
    }
    return layer.output == tensor;
}

bool can_detect(const Policy& policy, const Graph& graph, const Layer& layer) {
    return ((policy.checksum || policy.duplication) && layer.has_macs()) ||
           (policy.relu_check && has_relu(graph, layer));
}

std::int64_t calibration_images(const Policy& policy) {
    return policy.gradient        ? policy.gradient->calibration_images
           : policy.just_say_zero ? policy.just_say_zero->calibration_images
                                  : 0;
}

// What the calibration images show of one network under one policy.
class Profiler {
  public:
    Profiler(const Policy& policy, const Graph& graph) : policy_(policy), graph_(graph) {
        for (const Layer& layer : graph.layers) {
            if (policy.gradient) {
                gradients_.emplace_back(policy.gradient->statistics, graph.tensor(layer.output).shape);
            }
        }
        scores_.resize(policy.just_say_zero ? graph.layers.size() : 0);
    }

    void add(const arith::GoldenRun& run) {
        for (std::size_t i = 0; i < graph_.layers.size(); ++i) {
            const Layer& layer = graph_.layers[i];
            if (!filtered(policy_, graph_, layer).any()) {
                continue;
            }
            const workloads::Codes& output = run.tensors[index_of(layer.output)];
            if (policy_.gradient) {
                gradients_[i].add(output);
            } else {
                widen_scores(zero_predicate(policy_.just_say_zero->predicate),
                             graph_.tensor(layer.output).shape, output, scores_[i]);
            }
        }
    }

    FilterTables tables() const {
        FilterTables tables;
        for (std::size_t i = 0; i < gradients_.size(); ++i) {
            const bool used = filtered(policy_, graph_, graph_.layers[i]).any();
            tables.gradient.push_back(used ? gradients_[i].limits(policy_.gradient->threshold) : Limits());
        }
        tables.just_say_zero = scores_;
        return tables;
    }

  private:
    const Policy& policy_;
    const Graph& graph_;
    std::vector<GradientProfile> gradients_;  // by layer
    std::vector<Limits> scores_;
};

nlohmann::json to_json(const std::vector<Limits>& all) {
    nlohmann::json value = nlohmann::json::array();
    for (const Limits& limits : all) {
        value.push_back({limits.lo, limits.hi});
    }
    return value;
}

std::vector<Limits> limits_from(const nlohmann::json& value) {
    std::vector<Limits> all;
    for (const nlohmann::json& limits : value) {
        all.push_back({limits.at(0), limits.at(1)});
    }
    return all;
}

}  // namespace

FilteredLayer filtered(const Policy& policy, const Graph& graph, const Layer& layer) {
    const workloads::TensorInfo& output = graph.tensor(layer.output);
    const bool computes = layer.has_macs() || layer.kind == OpKind::add;
    if (!computes || output.format == workloads::NumberFormat::s32 || is_last(graph, layer)) {
        return {};
    }
    const bool pairs = output.shape.channels >= 2;
    const bool triples = output.shape.channels >= 3;
    FilteredLayer result;
    result.always = (policy.gradient && !gated(*policy.gradient) && pairs) ||
                    ((policy.median || policy.just_say_zero) && triples);
    result.detected = policy.gradient && gated(*policy.gradient) && pairs && can_detect(policy, graph, layer);
    return result;
}

Cycles filter_cycles(const AcceleratorConfig& config, std::int64_t pixels, std::int32_t channels) {
    const std::int64_t lanes = config.vector_unit.lanes;
    return Cycles((pixels + lanes - 1) / lanes * (channels + kReadAgain) + kStages);
}

std::int64_t filter_buffer_bytes(const Policy& policy) {
    return policy.gradient        ? policy.gradient->buffer_bytes
           : policy.median        ? policy.median->buffer_bytes
           : policy.just_say_zero ? policy.just_say_zero->buffer_bytes
                                  : 0;
}

int threshold_bits(const Policy& policy) {
    return policy.gradient ? 2 * kGradientLimitBits : policy.just_say_zero ? kScoreBits : 0;
}

std::int64_t threshold_key(const Policy& policy, const workloads::Shape& output, std::int64_t channel,
                           std::int64_t pixel) {
    return policy.gradient ? gradient_key(policy.gradient->statistics, output, channel, pixel) : channel;
}

std::int32_t first_comparison(const Policy& policy) {
    return policy.gradient ? 0 : 1;
}

bool needs_calibration(const Policy& policy) {
    return calibration_images(policy) > 0;
}

FilterTables filter_tables(const Policy& policy, const workloads::Bundle& bundle,
                           const arith::SumRule& sums) {
    if (!needs_calibration(policy)) {
        return {};
    }
    if (bundle.calibration_count == 0) {
        throw InputError("bundle " + bundle.graph.name, "calibration_images",
                         "is 0, and policy " + policy.name +
                             " profiles the network on them: import the model again with this version");
    }
    const arith::Engine engine(bundle.graph, output_bounds(policy, bundle), sums);
    Profiler profiler(policy, bundle.graph);
    const std::int64_t images = std::min(calibration_images(policy), bundle.calibration_count);
    for (std::int64_t image = 0; image < images; ++image) {
        profiler.add(engine.run(bundle.calibration_image(image)));
    }
    return profiler.tables();
}

std::vector<arith::LayerFilters> layer_filters(const Policy& policy, const Graph& graph,
                                               const FilterTables& tables) {
    std::vector<arith::LayerFilters> filters(graph.layers.size());
    bool any = false;
    for (std::size_t i = 0; i < filters.size(); ++i) {
        const Layer& layer = graph.layers[i];
        const FilteredLayer acts = filtered(policy, graph, layer);
        if (!acts.any()) {
            continue;
        }
        any = true;
        (acts.always ? filters[i].always : filters[i].detected) =
            policy.median          ? median_filter()
            : policy.just_say_zero ? just_say_zero_filter(zero_predicate(policy.just_say_zero->predicate),
                                                          tables.just_say_zero.at(i))
                                   : gradient_filter(tables.gradient.at(i), policy.gradient->statistics,
                                                     graph.tensor(layer.output).shape);
    }
    return any ? filters : std::vector<arith::LayerFilters>();
}

std::string encode(const FilterTables& tables) {
    const std::vector<std::uint8_t> bytes = nlohmann::json::to_cbor(
        nlohmann::json::array({to_json(tables.gradient), to_json(tables.just_say_zero)}));
    return {bytes.begin(), bytes.end()};
}

FilterTables decode_filter_tables(const std::string& bytes) {
    const nlohmann::json value = nlohmann::json::from_cbor(bytes);
    return {limits_from(value.at(0)), limits_from(value.at(1))};
}

std::int64_t parse_calibration_images(JsonObject& object) {
    return object.integer_or("calibration_images", kCalibrationImages, 1, 1'000'000);
}

std::int64_t parse_buffer_bytes(JsonObject& object) {
    return object.integer_or("buffer_bytes", kFilterBufferBytes, 1, kMaxBuffer);
}

// Filters work beside the pipeline, on pixels that are complete.
void time_filter(const PartInfo&, PolicyTiming&, const Policy&) {}

}  // namespace fluence::protect
