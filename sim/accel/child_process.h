// Work in a process of its own, because SystemC allows one elaboration a process.
#pragma once

#include <functional>
#include <string>

namespace fluence::accel {

// Runs `work` in a child process, which starts as a copy of this one, and returns what it returned. An
// InputError is thrown again here as one; any other exception, and an end without a result, as
// std::runtime_error.
std::string in_child_process(const std::function<std::string()>& work);

}  // namespace fluence::accel
