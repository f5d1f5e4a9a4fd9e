#include "sim/core/config_search.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "sim/core/error.h"

namespace fluence {
namespace {

namespace fs = std::filesystem;

bool holds_configs(const fs::path& folder) {
    std::error_code ignored;
    return fs::is_directory(folder / "configs" / "accelerators", ignored);
}

}  // namespace

std::string home_directory() {
    if (const char* home = std::getenv("FLUENCE_HOME")) {
        return home;
    }
    std::error_code ignored;
    for (fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
        if (holds_configs(folder)) {
            return folder.string();
        }
        if (folder == folder.parent_path()) {
            break;
        }
    }
    return FLUENCE_HOME_FALLBACK;
}

std::vector<std::string> config_names(const std::string& kind) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(fs::path(home_directory()) / "configs" / kind, error)) {
        if (entry.path().extension() == ".json") {
            names.push_back(entry.path().stem().string());
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string find_config(const std::string& kind, const std::string& name, const std::string& referring_file,
                        const std::string& key) {
    const bool is_path = name.find('/') != std::string::npos || fs::path(name).extension() == ".json";
    std::vector<fs::path> candidates;
    if (is_path) {
        candidates.emplace_back(name);
        if (!referring_file.empty()) {
            candidates.push_back(fs::path(referring_file).parent_path() / name);
        }
        candidates.push_back(fs::path(home_directory()) / name);
    } else {
        candidates.push_back(fs::path(home_directory()) / "configs" / kind / (name + ".json"));
    }
    for (const fs::path& candidate : candidates) {
        std::error_code ignored;
        if (fs::is_regular_file(candidate, ignored)) {
            return candidate.string();
        }
    }
    std::string valid;
    for (const std::string& preset : config_names(kind)) {
        valid += (valid.empty() ? "" : ", ") + preset;
    }
    throw InputError(referring_file, key, "there is no \"" + name + "\" in " + kind,
                     valid + ", or the path of a JSON file");
}

}  // namespace fluence
