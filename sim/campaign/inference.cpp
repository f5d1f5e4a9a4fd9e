#include "sim/campaign/inference.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "sim/accel/child_process.h"
#include "sim/campaign/request.h"
#include "sim/core/error.h"
#include "sim/fault/sum_rule.h"
#include "sim/protect/detection.h"
#include "sim/protect/duplication.h"
#include "sim/protect/range.h"
#include "sim/protect/rerun.h"

namespace fluence::campaign {
namespace {

void apply(const std::vector<arith::ValueChange>& changes, workloads::Codes& codes) {
    for (const arith::ValueChange& change : changes) {
        codes[static_cast<std::size_t>(change.index)] = change.code;
    }
}

}  // namespace

PolicyFlags apply_detectors(const protect::Policy& policy, const workloads::Graph& graph,
                            const AcceleratorConfig& config, fault::Resolution& resolution) {
    PolicyFlags flags;
    flags.corrected = resolution.corrected;
    flags.aborted = resolution.aborted;
    flags.detected = resolution.detected;
    flags.suppressed = resolution.zeroed;
    for (arith::LayerFault& fault : resolution.faults) {
        const protect::DetectionVerdict verdict = protect::apply_detectors(policy, graph, config, fault);
        flags.detected = flags.detected || verdict.detected;
        flags.suppressed = flags.suppressed || verdict.suppressed;
        flags.unrepaired = flags.unrepaired || verdict.unrepaired;
        resolution.recovery_cycles += verdict.recovery.count();
    }
    return flags;
}

Inference conclude(const workloads::Codes& golden_logits, const fault::Resolution& resolution,
                   const PolicyFlags& flags, const arith::FaultyRun& run, int images) {
    Inference result;
    result.flags = flags;
    result.dead = resolution.dead;
    if (flags.aborted) {
        result.dead = fault::DeadReason::none;
        result.outcome = Outcome::due;
        return result;
    }
    result.flags.suppressed = flags.suppressed || run.restricted_values > 0 || run.filtered_values > 0;
    if (result.dead == fault::DeadReason::none && run.changed_values == 0) {
        result.dead = fault::DeadReason::no_effect;
    }
    result.logits = golden_logits;
    apply(run.logits, result.logits);
    result.outcome = classify(golden_logits, result.logits, flags.unrepaired, images);
    return result;
}

std::vector<arith::OutputBounds> policy_bounds(const protect::Policy& policy,
                                               const workloads::Bundle& bundle) {
    std::vector<arith::OutputBounds> bounds = protect::output_bounds(policy, bundle);
    const bool none =
        std::all_of(bounds.begin(), bounds.end(), [](const auto& layer) { return layer.lo.empty(); });
    return none ? std::vector<arith::OutputBounds>() : bounds;
}

protect::FilterTables policy_tables(const protect::Policy& policy, const workloads::Bundle& bundle,
                                    const AcceleratorConfig& config) {
    if (!protect::needs_calibration(policy)) {
        return {};
    }
    return protect::decode_filter_tables(accel::in_child_process([&] {
        return protect::encode(protect::filter_tables(policy, bundle, fault::sum_rule(bundle.graph, config)));
    }));
}

protect::Policy calibrated(const protect::Policy& policy, const workloads::Bundle& bundle,
                           const AcceleratorConfig& config) {
    if (!protect::needs_rerun_calibration(policy)) {
        return protect::with_choices(policy, bundle.graph);
    }
    if (bundle.calibration_count == 0) {
        throw InputError("bundle " + bundle.graph.name, "calibration_images",
                         "is 0, and policy " + policy.name +
                             " takes its threshold from them: import the model again with this version");
    }
    const protect::FilterTables tables = policy_tables(policy, bundle, config);
    const std::string bytes = accel::in_child_process([&] {
        const arith::Engine engine(bundle.graph, policy_bounds(policy, bundle),
                                   fault::sum_rule(bundle.graph, config),
                                   protect::layer_filters(policy, bundle.graph, tables));
        const workloads::TensorInfo& logits = bundle.graph.tensor(bundle.graph.logits);
        nlohmann::json margins = nlohmann::json::array();
        const std::int64_t images =
            std::min(policy.confidence_rerun->calibration_images, bundle.calibration_count);
        for (std::int64_t i = 0; i < images; ++i) {
            const arith::GoldenRun run = engine.run(bundle.calibration_image(i));
            margins.push_back(top2_difference(run.tensors[index_of(bundle.graph.logits)], logits.scale));
        }
        const std::vector<std::uint8_t> coded = nlohmann::json::to_cbor(margins);
        return std::string(coded.begin(), coded.end());
    });
    return protect::with_calibrated_confidence(protect::with_choices(policy, bundle.graph),
                                               nlohmann::json::from_cbor(bytes).get<std::vector<double>>());
}

std::vector<double> mean_output_codes(const workloads::Bundle& bundle, const arith::SumRule& sums,
                                      std::int64_t images) {
    const arith::Engine engine(bundle.graph, {}, sums);
    std::vector<double> means(bundle.graph.layers.size(), 0);
    for (std::int64_t i = 0; i < images; ++i) {
        const arith::GoldenRun run = engine.run(bundle.calibration_image(i));
        for (std::size_t layer = 0; layer < means.size(); ++layer) {
            const workloads::Codes& codes = run.tensors[index_of(bundle.graph.layers[layer].output)];
            const auto sum = std::accumulate(codes.begin(), codes.end(), std::int64_t{0});
            means[layer] += static_cast<double>(sum) / static_cast<double>(codes.size());
        }
    }
    for (double& mean : means) {
        mean /= static_cast<double>(images);
    }
    return means;
}

TracedInference execute(const protect::Policy& policy, const workloads::Graph& graph,
                        const AcceleratorConfig& config, fault::Resolution resolution, arith::Engine& engine,
                        const arith::GoldenRun& golden, bool trace) {
    TracedInference run;
    run.resolution = std::move(resolution);
    const PolicyFlags flags = apply_detectors(policy, graph, config, run.resolution);
    const std::vector<arith::LayerFault>& faults = run.resolution.faults;
    if (!flags.aborted && !faults.empty()) {
        const auto note = [&run](LayerId layer, const std::vector<arith::ValueChange>& values) {
            run.layers.push_back({layer, values});
        };
        run.run = trace ? engine.propagate(golden, faults, note) : engine.propagate(golden, faults);
    }
    run.result =
        conclude(golden.tensors[index_of(graph.logits)], run.resolution, flags, run.run, graph.images());
    return run;
}

InferenceRunner::InferenceRunner(const workloads::Graph& graph, const AcceleratorConfig& config,
                                 const protect::Policy& policy, const traces::Timeline& timeline,
                                 std::vector<arith::OutputBounds> bounds, const workloads::Codes& image,
                                 std::vector<arith::LayerFilters> filters)
    : graph_(graph),
      config_(config),
      policy_(policy),
      timeline_(timeline),
      bounds_(std::move(bounds)),
      resolver_(graph, config, policy, timeline, &bounds_),
      engine_(graph, bounds_, fault::sum_rule(graph, config), std::move(filters)),
      golden_(engine_.run(image)) {}

const workloads::Codes& InferenceRunner::golden_logits() const {
    return golden_.tensors[index_of(graph_.logits)];
}

TracedInference InferenceRunner::run(const std::vector<fault::Upset>& upsets) {
    return finish(upsets, run_once(upsets_of_first_run(policy_, timeline_, upsets)));
}

TracedInference InferenceRunner::finish(const std::vector<fault::Upset>& upsets, TracedInference first) {
    const RequestMachine machine = {policy_, graph_, config_, timeline_, resolver_, golden_logits()};
    return finish_request(machine, upsets, std::move(first),
                          [this](const std::vector<fault::Upset>& strikes) { return run_once(strikes); });
}

// As campaigns do, so that a recorded fault is judged by what judged it.
TracedInference InferenceRunner::run_once(const std::vector<fault::Upset>& upsets) {
    return execute(policy_, graph_, config_, resolver_.resolve(upsets, golden_, engine_), engine_, golden_,
                   true);
}

std::vector<workloads::Codes> InferenceRunner::tensors_of(const TracedInference& inference) const {
    std::vector<workloads::Codes> tensors = golden_.tensors;
    for (const LayerChanges& changes : inference.layers) {
        apply(changes.values, tensors[index_of(graph_.layer(changes.layer).output)]);
    }
    return tensors;
}

}  // namespace fluence::campaign
