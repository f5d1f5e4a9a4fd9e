// CSV as RFC 4180 has it, with LF.
#pragma once

#include <string>
#include <vector>

namespace fluence::analysis {

using CsvRow = std::vector<std::string>;

// Fields that need it are quoted.
std::string csv(const std::vector<CsvRow>& rows);

}  // namespace fluence::analysis
