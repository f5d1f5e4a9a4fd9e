// Both fidelities on lists of upsets, for tests that look at one kind of policy.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/check/comparison.h"
#include "sim/check/draw.h"
#include "sim/check/shrink.h"
#include "sim/core/error.h"
#include "tests/support/environment.h"

namespace fluence::test {

// FLUENCE_TEST_MACHINES: how many, for long runs.
inline int machines_of_run(int otherwise) {
    return static_cast<int>(environment("FLUENCE_TEST_MACHINES", otherwise));
}

// Nothing where the machine cannot run the network.
inline std::optional<check::TileLevelRun> run_if_possible(const check::Setup& setup) {
    try {
        check_runnable(setup);
        return run_tile_level(setup);
    } catch (const InputError&) {
        return std::nullopt;
    }
}

// `count` lists; the first one is empty.
inline std::vector<check::UpsetList> lists_of(int count, const std::function<check::UpsetList()>& draw) {
    std::vector<check::UpsetList> lists(1);
    while (lists.size() < static_cast<std::size_t>(count)) {
        lists.push_back(draw());
    }
    return lists;
}

// The verdicts of all lists. Where one differs the test has failed, with the smallest case that was found.
inline std::vector<check::Verdict> agreeing(const check::Setup& setup, const check::TileLevelRun& run,
                                            const std::vector<check::UpsetList>& lists,
                                            const std::string& where) {
    std::vector<check::Verdict> verdicts = compare_fidelities(setup, run, lists);
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        if (!verdicts[i].difference.empty()) {
            const check::ShrinkResult small = shrink({setup, lists[i]}, check::compare_fidelities, 400);
            ADD_FAILURE() << where << ", list " << i << ": " << verdicts[i].difference << "\n"
                          << small.difference << "\n"
                          << to_json(small.smallest).dump();
            break;
        }
    }
    return verdicts;
}

// Of machine `machine` of a test with this seed.
inline std::string named(std::uint64_t seed, int machine) {
    return "seed " + std::to_string(seed) + ", machine " + std::to_string(machine);
}

}  // namespace fluence::test
