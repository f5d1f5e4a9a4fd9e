// Lists of numbers as options: "0.485,0.456,0.406".
#pragma once

#include <string>
#include <vector>

namespace fluence::apps {

// Throws InputError naming the command and its option where a word is not a number.
std::vector<double> number_list(const std::string& command, const std::string& option,
                                const std::string& text);

}  // namespace fluence::apps
