// Lists of upsets as files: JSON Lines, a `meta` line and one line an inference (docs/formats.md).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "traces/upset.h"

namespace fluence::traces {

inline constexpr int kUpsetListSchemaVersion = 1;

// What a replay is held against; absent: not known.
struct ExpectedOutcome {
    std::optional<std::string> outcome, dead;
    std::optional<bool> corrected, detected, suppressed;
    std::optional<std::int64_t> first_changed_layer, last_changed_layer, changed_values, top1;
};

// All upsets of one inference.
struct UpsetGroup {
    std::string id;  // names it in messages; the reader fills in "line N"
    std::int64_t image = 0;
    std::vector<Upset> upsets;  // at least one
    ExpectedOutcome expected;
};

struct UpsetList {
    // What the list was made for; empty: not said.
    std::string workload, accelerator, policy;
    std::vector<UpsetGroup> groups;
};

// `array` turns `row`, `col` and `stage` of a PE register into its unit. Throws InputError (file, line and
// key, reason, valid values).
UpsetList read_upset_list(const std::string& path, const ArrayConfig& array);
UpsetList read_upset_list(std::istream& stream, const std::string& name, const ArrayConfig& array);
// Sites by `unit`; reads back exactly.
void write_upset_list(std::ostream& stream, const UpsetList& list);

// One of the R × C registers a stage of a PE bank (the chain's and partial sums' row R included).
bool has_rows_and_columns(SiteKind kind);

}  // namespace fluence::traces
