// The formats a report can be written in: one file (report_*.cpp) and one row of the table each.
#pragma once

#include <string>
#include <vector>

#include "analysis/summary.h"

namespace fluence::analysis {

// A file of a report. Its content depends on the summary alone: no time, no path, no locale.
struct ReportFile {
    std::string name;  // without directory
    std::string content;
};

struct ReportFormat {
    const char* name;
    const char* description;  // one line
    std::vector<ReportFile> (*write)(const Summary&);
};

const std::vector<ReportFormat>& report_formats();
// Throws InputError listing the formats; `context` names the option or file in it.
const ReportFormat& report_format_named(const std::string& name, const std::string& context);

}  // namespace fluence::analysis
