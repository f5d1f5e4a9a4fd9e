#include "tests/campaign/sample_results.h"

#include <cmath>

namespace fluence::test {
namespace {

using namespace campaign;

constexpr std::int64_t kImagesPerBatch = 3;
constexpr std::int64_t kFaultsPerImage = 2;

PolicyRow sample_policy(std::int32_t id, const std::string& name) {
    PolicyRow policy;
    policy.id = id;
    policy.name = name;
    policy.description = "The policy \"" + name + "\"";
    policy.cycles = 1000 + id;
    policy.area_ge = 1.0 / 3 + id;
    policy.protection_area_ge = 1e-300 * id;
    policy.dram_check_share = 0.125 * id;
    policy.energy_pj = 1e9 / 3 + id;
    policy.protection_energy_pj = 1e-12 * id;
    policy.composition = {{"name", name}};
    policy.area_tree = {{"name", "accelerator"}, {"area", 0.1}};
    for (int i = 0; i < 2; ++i) {
        traces::LayerStats layer;
        layer.name = i == 0 ? "conv1" : "fc";
        layer.begin = 500 * i;
        layer.end = 500 * (i + 1);
        layer.macs = 12345678901234 + i;
        layer.busy_cycles = 400;
        layer.stall_weights = 1;
        layer.stall_activations = 2;
        layer.stall_drain = 3;
        layer.stall_store = 4;
        layer.stall_port = 9;
        layer.preload_cycles = 5;
        layer.utilisation = 0.1 + 0.2 * i;
        layer.dram_read_words = 6;
        layer.dram_write_words = 7;
        layer.unique_words = 8;
        layer.buffer_reads = 9;
        layer.buffer_writes = 10;
        policy.layers.push_back(layer);
    }
    return policy;
}

OutcomeRow sample_outcome(std::int64_t fault, std::int32_t policy) {
    OutcomeRow row;
    row.fault = fault;
    row.policy = policy;
    row.cycle = fault * 17 + policy;
    row.outcome = static_cast<Outcome>((fault + policy) % kOutcomeCount);
    row.dead = static_cast<fault::DeadReason>(fault % fault::kDeadReasonCount);
    row.corrected = fault % 2 == 0;
    row.detected = fault % 3 == 0;
    row.suppressed = fault % 5 == 0;
    row.struck_layer = static_cast<std::int32_t>(fault % 3) - 1;
    row.first_changed_layer = 0;
    row.last_changed_layer = 1;
    row.changed_values = fault * 1000000007;
    row.top1 = static_cast<std::int32_t>(fault % 10);
    row.correct = policy == 0;
    row.delta_loss = std::sin(static_cast<double>(fault)) * 1e-15;
    row.top2diff = std::cos(static_cast<double>(fault + policy)) / 3;
    row.golden_bits = 0x8000000000000000U + static_cast<std::uint64_t>(fault);
    row.faulty_bits = ~static_cast<std::uint64_t>(fault);
    row.masked_by = static_cast<MaskedBy>((fault + policy) % kMaskedByCount);
    row.masked_layer = static_cast<std::int32_t>(fault % 4) - 1;
    row.runs = 1 + static_cast<std::int32_t>(fault % 3);
    row.recovery_cycles = fault * 4000000007 - 5;
    return row;
}

}  // namespace

CampaignHeader sample_header(std::int64_t batches) {
    CampaignHeader header;
    header.program = "fluence 0";
    header.experiment = {{"name", "sample"}, {"seed", 1}, {"rate", 1e-15}};
    header.workload = "tiny";
    header.workload_digest = "0123abcd";
    header.provenance = {{"source", "formula"}};
    header.layer_names = {"conv1", "fc"};
    header.layer_kinds = {"conv", "linear"};
    header.fp32_top1 = 0.9871;
    header.images = batches * kImagesPerBatch;
    header.faults = header.images * kFaultsPerImage;
    header.batches = batches;
    header.confidence = 0.99;
    header.sites = {{"pe_weight", 256, 8, -1, 1.0}, {"neuron", 100, 8, 1, 0.3}};
    header.strata = {{"even", 1, 1.0 / 3, 1e15, header.faults / 2},
                     {"odd", 2, 2.0 / 3, 0, header.faults / 2}};
    header.policies = {sample_policy(0, "none"), sample_policy(1, "parity")};
    return header;
}

BatchResult sample_batch(std::int64_t batch) {
    BatchResult result;
    result.batch = batch;
    for (std::int64_t i = 0; i < kImagesPerBatch; ++i) {
        const std::int64_t image = batch * kImagesPerBatch + i;
        for (std::int32_t policy = 0; policy < 2; ++policy) {
            GoldenRow golden;
            golden.image = static_cast<std::int32_t>(image);
            golden.policy = policy;
            golden.label = static_cast<std::int32_t>(image % 10);
            golden.top1 = static_cast<std::int32_t>((image + policy) % 10);
            golden.top2diff = 1.0 / static_cast<double>(image + 1);
            golden.loss = std::exp(-static_cast<double>(image));
            golden.runs = 1 + policy;
            golden.cycles = 3000000000 + image;
            result.golden.push_back(golden);
        }
        for (std::int64_t k = 0; k < kFaultsPerImage; ++k) {
            FaultRow fault;
            fault.id = image * kFaultsPerImage + k;
            fault.image = static_cast<std::int32_t>(image);
            fault.upset.site = static_cast<fault::SiteKind>(fault.id % fault::kSiteKindCount);
            fault.upset.unit = fault.id * 31;
            fault.upset.held = static_cast<traces::Held>(fault.id % traces::kHeldCount);
            fault.upset.layer = static_cast<std::int32_t>(fault.id % 2) - 1;
            fault.upset.bits.set(static_cast<std::size_t>(fault.id * 13 % kMaxWordBits));
            fault.phase = static_cast<double>(fault.id) / 1e6;
            fault.stratum = static_cast<std::int32_t>(fault.id % 2);
            fault.checked = fault.id % 7 == 0;
            fault.cluster = {static_cast<std::int32_t>(1 + fault.id % 8),
                             static_cast<std::int32_t>(1 + fault.id % 3)};
            if (fault.id % 5 == 0) {
                fault::DrawnUpset other;
                other.upset.site = fault::SiteKind::dram;
                other.upset.unit = fault.id * 7;
                other.upset.bits.set(71);
                other.upset.held = static_cast<traces::Held>((fault.id + 1) % traces::kHeldCount);
                other.phase = 1.0 / 3;
                other.cluster = {1, 4};
                fault.further = {other, other};
            }
            result.faults.push_back(fault);
            result.outcomes.push_back(sample_outcome(fault.id, 0));
            result.outcomes.push_back(sample_outcome(fault.id, 1));
        }
    }
    return result;
}

}  // namespace fluence::test
