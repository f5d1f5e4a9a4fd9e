// What is fuzzed: readers of files that a user gives. Whatever one meets, it either reads the file or throws
// an InputError of one line.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/core/random.h"
#include "tests/fuzz/mutator.h"

namespace fluence::test {

// Writes a damaged file, drawn from the stream, and reads it.
using Body = std::function<void(RandomStream& stream, Mutator& mutate)>;

struct Target {
    const char* name;
    const char* summary;
    Body (*make)(const std::string& folder);  // `folder`: its own, for its files
};

const std::vector<Target>& targets();

Body idx_target(const std::string& folder);
Body cifar_target(const std::string& folder);
Body image_folder_target(const std::string& folder);
Body json_target(const std::string& folder);
Body bundle_target(const std::string& folder);
Body onnx_target(const std::string& folder);
Body onnx_graph_target(const std::string& folder);

}  // namespace fluence::test
