#include "models/chain.h"

#include <ATen/ATen.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "sim/core/error.h"
#include "sim/core/text.h"

namespace fluence::models {

namespace nn = torch::nn;

Chain& Chain::conv(const std::string& name, const ConvShape& s) {
    nn::Conv2d module(nn::Conv2dOptions(s.in, s.out, s.kernel)
                          .stride(s.stride)
                          .padding(s.pad)
                          .groups(s.groups)
                          .bias(s.bias));
    nn::init::kaiming_normal_(module->weight);
    register_module(name, module);
    return step([module](const torch::Tensor& x) mutable { return module->forward(x); });
}

Chain& Chain::norm(const std::string& name, int channels, double epsilon) {
    nn::BatchNorm2d module(nn::BatchNorm2dOptions(channels).eps(epsilon));
    register_module(name, module);
    return step([module](const torch::Tensor& x) mutable { return module->forward(x); });
}

Chain& Chain::linear(const std::string& name, int in, int out) {
    nn::Linear module(in, out);
    register_module(name, module);
    return step([module](const torch::Tensor& x) mutable { return module->forward(x); });
}

Chain& Chain::relu() {
    return step([](const torch::Tensor& x) { return at::relu(x); });
}

Chain& Chain::relu6() {
    return step([](const torch::Tensor& x) { return at::hardtanh(x, 0, 6); });
}

Chain& Chain::max_pool(int kernel, int stride, int pad, bool ceil) {
    return step([=](const torch::Tensor& x) {
        return at::max_pool2d(x, {kernel, kernel}, {stride, stride}, {pad, pad}, {1, 1}, ceil);
    });
}

Chain& Chain::adaptive_avg_pool(int side) {
    return step([=](const torch::Tensor& x) { return at::adaptive_avg_pool2d(x, {side, side}); });
}

Chain& Chain::flatten() {
    return step([](const torch::Tensor& x) { return at::flatten(x, 1); });
}

Chain& Chain::then(const std::string& name, const ChainPtr& chain) {
    register_module(name, chain);
    return step([chain](const torch::Tensor& x) { return chain->forward(x); });
}

Chain& Chain::concat(const Named& parts) {
    for (const auto& [name, part] : parts) {
        if (!name.empty()) {
            register_module(name, part);
            continue;
        }
        for (const auto& child : part->named_children()) {
            register_module(child.key(), child.value());
        }
    }
    return step([parts](const torch::Tensor& x) {
        std::vector<torch::Tensor> outputs;
        for (const auto& [name, part] : parts) {
            outputs.push_back(part->forward(x));
        }
        return at::cat(outputs, 1);
    });
}

Chain& Chain::step(Step step) {
    steps_.push_back(std::move(step));
    return *this;
}

Chain& Chain::add_input(const std::string& name, const ChainPtr& chain) {
    if (chain == nullptr) {
        return add_input([](const torch::Tensor& x) { return x; });
    }
    register_module(name, chain);
    return add_input([chain](const torch::Tensor& x) { return chain->forward(x); });
}

Chain& Chain::add_input(const Step& shortcut) {
    std::vector<Step> main = std::move(steps_);
    steps_.clear();
    return step([main, shortcut](const torch::Tensor& x) {
        torch::Tensor y = x;
        for (const Step& step : main) {
            y = step(y);
        }
        return y + shortcut(x);
    });
}

torch::Tensor Chain::forward(torch::Tensor x) {
    for (const Step& step : steps_) {
        x = step(x);
    }
    return x;
}

namespace {

[[noreturn]] void refuse(const std::string& network, const workloads::Shape& input,
                         const std::string& valid) {
    throw InputError(
        network, "",
        "cannot take images of " + std::to_string(input.height) + "x" + std::to_string(input.width), valid);
}

}  // namespace

void require_sides(const std::string& network, const workloads::Shape& input, const std::vector<int>& sides) {
    std::vector<std::string> valid;
    for (const int side : sides) {
        if (input.height == side && input.width == side) {
            return;
        }
        valid.push_back(std::to_string(side) + "x" + std::to_string(side));
    }
    refuse(network, input, comma_list(valid));
}

void require_multiple(const std::string& network, const workloads::Shape& input, int unit, int least) {
    if (input.height != input.width || input.height % unit != 0 || input.height < least) {
        refuse(network, input,
               "square images, sides divisible by " + std::to_string(unit) + ", at least " +
                   std::to_string(least));
    }
}

}  // namespace fluence::models
