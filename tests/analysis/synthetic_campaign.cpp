#include "synthetic_campaign.h"

#include <array>

#include "sim/core/random.h"

namespace fluence::analysis::testing {

namespace {

using campaign::FaultRow;
using campaign::GoldenRow;
using campaign::Outcome;
using campaign::OutcomeRow;
using fault::DeadReason;
using fault::SiteKind;

campaign::PolicyRow policy_row(std::int32_t id, const std::string& name, std::int64_t cycles, double area,
                               double protection, double dram_share) {
    campaign::PolicyRow row;
    row.id = id;
    row.name = name;
    row.description = "the policy " + name;
    row.cycles = cycles;
    row.area_ge = area;
    row.protection_area_ge = protection;
    row.dram_check_share = dram_share;
    row.energy_pj = 1e3 * (area + protection);
    row.protection_energy_pj = 2e3 * protection;
    row.composition = {{"name", name}};
    return row;
}

FaultRow fault_row(std::int64_t id, std::int32_t image, SiteKind site, int bit) {
    FaultRow row;
    row.id = id;
    row.image = image;
    row.upset.site = site;
    row.upset.bits.set(static_cast<std::size_t>(bit));
    return row;
}

OutcomeRow outcome_row(std::int64_t fault, std::int32_t policy, Outcome outcome, std::int32_t layer) {
    OutcomeRow row;
    row.fault = fault;
    row.policy = policy;
    row.outcome = outcome;
    row.struck_layer = layer;
    row.correct = outcome == Outcome::masked || outcome == Outcome::benign;
    row.top1 = outcome == Outcome::sdc ? 9 : 0;
    row.changed_values = outcome == Outcome::masked ? 0 : 3;
    row.masked_by = outcome == Outcome::masked   ? campaign::MaskedBy::requantise
                    : outcome == Outcome::benign ? campaign::MaskedBy::same_top1
                                                 : campaign::MaskedBy::nothing;
    return row;
}

nlohmann::json experiment_json() {
    return {{"name", "synthetic"},
            {"description", "Results made by hand"},
            {"seed", 7},
            {"fault_model", {{"name", "seu"}}},
            {"accelerator",
             {{"name", "edge-16x16"},
              {"clock_mhz", 500},
              {"weight_buffer", {{"bytes", 32768}, {"word_bits", 64}}},
              {"activation_buffer", {{"bytes", 65536}, {"word_bits", 64}}},
              {"output_buffer", {{"bytes", 131072}, {"word_bits", 32}}},
              {"dram", {{"word_bits", 64}}}}}};
}

traces::LayerStats layer_stats(const std::string& name, std::int64_t begin, std::int64_t end) {
    traces::LayerStats stats;
    stats.name = name;
    stats.begin = begin;
    stats.end = end;
    stats.macs = 100 * (end - begin);
    stats.busy_cycles = (end - begin) / 2;
    stats.utilisation = 0.25;
    return stats;
}

}  // namespace

Campaign tiny_campaign() {
    Campaign campaign;
    campaign::CampaignHeader& header = campaign.header;
    header.experiment = experiment_json();
    header.workload = "LeNet-5";
    header.layer_names = {"conv1", "fc"};
    header.layer_kinds = {"conv", "linear"};
    header.fp32_top1 = 0.99;
    header.images = 2;
    header.faults = 4;
    header.batches = 1;
    header.policies = {policy_row(0, "none", 1000, 10000, 0, 0),
                       policy_row(1, "secded", 1100, 12500, 2500, 0.125)};
    for (campaign::PolicyRow& policy : header.policies) {
        policy.layers = {layer_stats("conv1", 0, policy.cycles * 6 / 10),
                         layer_stats("fc", policy.cycles * 6 / 10, policy.cycles)};
    }
    for (std::int32_t image = 0; image < 2; ++image) {
        for (std::int32_t policy = 0; policy < 2; ++policy) {
            GoldenRow golden;
            golden.image = image;
            golden.policy = policy;
            golden.label = 0;
            golden.top1 = image;  // image 1 is misread
            campaign.golden.push_back(golden);
        }
    }
    // Fault 0: SDC in conv1, corrected by secded.
    OutcomeRow corrected = outcome_row(0, 1, Outcome::masked, 0);
    corrected.dead = DeadReason::corrected;
    corrected.masked_by = campaign::MaskedBy::corrected;
    corrected.corrected = true;
    OutcomeRow sdc = outcome_row(0, 0, Outcome::sdc, 0);
    sdc.delta_loss = 2;
    campaign.faults.push_back({fault_row(0, 0, SiteKind::weight_buffer, 15), {sdc, corrected}});
    // Fault 1: a check bit that only secded stores.
    OutcomeRow absent = outcome_row(1, 0, Outcome::masked, -1);
    absent.dead = DeadReason::absent;
    absent.masked_by = campaign::MaskedBy::absent;
    OutcomeRow check = outcome_row(1, 1, Outcome::masked, 0);
    check.dead = DeadReason::corrected;
    check.masked_by = campaign::MaskedBy::corrected;
    check.corrected = true;
    campaign.faults.push_back({fault_row(1, 1, SiteKind::weight_buffer, 64), {absent, check}});
    // Fault 2: benign in both.
    campaign.faults.push_back(
        {fault_row(2, 0, SiteKind::pe_psum, 31),
         {outcome_row(2, 0, Outcome::benign, 1), outcome_row(2, 1, Outcome::benign, 1)}});
    // Fault 3: two bits of a DRAM word: SDC without, DUE with secded.
    FaultRow doubled = fault_row(3, 1, SiteKind::dram, 17);
    doubled.upset.bits.set(18);
    OutcomeRow due = outcome_row(3, 1, Outcome::due, 1);
    due.detected = true;
    campaign.faults.push_back({doubled, {outcome_row(3, 0, Outcome::sdc, 1), due}});
    return campaign;
}

Campaign random_campaign(std::uint64_t seed, std::int64_t images, std::int64_t faults) {
    struct PolicyModel {
        const char* name;
        double kept_sdc;  // share of the SDCs that stay
        double due;       // share of the SDCs that become DUE
        std::int64_t cycles;
        double area, dram_share;
    };
    const std::array<PolicyModel, 5> models = {{{"none", 1, 0, 41234, 812345.6, 0},
                                                {"parity", 0.6, 0.2, 41234, 829001.2, 1.0 / 64},
                                                {"secded", 0.35, 0.02, 44321, 901234.5, 0.125},
                                                {"ranger", 0.55, 0, 41512, 815123.4, 0},
                                                {"checksum+zero", 0.7, 0.1, 42987, 861234.0, 0}}};
    const std::array<SiteKind, 8> kinds = {
        SiteKind::pe_weight,     SiteKind::pe_weight_shadow,  SiteKind::pe_activation, SiteKind::pe_psum,
        SiteKind::weight_buffer, SiteKind::activation_buffer, SiteKind::output_buffer, SiteKind::dram};
    const std::array<int, 8> bits = {8, 8, 8, 32, 72, 72, 39, 72};
    Campaign campaign;
    campaign::CampaignHeader& header = campaign.header;
    header.experiment = experiment_json();
    header.workload = "LeNet-5";
    header.layer_names = {"conv1", "pool1", "conv2", "pool2", "flatten", "fc1", "fc2", "fc3"};
    header.fp32_top1 = 0.9875;
    header.images = images;
    header.faults = faults;
    for (std::size_t i = 0; i < models.size(); ++i) {
        const PolicyModel& model = models[i];
        header.policies.push_back(policy_row(static_cast<std::int32_t>(i), model.name, model.cycles,
                                             model.area, model.area - models[0].area, model.dram_share));
        for (std::size_t layer = 0; layer < header.layer_names.size(); ++layer) {
            const std::int64_t begin = model.cycles * static_cast<std::int64_t>(layer) / 8;
            header.policies.back().layers.push_back(
                layer_stats(header.layer_names[layer], begin, begin + model.cycles / 8));
        }
    }
    RandomStream random(seed, RandomPurpose::testing, 0);
    for (std::int64_t image = 0; image < images; ++image) {
        const bool misread = random.uniform() < 0.02;
        for (std::size_t policy = 0; policy < models.size(); ++policy) {
            GoldenRow golden;
            golden.image = static_cast<std::int32_t>(image);
            golden.policy = static_cast<std::int32_t>(policy);
            golden.top1 = misread ? 1 : 0;
            campaign.golden.push_back(golden);
        }
    }
    for (std::int64_t id = 0; id < faults; ++id) {
        const std::size_t kind = random.below(kinds.size());
        const int bit = static_cast<int>(random.below(static_cast<std::uint64_t>(bits[kind])));
        const int layer = static_cast<int>(random.below(9)) - 1;
        const double fate = random.uniform(), second = random.uniform();
        const double sdc = 0.01 + 0.004 * (bit % 8);
        Fault fault{fault_row(id, static_cast<std::int32_t>(id % images), kinds[kind], bit), {}};
        for (std::size_t policy = 0; policy < models.size(); ++policy) {
            const PolicyModel& model = models[policy];
            Outcome outcome = fate < sdc ? Outcome::sdc : fate < 0.2 ? Outcome::benign : Outcome::masked;
            if (outcome == Outcome::sdc && second >= model.kept_sdc) {
                outcome = second < model.kept_sdc + model.due ? Outcome::due : Outcome::masked;
            }
            OutcomeRow row = outcome_row(id, static_cast<std::int32_t>(policy), outcome, layer);
            row.dead = fate > 0.5 ? DeadReason::idle : DeadReason::none;
            row.detected = outcome == Outcome::due;
            row.corrected = outcome == Outcome::masked && fate < sdc;
            row.delta_loss = outcome == Outcome::sdc      ? 1 + second
                             : outcome == Outcome::benign ? 0.01 * fate
                                                          : 0;
            fault.rows.push_back(row);
        }
        campaign.faults.push_back(std::move(fault));
    }
    return campaign;
}

Summary summarise(const Campaign& campaign, const SummaryOptions& options, bool complete) {
    SummaryBuilder builder(campaign.header, options, "synthetic");
    for (const GoldenRow& row : campaign.golden) {
        builder.add(row);
    }
    for (const Fault& fault : campaign.faults) {
        builder.add(fault.fault, fault.rows);
    }
    return builder.finish(complete);
}

}  // namespace fluence::analysis::testing
