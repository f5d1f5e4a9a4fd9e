// The standing check of both fidelities, in small. `fluence selfcheck --cases N --seed S` is the same in
// large.
#include <gtest/gtest.h>

#include <iostream>

#include "sim/check/self_check.h"

namespace fluence {
namespace {

TEST(Fidelities, AgreeBitForBit) {
    check::SelfCheckOptions options;
    options.cases = 4000;
    options.seed = 20261121;
    options.jobs = 2;
    options.on_mismatch = check::OnMismatch::go_on;
    const check::RunState state = run_self_check(options);
    const check::Tally tally = state.tally();
    std::cout << "seed " << options.seed << ": " << tally.cases << " cases, " << tally.upsets << " upsets on "
              << tally.machines << " machines" << std::endl;
    EXPECT_EQ(tally.cases, options.cases);
    for (const check::Mismatch& mismatch : state.mismatches()) {
        ADD_FAILURE() << mismatch.difference << "\nfluence selfcheck --replay " << mismatch.number
                      << " --seed " << options.seed << " --shrink";
    }
    // Every kind of site was struck where it did something, in every dataflow.
    for (const auto& [array, sites] : tally.sites) {
        for (const auto& [site, counts] : sites) {
            std::int64_t alone = 0;
            for (const auto& [reason, count] : counts) {
                alone += reason == "with others" ? 0 : count;
            }
            EXPECT_TRUE(alone < 200 || counts.count("live") != 0)
                << array << ": " << alone << " upsets of " << site << " never changed anything";
        }
    }
    for (const char* flag : {"corrected", "detected", "suppressed", "unrepaired", "aborted", "recovered"}) {
        EXPECT_GT(tally.outcomes.at(flag), 0) << flag;
    }
}

}  // namespace
}  // namespace fluence
