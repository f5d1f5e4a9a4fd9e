#include <torch/types.h>

#include <cmath>
#include <deque>
#include <filesystem>
#include <map>

#include "models/network.h"
#include "sim/core/error.h"
#include "workloads/safetensors.h"

namespace fluence::models {
namespace {

// Parameters and floating-point buffers by name.
std::map<std::string, torch::Tensor> state_of(const torch::nn::Module& network) {
    std::map<std::string, torch::Tensor> state;
    for (const auto& item : network.named_parameters()) {
        state[item.key()] = item.value();
    }
    for (const auto& item : network.named_buffers()) {
        if (item.value().is_floating_point()) {
            state[item.key()] = item.value();
        }
    }
    return state;
}

}  // namespace

void save_weights(const torch::nn::Module& network, const std::string& path) {
    workloads::SafetensorsWriter writer;
    std::deque<std::vector<float>> kept;  // the writer copies nothing
    for (const auto& [name, tensor] : state_of(network)) {
        const torch::Tensor values = tensor.detach().to(torch::kCPU, torch::kFloat).contiguous();
        kept.emplace_back(values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
        writer.add(name, values.sizes().vec(), kept.back());
    }
    const std::string temporary = path + ".part";
    workloads::write_safetensors(writer, temporary);
    std::error_code error;
    std::filesystem::rename(temporary, path, error);
    if (error) {
        throw InputError(path, "", "cannot be written: " + error.message());
    }
}

void load_weights(torch::nn::Module& network, const std::string& path) {
    workloads::SafetensorsFile file(path);
    const torch::NoGradGuard no_gradients;
    const auto state = state_of(network);
    for (const auto& [name, tensor] : state) {
        std::vector<float> values = file.read<float>(name, tensor.sizes().vec());
        for (const float value : values) {
            if (!std::isfinite(value)) {
                throw InputError(path, name, "holds a NaN or an infinite value");
            }
        }
        torch::Tensor target = tensor;
        target.copy_(torch::from_blob(values.data(), tensor.sizes(), torch::kFloat));
    }
    for (const auto& [name, entry] : file.entries()) {
        if (state.count(name) == 0) {
            throw InputError(path, name, "is no weight of this network");
        }
    }
}

}  // namespace fluence::models
