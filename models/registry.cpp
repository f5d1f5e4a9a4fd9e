#include "models/registry.h"

#include <array>

#include "models/network.h"
#include "sim/core/error.h"

namespace fluence::models {
namespace {

struct Row {
    NetworkInfo info;
    std::shared_ptr<Network> (*make)(const workloads::Shape& input, int classes);
};

constexpr std::array<Row, 2> kRows = {{
    {{"lenet5", "LeNet-5 with ReLU and max pooling, 28x28 or 32x32 images"}, make_lenet5},
    {{"resnet20", "ResNet-20 with parameter-free shortcuts (option A), 32x32 images"}, make_resnet20},
}};

}  // namespace

std::vector<NetworkInfo> networks() {
    std::vector<NetworkInfo> list;
    for (const Row& row : kRows) {
        list.push_back(row.info);
    }
    return list;
}

bool is_network(const std::string& name) {
    for (const Row& row : kRows) {
        if (name == row.info.name) {
            return true;
        }
    }
    return false;
}

std::shared_ptr<Network> make_network(const std::string& name, const workloads::Shape& input, int classes) {
    std::string valid;
    for (const Row& row : kRows) {
        if (name == row.info.name) {
            return row.make(input, classes);
        }
        valid += (valid.empty() ? "" : ", ") + std::string(row.info.name);
    }
    throw InputError("network", "", "there is no network \"" + name + "\"", valid);
}

}  // namespace fluence::models
