// The remarks a report makes about its own figures.
#pragma once

#include <string>
#include <vector>

#include "analysis/summary.h"

namespace fluence::analysis {

// Incomplete results, the reference, dependent draws, policies without effect, small cells. Reads every
// member of `summary` but the notes.
std::vector<std::string> notes_on(const Summary& summary);

}  // namespace fluence::analysis
