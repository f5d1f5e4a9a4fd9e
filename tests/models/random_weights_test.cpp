// Random weights: activations stay in range through the deepest networks; the same seed, the same network.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "models/import.h"
#include "models/registry.h"
#include "models/script_graph.h"
#include "sim/core/error.h"

namespace fluence::models {
namespace {

using ::testing::HasSubstr;

at::Tensor images_of(const workloads::Shape& s, std::int64_t count) {
    at::Tensor images = at::empty({count, s.channels, s.height, s.width});
    for (std::int64_t i = 0; i < images.numel(); ++i) {  // smooth, and another one in every channel
        images.data_ptr<float>()[i] = static_cast<float>((i * i / 97 + i) % 251) / 125.0F - 1.0F;
    }
    return images;
}

// Plain definitions on the values of the operators as read: batch norm's output, or the layer's where none
// follows.
void expect_normalised(const FloatGraph& graph, const at::Tensor& images) {
    std::set<int> normed;
    for (const FloatOp& op : graph.ops) {
        if (op.kind == FloatOpKind::affine) {
            normed.insert(op.inputs[0]);
        }
    }
    int checked = 0;
    evaluate(graph, images, [&](int tensor, const at::Tensor& values) {
        const int index = graph.producer(tensor);
        const FloatOp* op = index < 0 ? nullptr : &graph.ops[static_cast<std::size_t>(index)];
        if (op == nullptr || normed.count(tensor) != 0 ||
            (op->kind != FloatOpKind::affine && op->kind != FloatOpKind::conv &&
             op->kind != FloatOpKind::linear)) {
            return;
        }
        ++checked;
        const at::Tensor mean = values.mean(at::IntArrayRef{0, 2, 3});
        const at::Tensor square = values.square().mean(at::IntArrayRef{0, 2, 3});
        EXPECT_LE(mean.abs().max().item<double>(), 0.02) << op->name;
        EXPECT_LE(square.max().item<double>(), 1.05) << op->name;
        EXPECT_GE(square.mean().item<double>(), 0.8) << op->name;  // channels that hardly vary stay small
    });
    EXPECT_GT(checked, 4);
}

TEST(RandomWeights, GiveEveryChannelMeanZeroAndVarianceOne) {
    for (const char* network : {"lenet5", "allcnnc", "resnet56", "squeezenet1_1"}) {
        SCOPED_TRACE(network);
        workloads::Shape input = network_info(network).input;
        const at::Tensor images = images_of(input, input.height > 100 ? 4 : 8);
        const ScriptModule module = ScriptModule::with_random_weights(network, 7, images, 10);
        std::vector<std::string> report;
        expect_normalised(module.graph(input, report), images);
    }
}

TEST(RandomWeights, DependOnTheSeed) {
    const at::Tensor images = images_of({1, 28, 28}, 8);
    const auto logits = [&](std::uint64_t seed) {
        return ScriptModule::with_random_weights("lenet5", seed, images, 10).forward(images);
    };
    EXPECT_TRUE(at::equal(logits(3), logits(3)));
    EXPECT_FALSE(at::equal(logits(3), logits(4)));
}

TEST(RandomWeights, MakeABundleOnSyntheticImages) {
    const nlohmann::json json = {{"model", "lenet5"}, {"random_weights", 5}};
    const ImportRequest request = parse_import_request(JsonObject(json, "test"), ".");
    ImportReport report;
    const workloads::Bundle bundle = import_model(request, report, {});
    EXPECT_EQ(report.images, 16);
    EXPECT_EQ(report.fp32_correct, 16);  // the labels are what the network says in fp32
    EXPECT_EQ(bundle.provenance["source"]["random_weights"], 5);
    EXPECT_EQ(bundle.provenance["dataset"], "synthetic");
}

TEST(RandomWeights, AreRefusedBesideOthers) {
    for (const nlohmann::json& json :
         {nlohmann::json{{"model", "lenet5"}, {"random_weights", 5}, {"weights", "w.pth"}},
          nlohmann::json{{"model", "net.onnx"}, {"random_weights", 5}}}) {
        try {
            parse_import_request(JsonObject(json, "test"), ".");
            FAIL() << json;
        } catch (const InputError& error) {
            EXPECT_THAT(error.what(), HasSubstr("random_weights"));
        }
    }
}

}  // namespace
}  // namespace fluence::models
