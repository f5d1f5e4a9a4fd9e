// Words for messages.
#pragma once

#include <string>
#include <vector>

namespace fluence {

// "a, b, c"; empty for no words.
inline std::string comma_list(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) {
        line += (line.empty() ? "" : ", ") + word;
    }
    return line;
}

}  // namespace fluence
