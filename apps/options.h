// Command-line parsing shared by the subcommands.
#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/commands.h"

namespace fluence::apps {

namespace po = boost::program_options;

// Parses `arguments`; `positional` names the options that bare arguments go to, in order, one each; a
// composing option takes all that remain. Adds --help and --version; when one of them was given it is printed
// and nothing is returned. Unknown or malformed options are an InputError. `usage` is printed above the
// options, `examples` below.
std::optional<po::variables_map> parse_options(const std::string& command, const std::string& usage,
                                               po::options_description& options,
                                               const std::vector<std::string>& positional,
                                               const Arguments& arguments, const std::string& examples = "");

// The words of "a,b,c".
std::vector<std::string> comma_separated(const std::string& list);

// "fluence 0.1.0".
std::string version_line();

}  // namespace fluence::apps
