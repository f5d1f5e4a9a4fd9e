// The report writers; rows of the table in registry.cpp.
#pragma once

#include <string>
#include <vector>

#include "analysis/registry.h"

namespace fluence::analysis {

std::vector<ReportFile> text_report(const Summary& summary);
std::vector<ReportFile> json_report(const Summary& summary);
std::vector<ReportFile> csv_report(const Summary& summary);
std::vector<ReportFile> html_report(const Summary& summary);

// The summary as JSON; report.json and the data of the page are made from it.
nlohmann::ordered_json to_json(const Summary& summary);

}  // namespace fluence::analysis
