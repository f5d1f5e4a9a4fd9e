#include "apps/number_list_torch.h"

#include <sstream>

#include "sim/core/error.h"

namespace fluence::apps {

std::vector<double> number_list(const std::string& command, const std::string& option,
                                const std::string& text) {
    std::vector<double> values;
    std::istringstream stream(text);
    for (std::string word; std::getline(stream, word, ',');) {
        std::size_t used = 0;
        try {
            values.push_back(std::stod(word, &used));
        } catch (const std::exception&) {
            used = 0;
        }
        if (used == 0 || used != word.size()) {
            throw InputError("fluence " + command, "--" + option, "\"" + word + "\" is not a number");
        }
    }
    return values;
}

}  // namespace fluence::apps
