// LeNet-5 (LeCun et al., Proc. IEEE 86(11), 1998) as it is trained today: ReLU, max pooling, all feature maps
// of the second convolution connected.
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "models/network.h"
#include "sim/core/error.h"

namespace fluence::models {
namespace {

namespace nn = torch::nn;

constexpr int kSide = 32;  // smaller images of 28 get two pixels of padding

class LeNet5 : public Network {
  public:
    LeNet5(const workloads::Shape& input, int classes) : Network("LeNet5") {
        const int padding = (kSide - input.height) / 2;
        conv1 =
            register_module("conv1", nn::Conv2d(nn::Conv2dOptions(input.channels, 6, 5).padding(padding)));
        conv2 = register_module("conv2", nn::Conv2d(nn::Conv2dOptions(6, 16, 5)));
        fc1 = register_module("fc1", nn::Linear(16 * 5 * 5, 120));
        fc2 = register_module("fc2", nn::Linear(120, 84));
        fc3 = register_module("fc3", nn::Linear(84, classes));
    }

    torch::Tensor forward(torch::Tensor x) override {
        x = torch::max_pool2d(torch::relu(conv1(x)), 2);
        x = torch::max_pool2d(torch::relu(conv2(x)), 2);
        x = torch::relu(fc1(torch::flatten(x, 1)));
        return fc3(torch::relu(fc2(x)));
    }

  private:
    nn::Conv2d conv1 = nullptr, conv2 = nullptr;
    nn::Linear fc1 = nullptr, fc2 = nullptr, fc3 = nullptr;
};

}  // namespace

std::shared_ptr<Network> make_lenet5(const workloads::Shape& input, int classes) {
    if (input.height != input.width || (input.height != 28 && input.height != kSide)) {
        throw InputError(
            "lenet5", "",
            "cannot take images of " + std::to_string(input.height) + "x" + std::to_string(input.width),
            "28x28, 32x32");
    }
    return std::make_shared<LeNet5>(input, classes);
}

}  // namespace fluence::models
