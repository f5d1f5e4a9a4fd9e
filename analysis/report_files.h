// From a result file to the files of its report.
#pragma once

#include <string>
#include <vector>

#include "analysis/registry.h"
#include "analysis/summary.h"

namespace fluence::analysis {

// The result file that `path` means: a file (of a campaign that is not finished its later name, too), or a
// directory that holds exactly one *.sqlite (or, where the campaign is not finished, one *.sqlite.partial).
// Throws InputError.
std::string find_results(const std::string& path);

// Writes each file whole or not at all (temporary file and rename) and returns the paths. Creates the
// directory. Throws InputError where it cannot be written.
std::vector<std::string> write_files(const std::string& directory, const std::vector<ReportFile>& files);

struct ReportOptions {
    SummaryOptions summary;
    std::string directory;             // empty: beside the results
    std::vector<std::string> formats;  // names in report_formats(); empty: all
};

struct WrittenReport {
    std::string table;               // the terminal's report
    std::vector<std::string> paths;  // of the files written
};

// `results`: as for find_results().
WrittenReport write_report(const std::string& results, const ReportOptions& options);

}  // namespace fluence::analysis
