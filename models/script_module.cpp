#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/serialization/import.h>

#include <filesystem>

#include "models/network.h"
#include "models/script_graph.h"
#include "models/script_reader.h"
#include "sim/core/error.h"

namespace fluence::models {

namespace jit = torch::jit;

struct ScriptModule::Impl {
    jit::Module module;
};

namespace {

// What Torch says without its backtrace, on one line.
std::string first_line(const std::exception& error) {
    const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
    const std::string text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
    return text.substr(0, text.find('\n'));
}

// The same tree of parameters and buffers as the Torch module, as TorchScript knows it; the tracer
// recognises the tensors by identity.
jit::Module mirror(const torch::nn::Module& from, const std::string& type,
                   const std::shared_ptr<jit::CompilationUnit>& unit) {
    jit::Module to(c10::QualifiedName(type), unit, true);
    to.register_attribute("training", c10::BoolType::get(), false);
    for (const auto& item : from.named_parameters(false)) {
        to.register_parameter(item.key(), item.value(), false);
    }
    for (const auto& item : from.named_buffers(false)) {
        to.register_parameter(item.key(), item.value(), true);
    }
    for (const auto& item : from.named_children()) {
        to.register_module(item.key(), mirror(*item.value(), type + "_" + item.key(), unit));
    }
    return to;
}

jit::Module trace(Network& network, const workloads::Shape& input) {
    network.eval();
    const torch::NoGradGuard no_gradients;
    const auto unit = std::make_shared<jit::CompilationUnit>();
    jit::Module module = mirror(network, "__torch__." + network.name(), unit);
    const at::Tensor example = at::zeros({1, input.channels, input.height, input.width}, at::kFloat);
    const auto run = [&](jit::Stack stack) { return jit::Stack{network.forward(stack.at(0).toTensor())}; };
    const auto no_names = [](const torch::autograd::Variable&) { return std::string(); };
    const auto traced = jit::tracer::trace({example}, run, no_names, true, false, &module, {"images"});
    const c10::QualifiedName method(*module.type()->name(), "forward");
    module.type()->addMethod(unit->create_function(method, traced.first->graph));
    return module;
}

}  // namespace

ScriptModule::ScriptModule(std::string source, std::shared_ptr<Impl> impl)
    : source_(std::move(source)), impl_(std::move(impl)) {}

ScriptModule ScriptModule::load(const std::string& path) {
    if (!std::filesystem::is_regular_file(path)) {
        throw InputError(path, "", "there is no such TorchScript file");
    }
    try {
        jit::Module module = jit::load(path, at::Device(at::kCPU));
        if (!module.find_method("forward")) {
            throw InputError(path, "", "has no forward(); save a module, for instance with torch.jit.trace");
        }
        if (module.hasattr("training")) {
            module.eval();
        }
        return {path, std::make_shared<Impl>(Impl{module})};
    } catch (const c10::Error& error) {
        throw InputError(path, "", "is not a TorchScript file: " + first_line(error));
    }
}

ScriptModule ScriptModule::from_registry(const std::string& network, const std::string& weights,
                                         const workloads::Shape& input, int classes) {
    const std::shared_ptr<Network> built = make_network(network, input, classes);
    if (!weights.empty()) {
        load_weights(*built, weights);
    }
    return {weights.empty() ? network : weights, std::make_shared<Impl>(Impl{trace(*built, input)})};
}

at::Tensor ScriptModule::forward(const at::Tensor& batch) const {
    const torch::NoGradGuard no_gradients;
    try {
        const jit::IValue result = impl_->module.forward({batch});
        if (!result.isTensor() || result.toTensor().dim() < 2 || result.toTensor().size(0) != batch.size(0)) {
            throw InputError(source_, "forward", "does not return one row of logits an image");
        }
        return result.toTensor().flatten(1);
    } catch (const InputError&) {
        throw;
    } catch (const std::exception& error) {
        throw InputError(
            source_, "forward",
            "fails on images of this data set (" + first_line(error) + "); does the data set fit the model?");
    }
}

std::int64_t ScriptModule::parameters() const {
    std::int64_t count = 0;
    for (const at::Tensor& parameter : impl_->module.parameters()) {
        count += parameter.numel();
    }
    return count;
}

FloatGraph ScriptModule::graph(const workloads::Shape& input, std::vector<std::string>& report) const {
    const torch::NoGradGuard no_gradients;
    std::shared_ptr<jit::Graph> graph;
    try {
        const jit::Module frozen =
            impl_->module.hasattr("training") ? jit::freeze_module(impl_->module) : impl_->module;
        graph = frozen.get_method("forward").graph()->copy();
        jit::Inline(*graph);
    } catch (const std::exception& error) {
        throw InputError(source_, "", "cannot be frozen: " + first_line(error));
    }
    return ScriptReader(source_, report).read(*graph, input);
}

}  // namespace fluence::models
