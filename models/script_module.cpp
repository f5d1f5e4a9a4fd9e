#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/serialization/import.h>

#include <filesystem>
#include <limits>

#include "models/network.h"
#include "models/onnx_translator.h"
#include "models/random_weights.h"
#include "models/script_graph.h"
#include "models/script_reader.h"
#include "sim/core/error.h"

namespace fluence::models {

namespace jit = torch::jit;

struct ScriptModule::Impl {
    jit::Module module;
    std::int64_t constants = 0;  // real numbers outside of the module's parameters
    workloads::Shape declared = {0, 0, 0};
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

bool is_onnx(const std::string& path) {
    return std::filesystem::path(path).extension() == ".onnx";
}

// Images × channels × height × width; 0 channels where one of the three is not said.
workloads::Shape declared_shape(const OnnxGraph& onnx, const std::string& path) {
    const std::vector<std::int64_t>& dims = onnx.input_dims;
    if (!dims.empty() && dims.size() != 4) {
        throw InputError(path, "input " + onnx.input, "has " + std::to_string(dims.size()) + " dimensions",
                         "images x channels x height x width");
    }
    for (std::size_t i = 1; i < dims.size(); ++i) {
        if (dims[i] < 1 || dims[i] > std::numeric_limits<std::int16_t>::max()) {
            return {0, 0, 0};
        }
    }
    return dims.empty() ? workloads::Shape{0, 0, 0}
                        : workloads::Shape{static_cast<int>(dims[1]), static_cast<int>(dims[2]),
                                           static_cast<int>(dims[3])};
}

jit::Module module_of(const OnnxGraph& onnx, const std::string& path) {
    const auto unit = std::make_shared<jit::CompilationUnit>();
    jit::Module module(c10::QualifiedName("__torch__.Onnx"), unit, true);
    const std::shared_ptr<jit::Graph> graph = OnnxTranslator(onnx, path).translate();
    graph->inputs()[0]->setType(module._ivalue()->type());
    const c10::QualifiedName method(*module.type()->name(), "forward");
    module.type()->addMethod(unit->create_function(method, graph));
    return module;
}

std::string shown(const workloads::Shape& s) {
    return std::to_string(s.channels) + "x" + std::to_string(s.height) + "x" + std::to_string(s.width);
}

}  // namespace

ScriptModule::ScriptModule(std::string source, std::shared_ptr<Impl> impl)
    : source_(std::move(source)), impl_(std::move(impl)) {}

ScriptModule ScriptModule::load(const std::string& path) {
    if (is_onnx(path)) {
        const OnnxGraph onnx = read_onnx(path);
        Impl impl{module_of(onnx, path), 0, declared_shape(onnx, path)};
        for (const auto& [name, tensor] : onnx.constants) {
            impl.constants += tensor.is_real ? tensor.elements() : 0;
        }
        return {path, std::make_shared<Impl>(std::move(impl))};
    }
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
        return {path, std::make_shared<Impl>(Impl{module, 0, {0, 0, 0}})};
    } catch (const c10::Error& error) {
        throw InputError(path, "", "is not a TorchScript file: " + first_line(error));
    }
}

ScriptModule ScriptModule::of(Network& network, const std::string& source, const workloads::Shape& input) {
    return {source, std::make_shared<Impl>(Impl{trace(network, input), 0, {0, 0, 0}})};
}

ScriptModule ScriptModule::from_registry(const std::string& network, const std::string& weights,
                                         const workloads::Shape& input, int classes) {
    const std::shared_ptr<Network> built = make_network(network, input, classes);
    if (!weights.empty()) {
        load_weights(*built, weights);
    }
    return of(*built, weights.empty() ? network : weights, input);
}

ScriptModule ScriptModule::with_random_weights(const std::string& network, std::uint64_t seed,
                                               const at::Tensor& images, int classes) {
    torch::manual_seed(seed);
    const workloads::Shape input = {static_cast<int>(images.size(1)), static_cast<int>(images.size(2)),
                                    static_cast<int>(images.size(3))};
    const std::shared_ptr<Network> built = make_network(network, input, classes);
    tell_norms_apart(*built);
    const ScriptModule module = of(*built, network, input);
    std::vector<std::string> report;
    normalise_weights(*built, module.graph(input, report), images);
    return module;
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
    std::int64_t count = impl_->constants;
    for (const at::Tensor& parameter : impl_->module.parameters()) {
        count += parameter.numel();
    }
    return count;
}

const workloads::Shape& ScriptModule::declared_input() const {
    return impl_->declared;
}

FloatGraph ScriptModule::graph(const workloads::Shape& input, std::vector<std::string>& report) const {
    const workloads::Shape& declared = impl_->declared;
    if (declared.channels != 0 && declared != input) {
        throw InputError(source_, "input",
                         "takes images of " + shown(declared) + " and gets " + shown(input) +
                             "; does the data set fit the model?");
    }
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
