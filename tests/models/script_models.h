// TorchScript modules written as source, saved and read back: the whole way of an imported file.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace fluence::test {

struct ScriptSource {
    std::string forward;                        // statements of forward(self, x), one a line
    std::map<std::string, at::Tensor> weights;  // self.NAME
};

// Saves the module as `path`.
void save_script(const ScriptSource& source, const std::string& path);

// Reproducible normal weights.
at::Tensor weights(const std::vector<std::int64_t>& shape, std::int64_t seed);

}  // namespace fluence::test
