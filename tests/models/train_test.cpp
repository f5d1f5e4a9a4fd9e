#include "models/train.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "models/data.h"
#include "models/network.h"
#include "models/training_data.h"
#include "sim/core/error.h"
#include "tests/support/temporary_directory.h"

namespace fluence::models {
namespace {

using ::testing::HasSubstr;

TrainRequest tiny(const test::TemporaryDirectory& folder, const std::string& name) {
    TrainRequest request;
    request.network = "lenet5";
    request.dataset = "glyphs";
    request.images = 100;
    request.validation_images = 20;
    request.epochs = 3;
    request.batch = 32;
    request.shift = 2;
    request.flip = true;
    request.output = folder.file(name + ".safetensors");
    request.checkpoint = folder.file(name + ".checkpoint");
    return request;
}

class Training : public ::testing::Test {
  protected:
    // Stops behind `batches` batches.
    TrainObserver stop_after(int batches) {
        count_ = 0;
        TrainObserver observer;
        observer.stop = [this, batches] { return count_++ == batches; };
        return observer;
    }
    test::TemporaryDirectory folder_;
    int count_ = 0;
};

TEST_F(Training, SameSeedSameBytes) {
    ASSERT_TRUE(train(tiny(folder_, "a"), {}));
    ASSERT_TRUE(train(tiny(folder_, "b"), {}));
    TrainRequest other = tiny(folder_, "c");
    other.seed = 2;
    ASSERT_TRUE(train(other, {}));
    EXPECT_EQ(test::read_file(folder_.file("a.safetensors")), test::read_file(folder_.file("b.safetensors")));
    EXPECT_NE(test::read_file(folder_.file("a.safetensors")), test::read_file(folder_.file("c.safetensors")));
}

TEST_F(Training, StoppedAndResumedEqualsUninterrupted) {
    for (const char* optimizer : {"sgd", "adam"}) {
        TrainRequest whole = tiny(folder_, std::string("whole-") + optimizer);
        whole.optimizer = optimizer;
        whole.learning_rate = 0.003;
        ASSERT_TRUE(train(whole, {}));
        TrainRequest parts = whole;
        parts.output = folder_.file(std::string("parts-") + optimizer + ".safetensors");
        parts.checkpoint = folder_.file(std::string("parts-") + optimizer + ".checkpoint");
        ASSERT_FALSE(train(parts, stop_after(2)));  // in the first epoch
        EXPECT_FALSE(std::filesystem::exists(parts.output));
        parts.resume = true;
        ASSERT_FALSE(train(parts, stop_after(5)));  // in the second
        double resumed_loss = 0;
        TrainObserver observer;
        observer.epoch_done = [&](const EpochResult& result) { resumed_loss = result.loss; };
        ASSERT_TRUE(train(parts, observer));
        EXPECT_EQ(test::read_file(whole.output), test::read_file(parts.output)) << optimizer;
        EXPECT_GT(resumed_loss, 0);
    }
}

TEST_F(Training, LearnsAndReports) {
    TrainRequest request = tiny(folder_, "learns");
    request.shift = 0;
    request.flip = false;
    request.epochs = 12;
    request.optimizer = "adam";
    request.learning_rate = 0.003;
    std::vector<EpochResult> results;
    TrainObserver observer;
    observer.epoch_done = [&](const EpochResult& result) { results.push_back(result); };
    std::int64_t images = 0;
    observer.progress = [&](std::int64_t, std::int64_t done, std::int64_t total) {
        images = done;
        EXPECT_EQ(total, 100);
    };
    ASSERT_TRUE(train(request, observer));
    ASSERT_EQ(results.size(), 12u);
    EXPECT_LT(results.back().loss, results.front().loss);
    EXPECT_EQ(results.back().validation_images, 20);
    EXPECT_EQ(images, 100);
}

TEST_F(Training, BatchNormTrainsAndResumes) {
    TrainRequest request = tiny(folder_, "resnet");
    request.network = "resnet20";
    request.images = 24;
    request.batch = 12;
    request.epochs = 2;
    ASSERT_TRUE(train(request, {}));
    TrainRequest parts = request;
    parts.output = folder_.file("resnet-parts.safetensors");
    parts.checkpoint = folder_.file("resnet-parts.checkpoint");
    ASSERT_FALSE(train(parts, stop_after(1)));
    parts.resume = true;
    ASSERT_TRUE(train(parts, {}));
    EXPECT_EQ(test::read_file(request.output), test::read_file(parts.output));
}

TEST_F(Training, ResumeRefusesOtherRunsAndDamage) {
    TrainRequest request = tiny(folder_, "x");
    request.resume = true;
    EXPECT_THROW(train(request, {}), InputError);  // none there
    request.resume = false;
    ASSERT_FALSE(train(request, stop_after(1)));
    request.resume = true;
    request.seed = 9;
    try {
        train(request, {});
        FAIL();
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr("seed: is 1 in the checkpoint and 9 now"));
    }
    test::write_file(request.checkpoint, "damaged");
    EXPECT_THROW(train(request, {}), InputError);
}

TEST_F(Training, UnwritableResultIsFoundBeforeTraining) {
    TrainRequest request = tiny(folder_, "lost");
    request.output = folder_.file("missing/weights.safetensors");
    TrainObserver observer;
    observer.progress = [](std::int64_t, std::int64_t, std::int64_t) { FAIL() << "trained"; };
    EXPECT_THROW(train(request, observer), InputError);
    request = tiny(folder_, "lost");
    request.checkpoint = folder_.file("missing/checkpoint");
    EXPECT_THROW(train(request, observer), InputError);
}

TEST_F(Training, ExplodingLossIsOneLine) {
    TrainRequest request = tiny(folder_, "boom");
    request.learning_rate = 1000;
    request.epochs = 20;
    try {
        train(request, {});
        FAIL();
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr("learning_rate"));
    }
}

TEST(LearningRate, CosineGoesFromAllToNothing) {
    TrainRequest request;
    request.learning_rate = 0.4;
    request.epochs = 10;
    EXPECT_DOUBLE_EQ(learning_rate_at(request, 0, 7), 0.4);
    EXPECT_NEAR(learning_rate_at(request, 35, 7), 0.2, 1e-15);
    EXPECT_NEAR(learning_rate_at(request, 70, 7), 0, 1e-15);
}

TEST(LearningRate, StepChangesBetweenEpochs) {
    TrainRequest request;
    request.learning_rate = 1;
    request.schedule = "step";
    request.step_epochs = 2;
    request.step_factor = 0.5;
    EXPECT_DOUBLE_EQ(learning_rate_at(request, 13, 7), 1);
    EXPECT_DOUBLE_EQ(learning_rate_at(request, 14, 7), 0.5);
    EXPECT_DOUBLE_EQ(learning_rate_at(request, 28, 7), 0.25);
}

TEST(EpochOrder, IsAPermutationOfItsOwn) {
    std::vector<std::int64_t> order = epoch_order(1, 0, 1000);
    EXPECT_NE(order, epoch_order(1, 1, 1000));
    EXPECT_NE(order, epoch_order(2, 0, 1000));
    EXPECT_EQ(order, epoch_order(1, 0, 1000));
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < 1000; ++i) {
        ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
    }
}

TEST(TrainRequest, SurvivesItsJson) {
    TrainRequest request;
    request.network = "resnet20";
    request.dataset = "cifar10";
    request.location = "/data";
    request.preprocessing = {127.5, {1, 2, 3}, {0.1, 0.2, 0.3}, {}};
    request.schedule = "step";
    request.weight_decay = 1e-15;
    request.flip = true;
    const nlohmann::json json = to_json(request);
    EXPECT_EQ(to_json(parse_train_request(JsonObject(json, "test"), ".")), json);
}

TEST(Recipes, NameNetworksForTheImagesOfTheirDataSet) {
    struct Images {
        workloads::Shape shape;
        int classes;
    };
    const std::map<std::string, Images> data = {
        {"glyphs", {{1, 32, 32}, 10}},         {"mnist", {{1, 28, 28}, 10}},
        {"cifar10", {{3, 32, 32}, 10}},        {"cifar100", {{3, 32, 32}, 100}},
        {"tiny-imagenet", {{3, 64, 64}, 200}},
    };
    int recipes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(FLUENCE_SOURCE_DIR "/configs/training")) {
        SCOPED_TRACE(entry.path());
        ++recipes;
        const TrainRequest request =
            parse_train_request(JsonObject(read_json_file(entry.path()), entry.path()), ".");
        const Images& images = data.at(request.dataset);
        EXPECT_NO_THROW(make_network(request.network, images.shape, images.classes));
        EXPECT_NO_THROW(complete(request.preprocessing, images.shape.channels));
    }
    EXPECT_GE(recipes, 11);
}

TEST(TrainRequest, RefusesUnknownNamesAndKeys) {
    const nlohmann::json good = {{"network", "lenet5"}, {"dataset", "glyphs"}};
    EXPECT_NO_THROW(parse_train_request(JsonObject(good, "test"), "."));
    const auto message = [&](const char* key, const nlohmann::json& value) {
        nlohmann::json bad = good;
        bad[key] = value;
        try {
            parse_train_request(JsonObject(bad, "file.json"), ".");
        } catch (const InputError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_THAT(message("network", "lenet6"), HasSubstr("lenet5, allcnnc"));
    EXPECT_THAT(message("epoch", 3), HasSubstr("file.json: epoch"));
    EXPECT_THAT(message("epochs", 0), HasSubstr("epochs"));
    EXPECT_THAT(message("schedule", {{"name", "linear"}}), HasSubstr("cosine, step"));
    EXPECT_THAT(message("optimizer", {{"momentun", 1}}), HasSubstr("optimizer"));
}

}  // namespace
}  // namespace fluence::models
