// The one exception type for bad input. Programs print `what()` as one line and exit with code 2.
#pragma once

#include <stdexcept>
#include <string>

namespace fluence {

// What the user gave cannot be used. The line reads `file: key: reason (valid: values)`; empty parts
// are left out. Control characters, which names in damaged files may hold, become '?': it stays one line.
class InputError : public std::runtime_error {
  public:
    InputError(const std::string& file, const std::string& key, const std::string& reason,
               const std::string& valid = "");
};

// The exit code of a program that met an InputError.
inline constexpr int kInputErrorExitCode = 2;

}  // namespace fluence
