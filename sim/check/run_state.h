// How far a self-check is: which batches are done, and what they found. As a file it lets a run that was
// stopped or killed go on.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/check/batch.h"

namespace fluence::check {

// Whether cases behind one that differs count.
enum class OnMismatch { stop, go_on };

class RunState {
  public:
    RunState(std::uint64_t seed, OnMismatch on_mismatch) : seed_(seed), on_mismatch_(on_mismatch) {}

    bool has(std::int64_t batch) const;
    void add(std::int64_t batch, BatchReport report);
    // Of all batches that are done; once a batch with a mismatch ends the run, of those up to it alone, so
    // that the result does not depend on which batches ran beside it.
    Tally tally() const;
    std::vector<Mismatch> mismatches() const;  // ascending
    // Whether the run has come to its end at a mismatch: all batches up to the first one are done.
    bool ended() const { return on_mismatch_ == OnMismatch::stop && !mismatches_.empty(); }

    // Atomic: the file holds this state or the one before. Throws InputError.
    void save(const std::string& path) const;
    // Throws InputError, also where the file is of another seed or program.
    static RunState load(const std::string& path, std::uint64_t seed, OnMismatch on_mismatch);

  private:
    void fold();

    std::uint64_t seed_;
    OnMismatch on_mismatch_;
    // Batches done: all below `prefix_`, added up, and those of `beyond_`.
    std::int64_t prefix_ = 0;
    Tally tally_;
    std::vector<Mismatch> mismatches_;
    std::map<std::int64_t, BatchReport> beyond_;
};

}  // namespace fluence::check
