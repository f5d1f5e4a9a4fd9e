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
    constexpr unsigned char kFirstPrintable = 0x20, kDelete = 0x7F;
    for (char& c : line) {
        const auto byte = static_cast<unsigned char>(c);
        c = byte < kFirstPrintable || byte == kDelete ? '?' : c;
    }
    return line;
}

}  // namespace

InputError::InputError(const std::string& file, const std::string& key, const std::string& reason,
                       const std::string& valid)
    : std::runtime_error(compose(file, key, reason, valid)) {}

}  // namespace fluence
