// A self-check of machines of words: the tile level's answer to lists of upsets held against the
// register-true machine's, every tensor bit for bit and what the memories' codes saw. Case i depends on the
// seed and on i alone; cases share a network and a machine by the dozen.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/check/setup.h"
#include "sim/protect/policy.h"
#include "workloads/word_graph.h"

namespace fluence::check {

inline constexpr std::int64_t kWordCasesPerMachine = 25;

struct WordSetup {
    workloads::WordGraph graph;
    workloads::Words image;
    AcceleratorConfig config;
    protect::Policy policy;  // codes of memories, in half of the draws
};

struct WordTally {
    std::int64_t cases = 0, upsets = 0;
    std::int64_t corrected = 0, detected = 0, aborted = 0;  // cases in which codes did
    std::int64_t changed = 0;  // cases in which some layer's output, or a logit, is another one
    std::int64_t refused = 0;  // machines that were drawn and do not run the network
};
struct WordMismatch {
    std::int64_t number = 0;
    std::string difference;
};
struct WordReport {
    WordTally tally;
    std::vector<WordMismatch> mismatches;  // ascending
};

struct WordCheckOptions {
    std::vector<workloads::WordFormat> formats;  // of the machines, in turn
    std::int64_t cases = 2000;
    std::uint64_t seed = 1;
    int jobs = 0;  // worker processes; 0: one a processor
    const std::atomic<bool>* stop = nullptr;
    std::function<void(std::int64_t done, std::int64_t total)> progress;
};

// The cases of one machine below `cases`.
WordReport check_word_machine(const WordCheckOptions& options, std::int64_t machine);
// All of them in worker processes, up to the end or to `stop`.
WordReport run_word_check(const WordCheckOptions& options);

// The machine, network and image of a case, and its upsets.
struct WordCase {
    WordSetup setup;
    UpsetList upsets;
};
WordCase word_case(const WordCheckOptions& options, std::int64_t number);
// What differs between the two fidelities; empty: nothing.
std::string compare_words(const WordCase& one);

}  // namespace fluence::check
