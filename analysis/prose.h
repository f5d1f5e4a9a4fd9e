// Sentences that the terminal's report and the page share.
#pragma once

#include <string>
#include <vector>

#include "analysis/summary.h"

namespace fluence::analysis {

// "LeNet-5 on edge-16x16".
std::string headline(const Summary& summary);
// "no effect on any fault", "never acted" (it corrected, detected and suppressed nothing, but its timing let
// faults end otherwise); empty for the reference and for policies that acted.
std::string effect_remark(const Summary& summary, std::size_t policy);
// "Fault model seu, seed 1: 2,000 faults on 200 images, one upset an inference, the same faults for each of 5
// policies. Intervals: 95 % Wilson."
std::string sample_line(const Summary& summary);

// How to read one figure of the tables.
struct Definition {
    std::string term, meaning;
};
std::vector<Definition> definitions(const Summary& summary);

}  // namespace fluence::analysis
