// What fluence selfcheck prints.
#pragma once

#include <iosfwd>
#include <string>

#include "sim/check/tally.h"
#include "sim/check/word_check.h"

namespace fluence::apps {

// Depends on the tally and the seed alone: the same for any number of jobs.
void print_tally(std::ostream& stream, const check::Tally& tally, std::uint64_t seed);
void print_case(std::ostream& stream, const check::Case& one);
// The same of machines of words.
void print_word_tally(std::ostream& stream, const check::WordReport& report, std::uint64_t seed);
void print_word_case(std::ostream& stream, const check::WordCase& one);

}  // namespace fluence::apps
