// Enforces the dependency table of docs/architecture.md: every #include of every source file is allowed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Rule {
    std::set<std::string> folders;  // of Fluence, besides its own
    std::set<std::string> outside;  // first path component or whole header of a restricted dependency
};

const std::map<std::string, Rule>& rules() {
    static const std::map<std::string, Rule> table = {
        {"sim/core", {{}, {"Random123"}}},
        {"workloads", {{"sim/core"}, {}}},
        {"traces", {{"sim/core"}, {}}},
        {"sim/arith", {{"sim/core", "workloads"}, {"dnnl.hpp"}}},
        {"sim/dataflow", {{"sim/core", "workloads", "traces"}, {}}},
        {"sim/array", {{"sim/core", "sim/dataflow", "traces"}, {}}},
        {"sim/crosscheck", {{"sim/core", "sim/dataflow", "sim/array", "traces"}, {}}},
        {"sim/cost", {{"sim/core"}, {}}},
        {"sim/statistics", {{"sim/core"}, {}}},
        {"sim/protect", {{"sim/core", "workloads", "sim/arith", "sim/cost"}, {}}},
        {"sim/fault",
         {{"sim/core", "workloads", "sim/arith", "sim/dataflow", "sim/array", "sim/protect", "traces"}, {}}},
        {"sim/words",
         {{"sim/core", "workloads", "sim/arith", "sim/dataflow", "sim/array", "sim/protect", "sim/fault",
           "traces"},
          {}}},
        {"sim/accel",
         {{"sim/core", "workloads", "sim/arith", "sim/dataflow", "sim/array", "sim/protect", "sim/cost",
           "traces"},
          {"systemc", "tlm.h", "tlm_utils"}}},
        {"sim/cluster", {{"sim/core", "sim/cluster/mpi"}, {}}},
        {"sim/cluster/mpi", {{"sim/cluster"}, {"mpi.h"}}},
        {"sim/campaign",
         {{"sim/core", "workloads", "sim/arith", "sim/dataflow", "sim/array", "sim/protect", "sim/cost",
           "sim/fault", "sim/words", "sim/accel", "sim/cluster", "sim/statistics", "traces"},
          {"sqlite3.h"}}},
        {"sim/check",
         {{"sim/core", "workloads", "sim/arith", "sim/dataflow", "sim/array", "sim/protect", "sim/cost",
           "sim/fault", "sim/words", "sim/accel", "sim/campaign", "traces"},
          {}}},
        {"analysis",
         {{"sim/core", "traces", "sim/campaign", "sim/fault", "sim/arith", "sim/protect", "sim/statistics",
           "workloads"},
          {}}},
        {"models", {{"sim/core", "workloads", "models/onnx"}, {"torch", "ATen", "c10"}}},
        {"models/onnx", {{"sim/core"}, {"onnx", "google"}}},
    };
    return table;
}

// Dependencies that only the folders naming them in their rule may include.
const std::set<std::string>& restricted() {
    static const std::set<std::string> names = {"torch",     "ATen",  "c10",       "systemc",
                                                "systemc.h", "tlm.h", "tlm_utils", "sqlite3.h",
                                                "dnnl.hpp",  "mpi.h", "onnx",      "google"};
    return names;
}

struct Include {
    std::string folder;  // of the including file
    std::string file;
    std::string target;
};

std::vector<Include> includes_below(const std::string& folder) {
    static const std::regex pattern(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
    std::vector<Include> found;
    const fs::path root = fs::path(FLUENCE_SOURCE_DIR) / folder;
    for (const auto& entry : fs::directory_iterator(root)) {
        const std::string extension = entry.path().extension().string();
        if (extension != ".h" && extension != ".cpp") {
            continue;
        }
        std::ifstream stream(entry.path());
        std::string line;
        while (std::getline(stream, line)) {
            std::smatch match;
            if (std::regex_search(line, match, pattern)) {
                found.push_back({folder, entry.path().filename().string(), match[1]});
            }
        }
    }
    return found;
}

bool allowed(const Include& include) {
    const Rule& rule = rules().at(include.folder);
    for (const auto& [folder, unused] : rules()) {
        if (fs::path(include.target).parent_path() == folder) {
            return folder == include.folder || rule.folders.count(folder) != 0;
        }
    }
    if (include.target.rfind("apps/", 0) == 0 || include.target.rfind("tests/", 0) == 0) {
        return false;
    }
    const std::string first = *fs::path(include.target).begin();
    return restricted().count(first) == 0 || rule.outside.count(first) != 0;
}

TEST(Architecture, EveryIncludeIsInTheDependencyTable) {
    for (const auto& [folder, unused] : rules()) {
        for (const Include& include : includes_below(folder)) {
            EXPECT_TRUE(allowed(include)) << folder << "/" << include.file << " includes " << include.target;
        }
    }
}

TEST(Architecture, TheCheckFindsForbiddenIncludes) {
    EXPECT_FALSE(allowed({"workloads", "x.cpp", "torch/torch.h"}));
    EXPECT_FALSE(allowed({"models", "x.cpp", "sim/arith/engine.h"}));
    EXPECT_FALSE(allowed({"sim/fault", "x.cpp", "sim/accel/machine.h"}));
    EXPECT_FALSE(allowed({"sim/campaign", "x.cpp", "systemc"}));
    EXPECT_TRUE(allowed({"sim/accel", "x.cpp", "systemc"}));
    EXPECT_TRUE(allowed({"sim/fault", "x.cpp", "sim/arith/engine.h"}));
}

TEST(Architecture, EveryFolderWithSourcesHasARule) {
    std::set<std::string> folders;
    for (const char* top : {"sim", "models", "workloads", "traces", "analysis"}) {
        for (const auto& entry : fs::recursive_directory_iterator(fs::path(FLUENCE_SOURCE_DIR) / top)) {
            if (entry.path().extension() == ".cpp" || entry.path().extension() == ".h") {
                folders.insert(fs::relative(entry.path().parent_path(), FLUENCE_SOURCE_DIR).string());
            }
        }
    }
    for (const std::string& folder : folders) {
        EXPECT_EQ(rules().count(folder), 1U) << folder;
    }
}

}  // namespace
