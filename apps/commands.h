// The subcommands of `fluence`; one file each (apps/command_NAME.cpp). A command parses its own options
// with Boost.Program_options and leaves the work to the libraries.
#pragma once

#include <string>
#include <vector>

namespace fluence::apps {

// Arguments behind the subcommand's name. Returns the exit code; may throw InputError (exit code 2).
using Arguments = std::vector<std::string>;

struct Command {
    const char* name;
    const char* summary;  // one line for `fluence --help`
    int (*run)(const Arguments&);
};

// In the order of `fluence --help`.
const std::vector<Command>& commands();

}  // namespace fluence::apps
