// ResNet-20 for small images (He et al., CVPR 2016, section 4.2): three groups of three blocks with 16, 32
// and 64 channels; shortcuts without parameters (option A: every second pixel, zero channels on both sides).
#include <torch/nn/init.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "models/network.h"
#include "sim/core/error.h"

namespace fluence::models {
namespace {

namespace nn = torch::nn;

nn::Conv2d conv3x3(int in, int out, int stride) {
    nn::Conv2d conv(nn::Conv2dOptions(in, out, 3).stride(stride).padding(1).bias(false));
    nn::init::kaiming_normal_(conv->weight);
    return conv;
}

class BasicBlock : public nn::Module {
  public:
    BasicBlock(int in, int out, int stride) : Module("BasicBlock"), stride_(stride), extra_((out - in) / 2) {
        conv1 = register_module("conv1", conv3x3(in, out, stride));
        bn1 = register_module("bn1", nn::BatchNorm2d(out));
        conv2 = register_module("conv2", conv3x3(out, out, 1));
        bn2 = register_module("bn2", nn::BatchNorm2d(out));
    }

    torch::Tensor forward(const torch::Tensor& x) {
        const torch::Tensor y = bn2(conv2(torch::relu(bn1(conv1(x)))));
        return torch::relu(y + shortcut(x));
    }

  private:
    torch::Tensor shortcut(const torch::Tensor& x) const {
        if (stride_ == 1 && extra_ == 0) {
            return x;
        }
        const torch::Tensor kept = x.slice(2, 0, c10::nullopt, stride_).slice(3, 0, c10::nullopt, stride_);
        return torch::constant_pad_nd(kept, {0, 0, 0, 0, extra_, extra_});
    }

    int stride_;
    std::int64_t extra_;  // zero channels on either side
    nn::Conv2d conv1 = nullptr, conv2 = nullptr;
    nn::BatchNorm2d bn1 = nullptr, bn2 = nullptr;
};

class ResNet20 : public Network {
  public:
    ResNet20(const workloads::Shape& input, int classes) : Network("ResNet20") {
        conv1 = register_module("conv1", conv3x3(input.channels, 16, 1));
        bn1 = register_module("bn1", nn::BatchNorm2d(16));
        layer1 = register_module("layer1", group(16, 16, 1));
        layer2 = register_module("layer2", group(16, 32, 2));
        layer3 = register_module("layer3", group(32, 64, 2));
        linear = register_module("linear", nn::Linear(64, classes));
    }

    torch::Tensor forward(torch::Tensor x) override {
        x = torch::relu(bn1(conv1(x)));
        x = layer3->forward(layer2->forward(layer1->forward(x)));
        x = torch::adaptive_avg_pool2d(x, {1, 1});
        return linear(torch::flatten(x, 1));
    }

  private:
    static nn::Sequential group(int in, int out, int stride) {
        return nn::Sequential(BasicBlock(in, out, stride), BasicBlock(out, out, 1), BasicBlock(out, out, 1));
    }

    nn::Conv2d conv1 = nullptr;
    nn::BatchNorm2d bn1 = nullptr;
    nn::Sequential layer1 = nullptr, layer2 = nullptr, layer3 = nullptr;
    nn::Linear linear = nullptr;
};

}  // namespace

std::shared_ptr<Network> make_resnet20(const workloads::Shape& input, int classes) {
    if (input.height != input.width || input.height % 4 != 0) {
        throw InputError(
            "resnet20", "",
            "cannot take images of " + std::to_string(input.height) + "x" + std::to_string(input.width),
            "square images, sides divisible by 4 (made for 32x32)");
    }
    return std::make_shared<ResNet20>(input, classes);
}

}  // namespace fluence::models
