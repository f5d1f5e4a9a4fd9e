// Counts of the listed networks against those that papers and reference implementations publish.
#include "models/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/core/error.h"

namespace fluence::models {
namespace {

using ::testing::HasSubstr;

struct Expected {
    const char* network;
    std::int64_t conv_layers, feature_maps, neurons;
    std::int64_t trained;  // of the reference implementation, for the same number of classes
};

class Published : public ::testing::TestWithParam<Expected> {};

TEST_P(Published, CountsAreThose) {
    const Expected& e = GetParam();
    const workloads::NetworkDescription network = describe_model(e.network, {0, 0, 0}, 0);
    const workloads::Counts counts = counts_of(network);
    EXPECT_EQ(counts.conv_layers, e.conv_layers);
    EXPECT_EQ(counts.feature_maps, e.feature_maps);
    EXPECT_EQ(counts.neurons, e.neurons);
    EXPECT_EQ(network.trained_parameters, e.trained);
}

// Conv layers, feature maps and neurons: Mahmoud et al., Table I. Parameters: torchvision's model table
// (GoogLeNet without its auxiliary classifiers).
INSTANTIATE_TEST_SUITE_P(ImageNet, Published,
                         ::testing::Values(Expected{"alexnet", 5, 1152, 484992, 61100840},
                                           Expected{"googlenet", 57, 7280, 3226160, 6624904},
                                           Expected{"mobilenet_v2", 52, 17056, 6678112, 3504872},
                                           Expected{"shufflenet_v2", 56, 8090, 1950200, 2278604},
                                           Expected{"squeezenet1_1", 26, 3944, 2589352, 1235496},
                                           Expected{"squeezenet1_0", 26, 3976, 4346248, 1248424},
                                           Expected{"resnet50", 53, 26560, 11113984, 25557032},
                                           Expected{"vgg19", 16, 5504, 14852096, 143667240}),
                         [](const auto& test) { return std::string(test.param.network); });

// All-CNN-C: Schorn's 357,002 neurons less the ten averages behind the last convolution. ResNet-20, 32 and
// 56: He et al., Table 6 (0.27, 0.46, 0.85 million parameters), to the digit from 9·(c_in·c_out) a
// convolution, two a channel for batch norm. LeNet-5: 6·28² + 16·10².
INSTANTIATE_TEST_SUITE_P(SmallImages, Published,
                         ::testing::Values(Expected{"lenet5", 2, 22, 6304, 61706},
                                           Expected{"allcnnc", 9, 1258, 356992, 1369738},
                                           Expected{"resnet18", 20, 4800, 614400, 11173962},
                                           Expected{"resnet34", 36, 8512, 305152, 21387272},
                                           Expected{"vgg16_cifar", 13, 4224, 276480, 14728266},
                                           Expected{"resnet20", 19, 688, 188416, 269722},
                                           Expected{"resnet32", 31, 1136, 303104, 464154},
                                           Expected{"resnet56", 55, 2032, 532480, 853018}),
                         [](const auto& test) { return std::string(test.param.network); });

// MACs of one inference as published (torchvision counts a multiply-add as one, linear layers included).
TEST(Describe, MacsAreThosePublished) {
    const auto macs = [](const char* name) {
        return static_cast<double>(counts_of(describe_model(name, {0, 0, 0}, 0)).macs);
    };
    EXPECT_NEAR(macs("resnet50"), 4.09e9, 0.005e9);
    EXPECT_NEAR(macs("mobilenet_v2"), 0.30e9, 0.005e9);
    EXPECT_NEAR(macs("alexnet"), 0.71e9, 0.005e9);
}

TEST(Describe, OtherImagesAndClassesGiveOtherShapes) {
    const workloads::NetworkDescription network = describe_model("lenet5", {3, 32, 32}, 7);
    EXPECT_EQ(network.input, (workloads::Shape{3, 32, 32}));
    EXPECT_EQ(network.classes, 7);
    EXPECT_EQ(network.layers.front().macs, 28 * 28 * 75 * 6);
    EXPECT_THROW(describe_model("lenet5", {1, 20, 20}, 0), InputError);
}

TEST(Describe, WhatIsNoNetworkIsOneLine) {
    try {
        describe_model("resnet51", {0, 0, 0}, 0);
        FAIL();
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr("resnet50"));
    }
}

}  // namespace
}  // namespace fluence::models
