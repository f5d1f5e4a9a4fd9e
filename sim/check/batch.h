// Case i of a self-check depends on the seed and on i alone. Cases share a machine by the dozen, and batches
// of machines are the unit of work and of loss.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/check/comparison.h"
#include "sim/check/tally.h"
#include "sim/core/json.h"

namespace fluence::check {

inline constexpr std::int64_t kCasesPerMachine = 25;
inline constexpr std::int64_t kCasesPerBatch = 8 * kCasesPerMachine;

struct Mismatch {
    std::int64_t number = 0;  // of the case
    std::string difference;
};

struct BatchReport {
    Tally tally;
    std::vector<Mismatch> mismatches;  // ascending
};

// Case `number` as it was drawn. Throws what run_tile_level() throws.
Case case_of(std::uint64_t seed, std::int64_t number);

// The cases of batch `batch` below `cases`.
BatchReport run_batch(std::uint64_t seed, std::int64_t batch, std::int64_t cases, const Comparison& compare);

nlohmann::json to_json(const BatchReport& report);
// Asks for the report's keys alone. Throws InputError.
BatchReport parse_report(JsonObject& object);

}  // namespace fluence::check
