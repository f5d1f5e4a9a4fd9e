// Numbers that a user gives a longer test run.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace fluence::test {

// The variable's number, `otherwise` where it is not set.
inline std::uint64_t environment(const char* name, std::uint64_t otherwise) {
    const char* given = std::getenv(name);
    return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

}  // namespace fluence::test
