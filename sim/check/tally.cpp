#include "sim/check/tally.h"

#include <algorithm>
#include <set>

#include "sim/core/error.h"

namespace fluence::check {
namespace {

std::string array_name(const ArrayConfig& array) {
    return array.dataflow + (array.control == ArrayControl::travelling ? ", travelling control" : "");
}

void add_array_features(const ArrayConfig& array, std::set<std::string>& features) {
    features.insert("dataflow " + array_name(array));
    features.insert(array.operand_register == OperandRegister::input ? "operand registers at the input"
                                                                     : "operand registers at the output");
    const auto when = [&features](bool holds, const char* name) {
        if (holds) {
            features.insert(name);
        }
    };
    when(array.shadow_weights, "shadow registers");
    when(array.preload == Preload::serial, "serial preload");
    when(array.multiplier_stages > 0, "multiplier stages");
    when(array.accumulator_stages > 1, "accumulator stages");
    when(array.drain == Drain::shift && array.dataflow_kind() == DataflowKind::output_stationary,
         "drain by shifting");
    when(array.skew == Skew::internal, "internal skew");
    when(array.partial_folds == PartialFolds::full, "full partial folds");
    when(array.operand_bits > 8, "wide operand registers");
    when(array.accumulator_bits < 32, "narrow sums");
    when(array.overflow == Overflow::saturate, "saturating sums");
    when(array.fold_overhead.count() > 0, "fold overhead");
}

void add_memory_features(const AcceleratorConfig& config, std::set<std::string>& features) {
    features.insert("words of " + std::to_string(config.dram.word_bits) + " bits");
    features.insert("accumulator words of " + std::to_string(config.output_buffer.word_bits) + " bits");
    const auto when = [&features](bool holds, const char* name) {
        if (holds) {
            features.insert(name);
        }
    };
    when(config.activation_buffer.keep_activations, "activations kept on chip");
    when(config.dram.row_bytes > 0, "DRAM rows");
    when(config.dram.burst_bytes > 0, "DRAM bursts");
    for (const BufferConfig* buffer :
         {&config.weight_buffer, &config.activation_buffer, &config.output_buffer}) {
        when(buffer->banks == 1, "one bank");
        when(buffer->ports == 2, "two ports");
    }
}

void add_policy_features(const protect::Policy& policy, std::set<std::string>& features) {
    for (const Memory memory : kMemories) {
        const protect::MemoryPart& part = policy.memory[index_of(memory)];
        if (part.code == "none") {
            continue;
        }
        features.insert("code " + part.code);
        const char* action = part.on_due == protect::DueAction::zero        ? "zero"
                             : part.on_due == protect::DueAction::refetch   ? "refetch"
                             : part.on_due == protect::DueAction::recompute ? "recompute"
                                                                            : "abort";
        features.insert(std::string("on uncorrectable errors: ") + action);
        if (part.scrub_period.count() > 0) {
            features.insert("scrubbing");
        }
    }
    for (const protect::RegisterPart& part : policy.registers) {
        if (part.code != "none") {
            features.insert("PE registers: " + part.code);
        }
    }
    if (policy.selective_ecc) {
        features.insert(policy.selective_ecc->weight_buffer ? "selective ECC, weight buffer too"
                                                            : "selective ECC of DRAM");
        if (policy.memory[index_of(Memory::dram)].scrub_period.count() > 0) {
            features.insert("scrubbing of selective ECC");
        }
    }
    if (policy.checksum) {
        features.insert(policy.zero ? "checksum, zero on detection" : "checksum");
    }
    if (policy.duplication) {
        features.insert(policy.zero ? "duplicated filters, zero on detection" : "duplicated filters");
    }
    if (policy.range) {
        features.insert(policy.range->mode == protect::RangePart::Mode::zero
                            ? "range restriction to zero"
                            : "range restriction by clamping");
    }
    const auto when = [&features](bool holds, const char* name) {
        if (holds) {
            features.insert(name);
        }
    };
    when(policy.ppe.has_value(), "protected PEs");
    when(policy.ppe && !policy.ppe->schedule.empty(), "protected PEs, by a schedule");
    when(policy.relu_check.has_value(), "ReLU check");
    when(policy.median.has_value(), "median");
    when(policy.just_say_zero.has_value(), "just say zero");
    const bool always = policy.gradient && policy.gradient->gate == protect::GradientPart::Gate::always;
    when(policy.gradient && always, "gradient suppression, always");
    when(policy.gradient && !always, "gradient suppression on detection");
    when(policy.confidence_rerun.has_value(), "run again on low confidence");
    when(policy.temporal_dmr.has_value(), "temporal DMR");
    when(policy.due_rerun.has_value(), "run again on uncorrectable errors");
}

std::string layer_feature(const workloads::Layer& layer) {
    return std::string("layer ") + name_of(layer.kind) + (layer.groups > 1 ? ", grouped" : "");
}

void add_counts(Tally::Counts& to, const Tally::Counts& from) {
    for (const auto& [name, count] : from) {
        to[name] += count;
    }
}

}  // namespace

void Tally::add_machine(const Setup& setup) {
    ++machines;
    std::set<std::string> names;
    add_array_features(setup.config.array, names);
    add_memory_features(setup.config, names);
    add_policy_features(setup.policy, names);
    if (setup.graph.images() > 1) {
        names.insert("batch of " + std::to_string(setup.graph.images()));
    }
    for (const workloads::Layer& layer : setup.graph.layers) {
        names.insert(layer_feature(layer));
    }
    for (const std::string& name : names) {
        ++features[name];
    }
}

void Tally::add_case(const Setup& setup, const UpsetList& list, const Verdict& verdict) {
    ++cases;
    upsets += static_cast<std::int64_t>(list.size());
    mismatches += verdict.difference.empty() ? 0 : 1;
    auto& by_site = sites[array_name(setup.config.array)];
    for (const traces::Upset& upset : list) {
        const char* reason = verdict.dead == fault::DeadReason::none ? "live" : name_of(verdict.dead);
        ++by_site[name_of(upset.site)][list.size() == 1 ? reason : "with others"];
    }
    ++outcomes[name_of(verdict.outcome)];
    const auto when = [this](bool holds, const char* name) { outcomes[name] += holds ? 1 : 0; };
    when(verdict.flags.corrected, "corrected");
    when(verdict.flags.detected, "detected");
    when(verdict.flags.suppressed, "suppressed");
    when(verdict.flags.unrepaired, "unrepaired");
    when(verdict.flags.aborted, "aborted");
    when(verdict.recovered, "recovered");
    when(verdict.runs > 1, "run again");
    when(std::any_of(list.begin(), list.end(),
                     [](const traces::Upset& upset) { return upset.held != traces::Held::no; }),
         "with held bits");
}

void Tally::add(const Tally& other) {
    cases += other.cases;
    machines += other.machines;
    upsets += other.upsets;
    mismatches += other.mismatches;
    refused += other.refused;
    for (const auto& [array, by_site] : other.sites) {
        for (const auto& [site, counts] : by_site) {
            add_counts(sites[array][site], counts);
        }
    }
    add_counts(outcomes, other.outcomes);
    add_counts(features, other.features);
}

nlohmann::json to_json(const Tally& tally) {
    return {{"cases", tally.cases},           {"machines", tally.machines}, {"upsets", tally.upsets},
            {"mismatches", tally.mismatches}, {"refused", tally.refused},   {"sites", tally.sites},
            {"outcomes", tally.outcomes},     {"features", tally.features}};
}

Tally parse_tally(const nlohmann::json& value, const std::string& file) {
    try {
        Tally tally;
        value.at("cases").get_to(tally.cases);
        value.at("machines").get_to(tally.machines);
        value.at("upsets").get_to(tally.upsets);
        value.at("mismatches").get_to(tally.mismatches);
        value.at("refused").get_to(tally.refused);
        value.at("sites").get_to(tally.sites);
        value.at("outcomes").get_to(tally.outcomes);
        value.at("features").get_to(tally.features);
        return tally;
    } catch (const nlohmann::json::exception& error) {
        throw InputError(file, "tally", error.what());
    }
}

}  // namespace fluence::check
