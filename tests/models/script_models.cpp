#include "tests/models/script_models.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

#include <sstream>

#include "sim/core/random.h"

namespace fluence::test {

void save_script(const ScriptSource& source, const std::string& path) {
    torch::jit::Module module("Net");
    module.register_attribute("training", c10::BoolType::get(), false);
    for (const auto& [name, value] : source.weights) {
        module.register_parameter(name, value, false);
    }
    std::string text = "def forward(self, x):\n";
    std::istringstream lines(source.forward);
    for (std::string line; std::getline(lines, line);) {
        text += "    " + line + "\n";
    }
    module.define(text);
    module.save(path);
}

at::Tensor weights(const std::vector<std::int64_t>& shape, std::int64_t seed) {
    RandomStream random(static_cast<std::uint64_t>(seed), RandomPurpose::testing, 0);
    at::Tensor values = at::empty(shape, at::kFloat);
    for (std::int64_t i = 0; i < values.numel(); ++i) {
        values.data_ptr<float>()[i] = static_cast<float>(random.normal());
    }
    return values;
}

}  // namespace fluence::test
