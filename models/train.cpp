#include "models/train.h"

#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/nn/functional/loss.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "models/data.h"
#include "models/network.h"
#include "models/quantised_network.h"
#include "models/training_data.h"
#include "sim/core/error.h"
#include "workloads/image_source.h"

namespace fluence::models {
namespace {

using workloads::Dataset;
using workloads::Split;

constexpr std::int64_t kValidationBatch = 250;

torch::Device device_of(const std::string& name) {
    if (name == "cuda" && !torch::cuda::is_available()) {
        throw InputError("train", "device", "is cuda, and this machine or this build of LibTorch has none",
                         "cpu, auto");
    }
    return name == "cpu" || !torch::cuda::is_available() ? torch::Device(torch::kCPU)
                                                         : torch::Device(torch::kCUDA);
}

std::unique_ptr<torch::optim::Optimizer> make_optimizer(const TrainRequest& request, Network& network) {
    if (request.optimizer == "adam") {
        return std::make_unique<torch::optim::Adam>(
            network.parameters(),
            torch::optim::AdamOptions(request.learning_rate).weight_decay(request.weight_decay));
    }
    return std::make_unique<torch::optim::SGD>(network.parameters(),
                                               torch::optim::SGDOptions(request.learning_rate)
                                                   .momentum(request.momentum)
                                                   .weight_decay(request.weight_decay));
}

void set_learning_rate(torch::optim::Optimizer& optimizer, double rate) {
    for (auto& group : optimizer.param_groups()) {
        group.options().set_lr(rate);
    }
}

void require_folder(const std::string& file) {
    const std::filesystem::path folder = std::filesystem::absolute(file).parent_path();
    if (!std::filesystem::is_directory(folder)) {
        throw InputError(file, "", "cannot be written: there is no folder " + folder.string());
    }
    if (::access(folder.c_str(), W_OK) != 0) {
        throw InputError(file, "", "cannot be written: the folder " + folder.string() + " is read-only");
    }
}

// What decides about the result; a checkpoint fits a request that agrees in it.
nlohmann::json identity_of(const TrainRequest& request) {
    nlohmann::json identity = to_json(request);
    identity.erase("location");
    identity.erase("validation_images");
    return identity;
}

workloads::Dataset images_of(const TrainRequest& request, Split split, std::int64_t limit) {
    const auto source = workloads::open_images(request.dataset, request.location, split, limit,
                                               request.preprocessing.geometry);
    return source->read(0, source->size());
}

class Trainer {
  public:
    Trainer(const TrainRequest& request, const TrainObserver& observer)
        : request_(request),
          observer_(observer),
          device_(device_of(request.device)),
          training_(images_of(request, Split::train, request.images)),
          validation_(images_of(request, Split::test, request.validation_images)),
          batches_(training_, request) {
        if (training_.size() == 0 || validation_.size() == 0) {
            throw InputError(request.location, request.dataset, "holds no images");
        }
        torch::manual_seed(request.seed);
        make_networks();
        network_->to(device_);
        optimizer_ = make_optimizer(request, *network_);
    }

    bool run() {
        require_folder(request_.output);  // rather now than behind hours of training
        if (request_.resume) {
            load_checkpoint();
        } else {
            save_checkpoint();
        }
        while (epoch_ < request_.epochs) {
            if (!run_epoch()) {
                save_checkpoint();
                return false;
            }
            ++epoch_;
            batch_ = 0;
            const double loss = loss_sum_ / static_cast<double>(training_.size());
            loss_sum_ = 0;
            save_checkpoint();
            report(loss);
        }
        network_->to(torch::kCPU);
        save_weights(quantised_ ? quantised_->unfolded() : *network_, request_.output);
        return true;
    }

  private:
    void make_networks();
    bool run_epoch();
    double step(const TrainingBatches::Batch& batch);
    void report(double loss);
    void save_checkpoint() const;
    void load_checkpoint();

    const TrainRequest& request_;
    const TrainObserver& observer_;
    torch::Device device_;
    Dataset training_, validation_;
    TrainingBatches batches_;
    std::shared_ptr<Network> network_;
    std::shared_ptr<QuantisedNetwork> quantised_;  // network_, where it is fine-tuned for a format
    std::unique_ptr<torch::optim::Optimizer> optimizer_;
    // The next batch, and the sum of the losses of this epoch's images so far.
    std::int64_t epoch_ = 0, batch_ = 0;
    double loss_sum_ = 0;
};

void Trainer::make_networks() {
    if (request_.format) {
        quantised_ = std::make_shared<QuantisedNetwork>(
            request_.network, request_.weights, training_.shape, training_.classes,
            Rounding{*request_.format, request_.channel_scales},
            non_negative(request_.preprocessing, training_.shape.channels));
        network_ = quantised_;
        return;
    }
    network_ = make_network(request_.network, training_.shape, training_.classes);
    if (!request_.weights.empty()) {
        load_weights(*network_, request_.weights);
    }
}

// From batch_ on; false where it was stopped in between.
bool Trainer::run_epoch() {
    network_->train();
    batches_.begin_epoch(epoch_);
    while (batch_ < batches_.per_epoch()) {
        if (observer_.stop && observer_.stop()) {
            return false;
        }
        const TrainingBatches::Batch batch = batches_.batch(batch_);
        loss_sum_ += step(batch) * static_cast<double>(batch.labels.numel());
        ++batch_;
        if (observer_.progress) {
            observer_.progress(epoch_ + 1, std::min(batch_ * request_.batch, training_.size()),
                               training_.size());
        }
    }
    return true;
}

double Trainer::step(const TrainingBatches::Batch& batch) {
    const std::int64_t done = epoch_ * batches_.per_epoch() + batch_;
    set_learning_rate(*optimizer_, learning_rate_at(request_, done, batches_.per_epoch()));
    optimizer_->zero_grad();
    const torch::Tensor logits = network_->forward(batch.images.to(device_));
    const torch::Tensor loss = torch::nn::functional::cross_entropy(logits, batch.labels.to(device_));
    loss.backward();
    optimizer_->step();
    const double value = loss.item<double>();
    if (!std::isfinite(value)) {
        throw InputError(
            "train", "learning_rate",
            "makes the loss infinite in epoch " + std::to_string(epoch_ + 1) + "; try a smaller one");
    }
    return value;
}

void Trainer::report(double loss) {
    const torch::NoGradGuard no_gradients;
    network_->eval();
    EpochResult result{epoch_, loss, validation_.size(), 0};
    for (std::int64_t first = 0; first < validation_.size(); first += kValidationBatch) {
        const std::int64_t count = std::min(kValidationBatch, validation_.size() - first);
        const torch::Tensor answers =
            network_->forward(preprocessed(validation_, first, count, request_.preprocessing).to(device_))
                .argmax(1)
                .to(torch::kCPU);
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int32_t label = validation_.labels[static_cast<std::size_t>(first + i)];
            result.validation_correct += answers.data_ptr<std::int64_t>()[i] == label ? 1 : 0;
        }
    }
    if (observer_.epoch_done) {
        observer_.epoch_done(result);
    }
}

void Trainer::save_checkpoint() const {
    if (request_.checkpoint.empty()) {
        return;
    }
    torch::serialize::OutputArchive archive;
    torch::serialize::OutputArchive network, optimizer;
    network_->save(network);
    optimizer_->save(optimizer);
    archive.write("network", network);
    archive.write("optimizer", optimizer);
    archive.write("request", c10::IValue(identity_of(request_).dump()));
    archive.write("epoch", c10::IValue(epoch_));
    archive.write("batch", c10::IValue(batch_));
    archive.write("loss_sum", c10::IValue(loss_sum_));
    const std::string temporary = request_.checkpoint + ".part";
    try {
        archive.save_to(temporary);
        std::filesystem::rename(temporary, request_.checkpoint);
    } catch (const std::exception&) {
        std::error_code ignored;
        std::filesystem::remove(temporary, ignored);
        throw InputError(request_.checkpoint, "", "cannot be written");
    }
}

void Trainer::load_checkpoint() {
    const std::string& path = request_.checkpoint;
    if (!std::filesystem::is_regular_file(path)) {
        throw InputError(path, "", "there is no such checkpoint to resume from");
    }
    nlohmann::json identity;
    try {
        torch::serialize::InputArchive archive, network, optimizer;
        archive.load_from(path);
        const auto value = [&](const char* key) {
            c10::IValue read;
            archive.read(key, read);
            return read;
        };
        identity = nlohmann::json::parse(value("request").toStringRef());
        if (identity == identity_of(request_)) {
            archive.read("network", network);
            archive.read("optimizer", optimizer);
            network_->load(network);
            optimizer_->load(optimizer);
            epoch_ = value("epoch").toInt();
            batch_ = value("batch").toInt();
            loss_sum_ = value("loss_sum").toDouble();
        }
    } catch (const std::exception&) {
        throw InputError(path, "", "is damaged, or no checkpoint of fluence train");
    }
    const nlohmann::json own = identity_of(request_);
    for (const auto& [key, wanted] : own.items()) {
        if (!identity.contains(key) || identity[key] != wanted) {
            throw InputError(path, key,
                             "is " + identity.value(key, nlohmann::json()).dump() +
                                 " in the checkpoint and " + wanted.dump() + " now");
        }
    }
}

}  // namespace

bool train(const TrainRequest& request, const TrainObserver& observer) {
    at::set_num_threads(request.threads);
    return Trainer(request, observer).run();
}

}  // namespace fluence::models
