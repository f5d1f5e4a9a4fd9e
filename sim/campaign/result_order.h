// Result files in canonical order: what makes their bytes depend on the rows alone.
#pragma once

#include <string>
#include <vector>

#include "sim/campaign/result_store.h"
#include "sim/campaign/sqlite.h"

namespace fluence::campaign {

// The layout of pages is part of a file's content: nothing is left to SQLite's defaults.
extern const char* const kPageLayout;

// Writes `path` with all rows of the sources, in the order of their keys, by way of `path`.finishing: when it
// returns, the whole file is on the disk; when it throws, `path` is as before. Memory does not grow with the
// rows. InputError where a row is there twice, or where faults, outcomes, golden inferences or batches of
// header.shard are missing.
void write_ordered(const std::string& path, const CampaignHeader& header,
                   const std::vector<Database>& sources);

// Removes a database and SQLite's journal of it, where they are.
void remove_database(const std::string& path);
// The file that write_ordered() fills and then renames; a kill may leave it behind.
std::string finishing_path(const std::string& path);

}  // namespace fluence::campaign
