// What a self-check drew and found, as counts: sums over its batches, in whatever order they end.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "sim/check/comparison.h"

namespace fluence::check {

struct Tally {
    std::int64_t cases = 0, machines = 0, upsets = 0, mismatches = 0;
    std::int64_t refused = 0;  // machines drawn that could not run their network
    // "array" (dataflow, control) → site → "dead reason" (or "live") of the cases with one upset there, and
    // "with others" for the upsets of larger cases.
    using Counts = std::map<std::string, std::int64_t>;
    std::map<std::string, std::map<std::string, Counts>> sites;
    Counts outcomes;  // of all cases, and how many had each flag
    Counts features;  // machines by convention, policy part and kind of layer

    void add_machine(const Setup& setup);
    void add_case(const Setup& setup, const UpsetList& upsets, const Verdict& verdict);
    void add(const Tally& other);
};

nlohmann::json to_json(const Tally& tally);
// Throws InputError.
Tally parse_tally(const nlohmann::json& value, const std::string& file);

}  // namespace fluence::check
