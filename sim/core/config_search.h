// Where named presets live: accelerators, policies and experiments ship as JSON under configs/.
#pragma once

#include <string>
#include <vector>

namespace fluence {

// Path of `name` of a kind ("accelerators", "policies", "experiments"). A name with a slash or ending in
// .json is a path: taken as it is, or relative to the folder of `referring_file`, or to home_directory().
// Otherwise it is configs/<kind>/<name>.json under $FLUENCE_HOME, the folders above the program, or the
// source tree. Throws InputError listing the presets when there is no such file.
std::string find_config(const std::string& kind, const std::string& name,
                        const std::string& referring_file = "", const std::string& key = "");
// Names of the presets of a kind, sorted.
std::vector<std::string> config_names(const std::string& kind);
// The folder that holds configs/ (and the shipped weights).
std::string home_directory();

}  // namespace fluence
