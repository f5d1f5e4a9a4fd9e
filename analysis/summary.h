// What a campaign found, as plain data: one pass over its results. Formatting lives in report_*.cpp;
// docs/report.md explains every figure.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/intervals.h"
#include "analysis/ledger.h"
#include "analysis/vulnerability.h"
#include "sim/campaign/result_store.h"

namespace fluence::analysis {

// Cells with fewer faults than this are named as small: at 95 % their intervals reach ±10 points.
inline constexpr std::int64_t kFewFaults = 100;

struct SummaryOptions {
    std::optional<double> confidence;      // default: the experiment's
    std::optional<IntervalMethod> method;  // default: the experiment's
};

// A mean with the interval of the normal approximation.
struct MeanEstimate {
    std::int64_t total = 0;
    double mean = 0, standard_error = 0;
    Interval interval;
};

using OutcomeEstimates = std::array<Estimate, campaign::kOutcomeCount>;  // by campaign::Outcome

struct DeadCount {
    std::string reason;
    std::int64_t count = 0;
};

struct LayerLatency {
    std::string name;
    std::int64_t cycles = 0, macs = 0, busy = 0, preload = 0;
    std::int64_t stall_weights = 0, stall_activations = 0, stall_drain = 0, stall_store = 0, stall_port = 0;
    double utilisation = 0;
    std::int64_t dram_read_words = 0, dram_write_words = 0, unique_words = 0;
};

struct PolicySummary {
    std::string name, description;
    nlohmann::json composition, area_tree;

    Estimate fault_free_accuracy;  // over images
    Estimate accuracy;             // over faulty inferences, one fault each
    OutcomeEstimates outcomes;
    Estimate corrected, detected, suppressed;  // flags of faulty inferences; one may carry several
    Estimate dead;                             // faults that changed no value
    std::vector<DeadCount> dead_reasons;       // of these, in the order of fault::DeadReason
    MeanEstimate delta_loss;                   // nats
    // Requests: inferences that the policy's inference end made the machine run more often than once.
    Estimate false_alarms;         // without faults, over images
    Estimate run_again;            // faulty ones
    MeanEstimate recovery_cycles;  // of a fault: more than its image takes without it

    std::int64_t cycles = 0;    // of one fault-free inference: the mean over images, rounded
    double cycles_percent = 0;  // more than the reference's, in percent of it
    double microseconds = 0;    // 0: the clock is not known
    double area_ge = 0;
    double area_percent = 0;  // more than the reference's, in percent of it
    double protection_area_ge = 0;
    double dram_check_share = 0;
    double energy_pj = 0;       // of one run of a fault-free inference
    double energy_percent = 0;  // more than the reference's, in percent of it
    double protection_energy_pj = 0;
    std::vector<LayerLatency> layers;

    // Against the reference on the same faults: rate of this policy minus rate of the reference.
    PairedDifference sdc_difference, accuracy_difference;
    std::int64_t acted = 0;      // faults on which it corrected, detected or suppressed
    std::int64_t different = 0;  // faults that ended otherwise than under the reference
    bool no_effect = false;      // never acted, never ended otherwise (false for the reference)
};

// The outcomes of the faults of one kind, under every policy. Totals differ between policies where the
// same fault strikes at another moment of the work.
struct BreakdownCell {
    std::string group;  // by bit: the structure; otherwise empty
    std::string label;
    std::vector<OutcomeEstimates> policies;
};
struct Breakdown {
    std::string name;  // "layer", "structure", "bit"
    std::string title;
    std::vector<BreakdownCell> cells;
};

struct Summary {
    std::string experiment, description, workload, accelerator, fault_model, seed;
    nlohmann::json resolved;  // the whole experiment
    double fp32_top1 = -1;    // share of 1; negative: not known
    std::int64_t images = 0;  // seen in the results
    std::int64_t faults = 0;  // seen in the results, the same for every policy
    std::int64_t planned_faults = 0;
    bool complete = true;
    double confidence = 0.95;
    IntervalMethod method = IntervalMethod::wilson;
    std::size_t reference = 0;  // the policy that differences and overheads refer to
    std::vector<PolicySummary> policies;
    std::vector<Breakdown> breakdowns;
    std::vector<LedgerCell> ledger;
    VulnerabilityReport vulnerability;
    std::int64_t checked = 0;  // faults that full re-execution confirmed under every policy
    double check_share = 0;    // of all faults, as the experiment asks for
    // Strata of the fault space; weighted: rates weigh the counts beside them.
    bool weighted = false;
    std::vector<campaign::StratumRow> strata;
    std::int64_t looks = 0;          // at most so many were planned; 0: the campaign did not stop by a rule
    std::int64_t ended_look = 0;     // the look that ended it, from 1; 0: none
    std::vector<std::string> notes;  // what a reader must know before using the figures

    // Whether under some policy an inference was run again, or took longer for a fault.
    bool has_requests() const;
};

// Gathers rows one by one. The reference is the policy named "none", otherwise the first.
class SummaryBuilder {
  public:
    // `file` names the results in errors. Throws InputError where the confidence is not in (0,1).
    SummaryBuilder(const campaign::CampaignHeader& header, const SummaryOptions& options,
                   std::string file = "");
    ~SummaryBuilder();
    void add(const campaign::GoldenRow& row);
    // Throws InputError where `rows` are not one outcome a policy.
    void add(const campaign::FaultRow& fault, const std::vector<campaign::OutcomeRow>& rows);
    Summary finish(bool complete) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

Summary summarise(const campaign::ResultReader& reader, const SummaryOptions& options,
                  const std::string& file);

}  // namespace fluence::analysis
