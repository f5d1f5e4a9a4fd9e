#include <cmath>
#include <filesystem>
#include <limits>

#include "models/registry.h"
#include "models/request_parts.h"
#include "models/train.h"
#include "workloads/dataset.h"

namespace fluence::models {
namespace {

constexpr std::int64_t kMaxImages = 100'000'000;
constexpr std::int64_t kMaxEpochs = 100'000;
constexpr const char* kRealNumbers = "fp32";
constexpr double kPi = 3.14159265358979323846;

std::vector<std::string> network_names() {
    std::vector<std::string> names;
    for (const NetworkInfo& network : networks()) {
        names.emplace_back(network.name);
    }
    return names;
}

void parse_schedule(JsonObject object, TrainRequest& request) {
    request.schedule = object.choice_or("name", request.schedule, {"cosine", "step"});
    request.step_epochs = object.integer_or("step_epochs", request.step_epochs, 1, kMaxEpochs);
    request.step_factor = object.number_or("step_factor", request.step_factor, 1e-6, 1);
    object.finish();
}

void parse_optimizer(JsonObject object, TrainRequest& request) {
    request.optimizer = object.choice_or("name", request.optimizer, {"sgd", "adam"});
    request.momentum = object.number_or("momentum", request.momentum, 0, 1);
    request.weight_decay = object.number_or("weight_decay", request.weight_decay, 0, 1);
    object.finish();
}

void parse_augment(JsonObject object, TrainRequest& request) {
    request.shift = object.integer_or("shift", request.shift, 0, 1000);
    request.flip = object.boolean_or("flip", request.flip);
    object.finish();
}

}  // namespace

TrainRequest parse_train_request(JsonObject object, const std::string& base) {
    TrainRequest request;
    object.text_or("description", "");
    request.network = object.choice("network", network_names());
    request.weights = object.text_or("weights", "");
    std::vector<std::string> formats = workloads::data_format_names();
    formats.emplace_back(kRealNumbers);
    if (const std::string format = object.choice_or("format", kRealNumbers, formats);
        format != kRealNumbers) {
        request.format = workloads::data_format_named(format);
        if (request.weights.empty()) {
            object.fail("weights", "is missing, and training for " + format + " fine-tunes trained weights");
        }
    }
    request.channel_scales = parse_channel_scales(object, request.format == workloads::DataFormat::fxp8);
    request.dataset = object.choice("dataset", workloads::dataset_formats());
    request.location = resolved_path(object.text_or("location", "."), base);
    if (object.has("preprocessing")) {
        request.preprocessing = parse_preprocessing(object.object("preprocessing"));
    }
    request.images = object.integer_or("images", request.images, 0, kMaxImages);
    request.validation_images =
        object.integer_or("validation_images", request.validation_images, 0, kMaxImages);
    request.epochs = object.integer_or("epochs", request.epochs, 1, kMaxEpochs);
    request.batch = object.integer_or("batch", request.batch, 1, 1'000'000);
    request.learning_rate = object.number_or("learning_rate", request.learning_rate, 0, 1000);
    if (object.has("schedule")) {
        parse_schedule(object.object("schedule"), request);
    }
    if (object.has("optimizer")) {
        parse_optimizer(object.object("optimizer"), request);
    }
    if (object.has("augment")) {
        parse_augment(object.object("augment"), request);
    }
    request.seed = static_cast<std::uint64_t>(object.integer_or(
        "seed", static_cast<std::int64_t>(request.seed), 0, std::numeric_limits<std::int64_t>::max()));
    request.threads = static_cast<int>(object.integer_or("threads", request.threads, 1, 1024));
    request.device = object.choice_or("device", request.device, {"cpu", "cuda", "auto"});
    object.finish();
    return request;
}

nlohmann::json to_json(const TrainRequest& r) {
    return {
        {"network", r.network},
        {"weights", r.weights},
        {"format", r.format ? workloads::name_of(*r.format) : kRealNumbers},
        {"weight_scales", r.channel_scales ? "channel" : "layer"},
        {"dataset", r.dataset},
        {"location", r.location},
        {"preprocessing", to_json(r.preprocessing)},
        {"images", r.images},
        {"validation_images", r.validation_images},
        {"epochs", r.epochs},
        {"batch", r.batch},
        {"learning_rate", r.learning_rate},
        {"schedule", {{"name", r.schedule}, {"step_epochs", r.step_epochs}, {"step_factor", r.step_factor}}},
        {"optimizer", {{"name", r.optimizer}, {"momentum", r.momentum}, {"weight_decay", r.weight_decay}}},
        {"augment", {{"shift", r.shift}, {"flip", r.flip}}},
        {"seed", r.seed},
        {"threads", r.threads},
        {"device", r.device}};
}

double learning_rate_at(const TrainRequest& request, std::int64_t batches, std::int64_t per_epoch) {
    if (request.schedule == "step") {
        const std::int64_t steps = batches / (per_epoch * request.step_epochs);
        return request.learning_rate * std::pow(request.step_factor, static_cast<double>(steps));
    }
    const double progress = static_cast<double>(batches) / static_cast<double>(per_epoch * request.epochs);
    return request.learning_rate * 0.5 * (1 + std::cos(kPi * progress));
}

}  // namespace fluence::models
