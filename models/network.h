// A network as a Torch module. Includes Torch: for implementation files of models/ only.
#pragma once

#include <torch/nn/module.h>

#include <map>
#include <memory>
#include <string>

#include "workloads/graph.h"

namespace fluence::models {

class Network : public torch::nn::Module {
  public:
    explicit Network(const std::string& name) : Module(name) {}
    // images × channels × height × width → logits, images × classes.
    virtual torch::Tensor forward(torch::Tensor x) = 0;
};

// Throws InputError naming the valid networks where there is none of that name, or where it cannot take
// images of `input`. Weights are drawn from Torch's generator (torch::manual_seed).
std::shared_ptr<Network> make_network(const std::string& name, const workloads::Shape& input, int classes);

// Rows of the table; each throws InputError for images it cannot take.
std::shared_ptr<Network> make_lenet5(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_allcnnc(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_resnet18(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_resnet20(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_resnet32(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_resnet56(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_vgg16_cifar(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_resnet34(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_alexnet(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_googlenet(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_mobilenet_v2(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_shufflenet_v2(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_squeezenet1_0(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_squeezenet1_1(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_resnet50(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_vgg16(const workloads::Shape& input, int classes);
std::shared_ptr<Network> make_vgg19(const workloads::Shape& input, int classes);

// Parameters and floating-point buffers by their names in Torch ("conv1.weight"); they are the network's own.
std::map<std::string, torch::Tensor> state_of(const torch::nn::Module& network);

// Weights and running statistics as safetensors, F32, by their names in Torch ("conv1.weight"). The counters
// of batch norm (num_batches_tracked) have no meaning in inference and are left out. Writing goes through a
// temporary file, so that `path` is whole or as before.
void save_weights(const torch::nn::Module& network, const std::string& path);
// From such a file, or from a state dict that PyTorch saved (.pth, .pt). Throws InputError where the file
// lacks a tensor, has one too many or of another shape, or a NaN.
void load_weights(torch::nn::Module& network, const std::string& path);

}  // namespace fluence::models
