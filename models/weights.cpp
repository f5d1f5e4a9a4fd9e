#include <torch/serialize.h>
#include <torch/types.h>

#include <cmath>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>

#include "models/network.h"
#include "sim/core/error.h"
#include "workloads/safetensors.h"

namespace fluence::models {

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

namespace {

using Weights = std::map<std::string, torch::Tensor>;

Weights read_safetensors(const std::string& path, const Weights& state) {
    workloads::SafetensorsFile file(path);
    Weights weights;
    for (const auto& [name, entry] : file.entries()) {
        const auto wanted = state.find(name);
        if (wanted == state.end()) {
            weights[name] = torch::Tensor();  // refused below
            continue;
        }
        std::vector<float> values = file.read<float>(name, wanted->second.sizes().vec());
        weights[name] = torch::from_blob(values.data(), wanted->second.sizes(), torch::kFloat).clone();
    }
    return weights;
}

// What torch.save(model.state_dict()) writes. Only tensors by name are read out of it; no code runs.
Weights read_state_dict(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    if (!stream) {
        throw InputError(path, "", "cannot be opened for reading");
    }
    Weights weights;
    try {
        const c10::IValue value = torch::pickle_load(bytes);
        if (!value.isGenericDict()) {
            throw InputError(path, "", "holds no state dict",
                             "what torch.save(model.state_dict(), ...) writes");
        }
        for (const auto& entry : value.toGenericDict()) {
            if (!entry.key().isString() || !entry.value().isTensor()) {
                throw InputError(path, "", "holds something else than tensors by name",
                                 "what torch.save(model.state_dict(), ...) writes");
            }
            weights[entry.key().toStringRef()] = entry.value().toTensor();
        }
    } catch (const InputError&) {
        throw;
    } catch (const std::exception& error) {
        const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
        const std::string text =
            torch_error != nullptr ? torch_error->what_without_backtrace() : std::string(error.what());
        throw InputError(path, "", "is no state dict: " + text.substr(0, text.find('\n')),
                         "what torch.save(model.state_dict(), ...) writes");
    }
    return weights;
}

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Counters of batch norm, and classifiers that only training uses (torchvision's GoogLeNet).
bool is_only_for_training(const std::string& name) {
    return ends_with(name, "num_batches_tracked") || name.rfind("aux1.", 0) == 0 ||
           name.rfind("aux2.", 0) == 0;
}

std::string shown(at::IntArrayRef sizes) {
    std::string text;
    for (const std::int64_t size : sizes) {
        text += (text.empty() ? "" : "x") + std::to_string(size);
    }
    return text.empty() ? "a single number" : text;
}

void check_weight(const std::string& path, const std::string& name, const torch::Tensor& given,
                  const torch::Tensor& wanted) {
    if (given.sizes() != wanted.sizes() || !given.is_floating_point()) {
        throw InputError(path, name, "has the shape " + shown(given.sizes()) + " or holds no real numbers",
                         shown(wanted.sizes()));
    }
    if (!torch::isfinite(given).all().item<bool>()) {
        throw InputError(path, name, "holds a NaN or an infinite value");
    }
}

}  // namespace

void load_weights(torch::nn::Module& network, const std::string& path) {
    const torch::NoGradGuard no_gradients;
    const Weights state = state_of(network);
    const bool safetensors = !ends_with(path, ".pth") && !ends_with(path, ".pt");
    const Weights weights = safetensors ? read_safetensors(path, state) : read_state_dict(path);
    for (const auto& [name, given] : weights) {
        if (state.count(name) == 0 && !is_only_for_training(name)) {
            throw InputError(path, name, "is no weight of this network");
        }
    }
    for (const auto& [name, target] : state) {
        const auto given = weights.find(name);
        if (given == weights.end()) {
            throw InputError(path, name, "is missing");
        }
        check_weight(path, name, given->second, target);
        torch::Tensor(target).copy_(given->second);
    }
}

}  // namespace fluence::models
