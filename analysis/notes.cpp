#include "analysis/notes.h"

#include "analysis/format.h"

namespace fluence::analysis {

namespace {

std::int64_t total_of(const OutcomeEstimates& outcomes) {
    return outcomes[0].total;
}

void note_reference(const Summary& summary, std::vector<std::string>& notes) {
    const std::string& name = summary.policies[summary.reference].name;
    if (name == "none") {
        notes.push_back("Overheads and differences are relative to the policy \"none\".");
    } else {
        notes.push_back(
            "There is no policy named \"none\"; overheads and differences are relative to the first one, \"" +
            name + "\".");
    }
}

void note_draws(const Summary& summary, std::vector<std::string>& notes) {
    if (summary.images > 0 && summary.faults > summary.images) {
        notes.push_back(
            "Each image is struck by about " +
            fixed(static_cast<double>(summary.faults) / static_cast<double>(summary.images), 1) +
            " faults; the intervals treat faults as independent draws and do not widen for images that "
            "share their fate.");
    }
    if (summary.policies.size() > 2) {
        notes.push_back(
            "p-values are of each policy against the reference alone, not adjusted for the number of "
            "policies compared.");
    }
}

void note_effects(const Summary& summary, std::vector<std::string>& notes) {
    for (std::size_t i = 0; i < summary.policies.size(); ++i) {
        const PolicySummary& policy = summary.policies[i];
        if (policy.no_effect) {
            notes.push_back(
                "Policy \"" + policy.name + "\" had no effect on any of the " + thousands(summary.faults) +
                " faults: it corrected, detected and suppressed nothing, and every fault ended as under \"" +
                summary.policies[summary.reference].name + "\".");
        } else if (i != summary.reference && summary.faults > 0 && policy.acted == 0) {
            notes.push_back("Policy \"" + policy.name + "\" corrected, detected and suppressed nothing; " +
                            thousands(policy.different) + " faults ended otherwise than under \"" +
                            summary.policies[summary.reference].name +
                            "\" (other timing, or values changed without a flag).");
        }
    }
}

void note_checks(const Summary& summary, std::vector<std::string>& notes) {
    if (summary.check_share <= 0) {
        notes.push_back("Self-check: turned off; no fault was run again by full re-execution.");
        return;
    }
    notes.push_back("Self-check: " + thousands(summary.checked) + " of " + thousands(summary.faults) +
                    " faults were run again by full re-execution under every policy, and nothing differed.");
}

void note_small_cells(const Summary& summary, std::vector<std::string>& notes) {
    for (const Breakdown& breakdown : summary.breakdowns) {
        std::size_t small = 0;
        for (const BreakdownCell& cell : breakdown.cells) {
            small += total_of(cell.policies[summary.reference]) < kFewFaults;
        }
        if (small > 0) {
            notes.push_back(breakdown.title + ": " + std::to_string(small) + " of " +
                            std::to_string(breakdown.cells.size()) + " rows rest on fewer than " +
                            std::to_string(kFewFaults) + " faults; read their intervals before their rates.");
        }
    }
}

void note_sampling(const Summary& summary, std::vector<std::string>& notes) {
    if (!summary.vulnerability.level.empty()) {
        notes.push_back(
            "A fault is an inference with disturbed neurons. Each " + summary.vulnerability.level +
            " has inferences of its own; all tables but that of accuracy by " + summary.vulnerability.level +
            " give rates at the experiment's own one, and counts over all of them.");
    } else if (summary.weighted) {
        notes.push_back("Faults were drawn from " +
                        thousands(static_cast<std::int64_t>(summary.strata.size())) +
                        " strata; rates weigh them by their share of the fault space, counts are of faults "
                        "drawn. Their intervals are Clopper-Pearson limits for weighted samples.");
    }
    if (summary.looks > 0) {
        std::string note = "The campaign looked at its results at most " + thousands(summary.looks) +
                           " times; all intervals are wide enough to hold at every look";
        note += summary.ended_look > 0 ? ", and look " + thousands(summary.ended_look) +
                                             " ended it, when they were as narrow as wanted."
                                       : ".";
        notes.push_back(note);
    }
    if (!summary.vulnerability.rates.empty() && summary.vulnerability.level.empty()) {
        notes.push_back("Inferences with 1 to " + std::to_string(summary.vulnerability.most_upsets) +
                        " upsets were simulated. Rates of the tables are of inferences with so many, weighed "
                        "by Poisson's law; breakdowns are by the first upset drawn.");
    }
}

}  // namespace

std::vector<std::string> notes_on(const Summary& summary) {
    std::vector<std::string> notes;
    if (!summary.complete) {
        notes.push_back("The campaign is not finished: " + thousands(summary.faults) + " of " +
                        thousands(summary.planned_faults) + " faults are in.");
    }
    if (summary.faults == 0) {
        notes.push_back("The results hold no fault yet.");
    }
    note_reference(summary, notes);
    note_sampling(summary, notes);
    note_draws(summary, notes);
    note_effects(summary, notes);
    note_checks(summary, notes);
    note_small_cells(summary, notes);
    return notes;
}

}  // namespace fluence::analysis
