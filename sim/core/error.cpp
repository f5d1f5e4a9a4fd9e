#include "sim/core/error.h"

namespace fluence {
namespace {

std::string compose(const std::string& file, const std::string& key, const std::string& reason,
                    const std::string& valid) {
    std::string line;
    for (const std::string* part : {&file, &key}) {
        if (!part->empty()) {
            line += *part + ": ";
        }
    }
    line += reason;
    if (!valid.empty()) {
        line += " (valid: " + valid + ")";
    }
    return line;
}

}  // namespace

InputError::InputError(const std::string& file, const std::string& key, const std::string& reason,
                       const std::string& valid)
    : std::runtime_error(compose(file, key, reason, valid)) {}

}  // namespace fluence
