#include "analysis/prose.h"

#include <algorithm>

#include "analysis/format.h"

namespace fluence::analysis {

namespace {

std::string counted(std::int64_t count, const std::string& one, const std::string& many) {
    return thousands(count) + " " + (count == 1 ? one : many);
}

bool several_upsets(const Summary& summary) {
    return std::any_of(summary.strata.begin(), summary.strata.end(),
                       [](const campaign::StratumRow& row) { return row.upsets > 1; });
}

}  // namespace

std::string headline(const Summary& summary) {
    const std::string workload = summary.workload.empty() ? "unnamed network" : summary.workload;
    return summary.accelerator.empty() ? workload : workload + " on " + summary.accelerator;
}

std::string effect_remark(const Summary& summary, std::size_t policy) {
    const PolicySummary& found = summary.policies[policy];
    if (found.no_effect) {
        return "no effect on any fault";
    }
    return policy != summary.reference && summary.faults > 0 && found.acted == 0 ? "never acted" : "";
}

std::string sample_line(const Summary& summary) {
    std::string line = "Fault model " + (summary.fault_model.empty() ? "unknown" : summary.fault_model);
    if (!summary.seed.empty()) {
        line += ", seed " + summary.seed;
    }
    line +=
        ": " + counted(summary.faults, "fault", "faults") + " on " +
        counted(summary.images, "image", "images") +
        (summary.vulnerability.rates.empty() && !several_upsets(summary) ? ", one fault an inference"
                                                                         : ", several upsets an inference") +
        ", the same faults for each of " +
        counted(static_cast<std::int64_t>(summary.policies.size()), "policy", "policies") +
        ". Intervals: " + confidence_text(summary.confidence) + ", " + method_title(summary.method) + ".";
    return line;
}

std::vector<Definition> definitions(const Summary& summary) {
    const std::string reference = "\"" + summary.policies[summary.reference].name + "\"";
    const std::string confidence = confidence_text(summary.confidence);
    std::vector<Definition> list = {
        {"Accuracy, fault-free", "Images whose top-1 equals the label, over all images, without any fault."},
        {"Accuracy, one fault",
         "Faulty inferences whose top-1 equals the label, over all faulty inferences."},
        {"SDC",
         "Silent data corruption: top-1 differs from the fault-free inference of the same image under the "
         "same policy, and no detection was left unrepaired."},
        {"DUE", "Detected, not repaired."},
        {"Benign, masked", "Benign: the logits differ, top-1 is the same. Masked: the logits are identical."},
        {"Masked at",
         "Where the last difference from the fault-free inference vanished: in what the fault struck (it met "
         "nothing that is used), in the sums (gemm, accumulate), in requantisation, at the clamp of the "
         "activation function (relu), in a pool, a later layer or the logits; same_top1 is benign, nothing "
         "is SDC and DUE."},
        {"Brackets and parentheses", "The " + confidence + " interval, and the count behind the rate."},
        {"Difference",
         "Rate of the policy minus rate of " + reference +
             " on the same faults, in percentage points (Newcombe's paired interval); p: exact McNemar "
             "test. Negative SDC differences are improvements."},
        {"AVF",
         "Architectural vulnerability factor: SDC or DUE, over single upsets in bits that exist under the "
         "policy."},
        {"Cycles",
         "One fault-free inference, in cycles of the accelerator's clock; the percentage is relative to " +
             reference + "."},
        {"Area",
         "Logic and on-chip memories in gate equivalents (one NAND2); DRAM check bits are listed apart."},
    };
    if (summary.has_requests()) {
        list.push_back(
            {"Run again",
             "Inferences that the policy ran more often than once; fault-free ones are false alarms, but "
             "for policies that run everything twice. Mean recovery: cycles that a fault's inference took "
             "more than the fault-free one of its image."});
    }
    return list;
}

}  // namespace fluence::analysis
