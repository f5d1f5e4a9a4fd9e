#include "models/registry.h"

#include <algorithm>
#include <array>

#include "models/network.h"
#include "sim/core/error.h"
#include "sim/core/text.h"

namespace fluence::models {
namespace {

struct Row {
    NetworkInfo info;
    std::shared_ptr<Network> (*make)(const workloads::Shape& input, int classes);
};

constexpr workloads::Shape kCifar = {3, 32, 32};
constexpr workloads::Shape kImageNet = {3, 224, 224};

constexpr std::array<Row, 17> kRows = {{
    {{"lenet5", "LeNet-5 with ReLU and max pooling, 28x28 or 32x32 images", {1, 28, 28}, 10}, make_lenet5},
    {{"allcnnc", "All-CNN-C, 32x32 images", kCifar, 10}, make_allcnnc},
    {{"resnet18", "ResNet-18 of 64 to 512 channels for 32x32 images", kCifar, 10}, make_resnet18},
    {{"resnet20", "ResNet-20 with parameter-free shortcuts (option A), 32x32 images", kCifar, 10},
     make_resnet20},
    {{"resnet32", "ResNet-32 with parameter-free shortcuts (option A), 32x32 images", kCifar, 10},
     make_resnet32},
    {{"resnet56", "ResNet-56 with parameter-free shortcuts (option A), 32x32 images", kCifar, 10},
     make_resnet56},
    {{"vgg16_cifar", "VGG-16 with batch norm and one linear layer, 32x32 images", kCifar, 10},
     make_vgg16_cifar},
    {{"resnet34", "ResNet-34, 64x64 images (Tiny-ImageNet) or larger", {3, 64, 64}, 200}, make_resnet34},
    {{"alexnet", "AlexNet, 224x224 images", kImageNet, 1000}, make_alexnet},
    {{"googlenet", "GoogLeNet with batch norm, 224x224 images", kImageNet, 1000}, make_googlenet},
    {{"mobilenet_v2", "MobileNetV2, 224x224 images", kImageNet, 1000}, make_mobilenet_v2},
    {{"shufflenet_v2", "ShuffleNetV2 x1.0, 224x224 images", kImageNet, 1000}, make_shufflenet_v2},
    {{"squeezenet1_0", "SqueezeNet 1.0, 224x224 images", kImageNet, 1000}, make_squeezenet1_0},
    {{"squeezenet1_1", "SqueezeNet 1.1, 224x224 images", kImageNet, 1000}, make_squeezenet1_1},
    {{"resnet50", "ResNet-50, 224x224 images", kImageNet, 1000}, make_resnet50},
    {{"vgg16", "VGG-16, 224x224 images", kImageNet, 1000}, make_vgg16},
    {{"vgg19", "VGG-19, 224x224 images", kImageNet, 1000}, make_vgg19},
}};

const Row* find_row(const std::string& name) {
    const auto row =
        std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return name == r.info.name; });
    return row == kRows.end() ? nullptr : &*row;
}

const Row& row_of(const std::string& name) {
    const Row* row = find_row(name);
    if (row == nullptr) {
        std::vector<std::string> valid;
        for (const Row& r : kRows) {
            valid.emplace_back(r.info.name);
        }
        throw InputError("network", "", "there is no network \"" + name + "\"", comma_list(valid));
    }
    return *row;
}

}  // namespace

std::vector<NetworkInfo> networks() {
    std::vector<NetworkInfo> list;
    for (const Row& row : kRows) {
        list.push_back(row.info);
    }
    return list;
}

bool is_network(const std::string& name) {
    return find_row(name) != nullptr;
}

const NetworkInfo& network_info(const std::string& name) {
    return row_of(name).info;
}

std::shared_ptr<Network> make_network(const std::string& name, const workloads::Shape& input, int classes) {
    return row_of(name).make(input, classes);
}

}  // namespace fluence::models
