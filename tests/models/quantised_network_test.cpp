#include "models/quantised_network.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "models/integer_network.h"
#include "models/random_weights.h"
#include "models/script_graph.h"
#include "models/train.h"
#include "sim/core/error.h"
#include "tests/support/temporary_directory.h"

namespace fluence::models {
namespace {

using workloads::DataFormat;
using workloads::Shape;

constexpr Shape kImages = {3, 32, 32};
constexpr int kClasses = 10;

class QuantisationAware : public ::testing::Test {
  protected:
    // A network whose norms are all different, and its weights in a file.
    std::shared_ptr<Network> network(const std::string& name) {
        torch::manual_seed(7);
        std::shared_ptr<Network> made = make_network(name, kImages, kClasses);
        const torch::NoGradGuard no_gradients;
        const torch::Tensor images = torch::rand({16, kImages.channels, kImages.height, kImages.width});
        tell_norms_apart(*made);
        std::vector<std::string> report;
        normalise_weights(*made, ScriptModule::of(*made, name, kImages).graph(kImages, report), images);
        made->eval();
        save_weights(*made, file());
        return made;
    }
    std::string file() const { return folder_.file("weights.safetensors"); }
    QuantisedNetwork quantised(const std::string& name, const Rounding& rounding) const {
        return QuantisedNetwork(name, file(), kImages, kClasses, rounding, true);
    }
    static torch::Tensor images(int count) {
        torch::manual_seed(11);
        return torch::rand({count, kImages.channels, kImages.height, kImages.width});
    }

    test::TemporaryDirectory folder_;
};

// Folding into the batch norms' places and back changes nothing, and does so a second time, when all norms
// hold the same numbers.
TEST_F(QuantisationAware, WeightsGoBackIntoTheNetwork) {
    const torch::NoGradGuard no_gradients;
    const std::shared_ptr<Network> original = network("resnet20");
    const torch::Tensor wanted = original->forward(images(4));
    for (int round = 0; round < 2; ++round) {
        save_weights(quantised("resnet20", {DataFormat::int8}).unfolded(), file());
        const std::shared_ptr<Network> back = make_network("resnet20", kImages, kClasses);
        load_weights(*back, file());
        back->eval();
        const torch::Tensor got = back->forward(images(4));
        EXPECT_LT((got - wanted).abs().max().item<double>(), 1e-4 * wanted.abs().max().item<double>());
    }
}

// The logits that training sees are those of the integer network, but for codes that rounded biases move by
// one; not rounded at all they would be off by all that the format costs.
TEST_F(QuantisationAware, RoundsAsTheIntegerNetworkDoes) {
    const torch::NoGradGuard no_gradients;
    network("lenet5");
    for (const Rounding& rounding :
         {Rounding{DataFormat::int8}, Rounding{DataFormat::fxp8}, Rounding{DataFormat::fxp8, true}}) {
        SCOPED_TRACE(std::string(workloads::name_of(rounding.format)) +
                     (rounding.channel_scales ? " by channel" : ""));
        // On the grid of the input's codes, so that the input itself is exact in both.
        const double grid = rounding.format == DataFormat::int8 ? 255 : 128;
        const torch::Tensor batch = (images(16) * (grid - 1)).round() / grid;
        QuantisedNetwork net = quantised("lenet5", rounding);
        net.train();
        net.forward(batch);  // sets the ranges
        net.eval();
        const torch::Tensor shown = net.forward(batch);

        const std::shared_ptr<Network> same = make_network("lenet5", kImages, kClasses);
        load_weights(*same, file());
        std::vector<std::string> report;
        FloatGraph graph = ScriptModule::of(*same, "lenet5", kImages).graph(kImages, report);
        const torch::Tensor real = evaluate(graph, batch);
        fold(graph, "lenet5", report);
        const torch::Tensor seen = net.named_buffers()["ranges"];
        std::vector<Range> ranges;
        for (std::int64_t tensor = 0; tensor < seen.size(0); ++tensor) {
            ranges.push_back({seen[tensor][0].item<double>(), seen[tensor][1].item<double>()});
        }
        const workloads::Graph integers = quantise(graph, ranges, true, "lenet5", rounding);
        const double scale = integers.tensor(integers.input).scale;
        const torch::Tensor codes = (batch / scale).round().to(torch::kInt);
        const torch::Tensor logits =
            IntegerNetwork(integers).run(codes) * integers.tensor(integers.logits).scale;
        const double error = (shown - logits).abs().mean().item<double>();
        const double lost = (shown - real).abs().mean().item<double>();
        EXPECT_LT(error, 0.35 * lost) << "what the format costs: " << lost;
    }
}

// As if nothing were rounded, and nothing where a grid ends.
TEST_F(QuantisationAware, GradientsPassStraightThrough) {
    network("lenet5");
    QuantisedNetwork net = quantised("lenet5", {DataFormat::int8});
    net.train();
    torch::Tensor batch = images(2).requires_grad_();
    net.forward(batch).sum().backward();
    EXPECT_GT(batch.grad().abs().sum().item<double>(), 0);
    for (const torch::Tensor& weight : net.parameters()) {
        EXPECT_GT(weight.grad().abs().sum().item<double>(), 0);
    }
    net.eval();
    torch::Tensor beyond = (images(2) + 5).requires_grad_();
    net.forward(beyond).sum().backward();
    EXPECT_EQ(beyond.grad().abs().sum().item<double>(), 0);
}

TEST_F(QuantisationAware, FineTuningRegainsWhatTheFormatLost) {
    TrainRequest request;
    request.network = "lenet5";
    request.dataset = "glyphs";
    request.images = 600;
    request.validation_images = 200;
    request.epochs = 6;
    request.batch = 50;
    request.optimizer = "adam";
    request.learning_rate = 0.003;
    request.output = folder_.file("first.safetensors");
    ASSERT_TRUE(train(request, {}));

    request.weights = request.output;
    request.format = DataFormat::fxp8;
    request.output = folder_.file("whole.safetensors");
    request.checkpoint = folder_.file("whole.checkpoint");
    request.epochs = 2;
    request.learning_rate = 0.001;
    std::vector<EpochResult> results;
    TrainObserver observer;
    observer.epoch_done = [&](const EpochResult& result) { results.push_back(result); };
    ASSERT_TRUE(train(request, observer));
    ASSERT_EQ(results.size(), 2u);
    EXPECT_LT(results[1].loss, results[0].loss);

    // Interrupted: checkpoints hold the ranges, too.
    TrainRequest parts = request;
    parts.output = folder_.file("parts.safetensors");
    parts.checkpoint = folder_.file("parts.checkpoint");
    int asked = 0;
    TrainObserver stop;
    stop.stop = [&] { return asked++ == 15; };
    ASSERT_FALSE(train(parts, stop));
    parts.resume = true;
    ASSERT_TRUE(train(parts, {}));
    EXPECT_EQ(test::read_file(request.output), test::read_file(parts.output));
}

TEST_F(QuantisationAware, NeedsTrainedWeights) {
    const nlohmann::json json = {{"network", "lenet5"}, {"dataset", "glyphs"}, {"format", "int8"}};
    try {
        parse_train_request(JsonObject(json, "recipe.json"), ".");
        FAIL();
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), ::testing::HasSubstr("weights"));
    }
}

TEST_F(QuantisationAware, ScalesByChannelAreForFxp8) {
    nlohmann::json json = {{"network", "lenet5"},
                           {"dataset", "glyphs"},
                           {"weights", file()},
                           {"format", "fxp8"},
                           {"weight_scales", "channel"}};
    const TrainRequest request = parse_train_request(JsonObject(json, "recipe.json"), ".");
    EXPECT_TRUE(request.channel_scales);
    EXPECT_TRUE(parse_train_request(JsonObject(to_json(request), "again"), ".").channel_scales);
    json["format"] = "int8";
    EXPECT_THROW(parse_train_request(JsonObject(json, "recipe.json"), "."), InputError);
}

}  // namespace
}  // namespace fluence::models
