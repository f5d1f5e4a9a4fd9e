// fluence train: a network of the registry, trained from the beginning or from weights.
#include <array>
#include <cstdio>
#include <iostream>
#include <sstream>

#include "apps/front_end.h"
#include "apps/interrupt.h"
#include "apps/number_list_torch.h"
#include "apps/options.h"
#include "apps/step_progress_torch.h"
#include "models/train.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"

namespace fluence::apps {
namespace {

constexpr const char* kExamples =
    "  fluence train lenet5 --dataset glyphs --epochs 12 --output lenet5-glyphs.safetensors\n"
    "  fluence train --recipe resnet20-cifar10 --data DIR --output resnet20.safetensors\n"
    "  fluence train --recipe resnet20-cifar10 --data DIR --output resnet20.safetensors --resume\n"
    "  fluence train --recipe resnet20-cifar10 --data DIR --weights resnet20.safetensors --format fxp8 \\\n"
    "      --epochs 2 --lr 0.001 --output resnet20-fxp8.safetensors\n";

po::options_description declare() {
    po::options_description options("Options (they win over the recipe)");
    options.add_options()("network", po::value<std::string>(), "a network of `fluence list`")(
        "recipe", po::value<std::string>(), "JSON file, or a preset's name (configs/training)")(
        "weights", po::value<std::string>(),
        "to start from (.safetensors, .pth; default: drawn from the seed)")(
        "format", po::value<std::string>(),
        "int8, fxp8: fine-tune --weights for that number format (default fp32)")(
        "weight-scales", po::value<std::string>(),
        "fxp8: a power of two a layer (layer, the default) or an output channel (channel)")(
        "dataset", po::value<std::string>(), "mnist, cifar10, cifar100, folder, tiny-imagenet, glyphs")(
        "data", po::value<std::string>(), "folder of the data set")(
        "output,o", po::value<std::string>()->required(), "weights to write (.safetensors)")(
        "epochs", po::value<std::int64_t>(), "passes over the training images")(
        "batch", po::value<std::int64_t>(), "images a step")("lr", po::value<double>(),
                                                             "learning rate at the start")(
        "schedule", po::value<std::string>(), "cosine, step")("step-epochs", po::value<std::int64_t>(),
                                                              "schedule step: epochs a piece")(
        "step-factor", po::value<double>(), "schedule step: from piece to piece")(
        "optimizer", po::value<std::string>(), "sgd, adam")("momentum", po::value<double>(), "of sgd")(
        "weight-decay", po::value<double>(), "L2")("augment", po::value<std::string>(),
                                                   "shift=PIXELS, flip, or both with a comma; none")(
        "divisor", po::value<double>(), "value = (pixel / divisor - mean) / deviation (default 255)")(
        "mean", po::value<std::string>(), "one number a channel, with commas (default 0)")(
        "deviation", po::value<std::string>(), "one number a channel, with commas (default 1)")(
        "train-images", po::value<std::int64_t>(), "of the training split (default 0: all)")(
        "validation-images", po::value<std::int64_t>(), "of the test split (default 0: all)")(
        "seed", po::value<std::int64_t>(), "of first weights, order and augmentation")(
        "threads", po::value<int>(), "threads (default 1)")("device", po::value<std::string>(),
                                                            "cpu, cuda, auto")(
        "checkpoint", po::value<std::string>(),
        "written after every epoch and on Ctrl-C (default: OUTPUT.checkpoint)")(
        "resume", po::bool_switch(), "go on from the checkpoint; the result is that of an uninterrupted run");
    return options;
}

nlohmann::json parse_augment(const std::string& text) {
    nlohmann::json augment = {{"shift", 0}, {"flip", false}};
    std::istringstream stream(text);
    for (std::string word; std::getline(stream, word, ',');) {
        if (word == "flip") {
            augment["flip"] = true;
        } else if (word.rfind("shift=", 0) == 0 && word.size() > 6 &&
                   word.find_first_not_of("0123456789", 6) == std::string::npos && word.size() < 12) {
            augment["shift"] = std::stoi(word.substr(6));
        } else if (word != "none") {
            throw InputError("fluence train", "--augment", "\"" + word + "\" is not known",
                             "shift=PIXELS, flip, none");
        }
    }
    return augment;
}

// The recipe, if any, with the options written over it.
nlohmann::json merged_request(const po::variables_map& values, const std::string& recipe) {
    nlohmann::json request = recipe.empty() ? nlohmann::json::object() : read_json_file(recipe);
    const auto set = [&](const char* option, auto type, nlohmann::json& target) {
        if (values.count(option) != 0) {
            target = values[option].as<decltype(type)>();
        }
    };
    const auto part = [&](const char* option, auto type, const char* object, const char* key) {
        if (values.count(option) != 0) {
            request[object][key] = values[option].as<decltype(type)>();
        }
    };
    const auto whole = [&](const char* option, auto type, const char* key) {
        if (values.count(option) != 0) {
            set(option, type, request[key]);
        }
    };
    whole("network", std::string(), "network");
    whole("weights", std::string(), "weights");
    whole("format", std::string(), "format");
    whole("weight-scales", std::string(), "weight_scales");
    whole("dataset", std::string(), "dataset");
    whole("epochs", std::int64_t(), "epochs");
    whole("batch", std::int64_t(), "batch");
    whole("lr", double(), "learning_rate");
    whole("train-images", std::int64_t(), "images");
    whole("validation-images", std::int64_t(), "validation_images");
    whole("seed", std::int64_t(), "seed");
    whole("threads", int(), "threads");
    whole("device", std::string(), "device");
    part("schedule", std::string(), "schedule", "name");
    part("step-epochs", std::int64_t(), "schedule", "step_epochs");
    part("step-factor", double(), "schedule", "step_factor");
    part("optimizer", std::string(), "optimizer", "name");
    part("momentum", double(), "optimizer", "momentum");
    part("weight-decay", double(), "optimizer", "weight_decay");
    part("divisor", double(), "preprocessing", "divisor");
    for (const char* key : {"mean", "deviation"}) {
        if (values.count(key) != 0) {
            request["preprocessing"][key] = number_list("train", key, values[key].as<std::string>());
        }
    }
    if (values.count("augment") != 0) {
        request["augment"] = parse_augment(values["augment"].as<std::string>());
    }
    return request;
}

std::string epoch_line(const models::EpochResult& result, std::int64_t epochs, double learning_rate) {
    std::array<char, 160> text{};
    std::snprintf(text.data(), text.size(),
                  "epoch %lld/%lld: training loss %.4f, validation accuracy %.2f %% (%lld/%lld), lr %.3g",
                  static_cast<long long>(result.epoch), static_cast<long long>(epochs), result.loss,
                  100.0 * static_cast<double>(result.validation_correct) /
                      static_cast<double>(result.validation_images),
                  static_cast<long long>(result.validation_correct),
                  static_cast<long long>(result.validation_images), learning_rate);
    return text.data();
}

models::TrainRequest request_of(const po::variables_map& values) {
    const std::string recipe =
        values.count("recipe") != 0 ? find_config("training", values["recipe"].as<std::string>()) : "";
    const std::string base = values.count("data") != 0 ? values["data"].as<std::string>() : ".";
    const nlohmann::json json = merged_request(values, recipe);
    models::TrainRequest request =
        models::parse_train_request(JsonObject(json, recipe.empty() ? "fluence train" : recipe), base);
    request.output = values["output"].as<std::string>();
    request.checkpoint = values.count("checkpoint") != 0 ? values["checkpoint"].as<std::string>()
                                                         : request.output + ".checkpoint";
    request.resume = values["resume"].as<bool>();
    return request;
}

}  // namespace

int run_train(const Arguments& arguments) {
    po::options_description options = declare();
    const auto values = parse_options("train", "NETWORK --dataset NAME --data DIR --output FILE [OPTIONS]",
                                      options, {"network"}, arguments, kExamples);
    if (!values) {
        return 0;
    }
    const models::TrainRequest request = request_of(*values);
    handle_interrupts();
    StepProgress progress;
    models::TrainObserver observer;
    observer.progress = [&](std::int64_t epoch, std::int64_t done, std::int64_t total) {
        progress.update("images", (epoch - 1) * total + done, request.epochs * total);
    };
    observer.epoch_done = [&](const models::EpochResult& result) {
        progress.line(epoch_line(result, request.epochs, models::learning_rate_at(request, result.epoch, 1)));
    };
    observer.stop = [] { return stop_requested().load(); };
    if (!models::train(request, observer)) {
        progress.line("stopped; go on with the same command and --resume (checkpoint " + request.checkpoint +
                      ")");
        return kInterruptedExitCode;
    }
    std::cout << "Weights: " << request.output << "\n";
    return 0;
}

}  // namespace fluence::apps
