// Weights from state dicts as PyTorch saves them (a zip archive with a pickle), whole and damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/serialize.h>
#include <torch/types.h>

#include "models/network.h"
#include "sim/core/error.h"
#include "tests/support/temporary_directory.h"

namespace fluence::models {
namespace {

using ::testing::HasSubstr;
using Weights = std::map<std::string, torch::Tensor>;

constexpr workloads::Shape kInput = {1, 28, 28};

Weights copied_state(const torch::nn::Module& network) {
    Weights weights = state_of(network);
    for (auto& item : weights) {
        item.second = item.second.detach().clone();
    }
    return weights;
}

void save_state_dict(const Weights& weights, const std::string& path) {
    c10::Dict<std::string, torch::Tensor> dict;
    for (const auto& [name, value] : weights) {
        dict.insert(name, value);
    }
    const std::vector<char> bytes = torch::pickle_save(dict);
    test::write_file(path, {bytes.begin(), bytes.end()});
}

class StateDict : public ::testing::Test {
  protected:
    StateDict() {
        torch::manual_seed(1);
        from_ = make_network("lenet5", kInput, 10);
        to_ = make_network("lenet5", kInput, 10);
        weights_ = copied_state(*from_);
    }
    std::string message() {
        save_state_dict(weights_, path_);
        try {
            load_weights(*to_, path_);
        } catch (const InputError& error) {
            EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
            return error.what();
        }
        return "no error";
    }
    test::TemporaryDirectory folder_;
    const std::string path_ = folder_.file("lenet5.pth");
    std::shared_ptr<Network> from_, to_;
    Weights weights_;
};

TEST_F(StateDict, MakesTheSameNetwork) {
    weights_["bn.num_batches_tracked"] = torch::tensor(7);
    EXPECT_EQ(message(), "no error");
    const torch::NoGradGuard no_gradients;
    const torch::Tensor images = torch::rand({2, 1, 28, 28});
    EXPECT_TRUE(torch::equal(to_->forward(images), from_->forward(images)));
}

TEST_F(StateDict, WhatDoesNotFitIsNamed) {
    weights_["conv3.weight"] = torch::zeros({2});
    EXPECT_THAT(message(), HasSubstr("conv3.weight: is no weight of this network"));
    weights_.erase("conv3.weight");
    weights_["fc3.bias"] = torch::zeros({11});
    EXPECT_THAT(message(), HasSubstr("fc3.bias: has the shape 11"));
    weights_["fc3.bias"] = torch::full({10}, std::nan(""));
    EXPECT_THAT(message(), HasSubstr("fc3.bias: holds a NaN"));
    weights_.erase("fc3.bias");
    EXPECT_THAT(message(), HasSubstr("fc3.bias: is missing"));
}

TEST_F(StateDict, DamagedFilesAreOneLine) {
    save_state_dict(weights_, path_);
    const std::string whole = test::read_file(path_);
    for (const std::size_t size : {std::size_t{0}, std::size_t{10}, whole.size() / 2, whole.size() - 1}) {
        test::write_file(path_, whole.substr(0, size));
        try {
            load_weights(*to_, path_);
            FAIL() << size;
        } catch (const InputError& error) {
            EXPECT_THAT(error.what(), HasSubstr("lenet5.pth"));
            EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
        }
    }
    EXPECT_THROW(load_weights(*to_, folder_.file("missing.pth")), InputError);
}

}  // namespace
}  // namespace fluence::models
