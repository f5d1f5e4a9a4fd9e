#include "models/import_source.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <filesystem>
#include <limits>

#include "models/data.h"
#include "models/registry.h"
#include "sim/core/error.h"
#include "workloads/synthetic_images.h"

namespace fluence::models {
namespace {

using workloads::Dataset;
using workloads::ImageSource;
using workloads::Split;

constexpr std::int64_t kBatch = 50;  // images, fewer where they are large
constexpr std::int64_t kBatchPixels = 50 * 3 * 64 * 64;
constexpr std::int64_t kLeastBatch = 8;  // that random weights are set on
// fp32 sums in another order: the largest difference of a logit, of the largest logit.
constexpr double kFoldTolerance = 1e-3;
// A network of some fifty layers rounds that much more often than its input alone.
constexpr double kNoiseTolerance = 10;

class SourceReader {
  public:
    SourceReader(const ImportRequest& request, ImportReport& report,
                 const std::function<void(const std::string&)>& log, const ImportProgress& progress)
        : request_(request), report_(report), log_(log), progress_(progress) {}

    ImportSource read();

  private:
    void say(const std::string& line) const {
        if (log_) {
            log_(line);
        }
    }
    ImportImages read_data();
    ImportImages synthetic_data();
    ScriptModule read_module(const ImportImages& data) const;
    void label(const ScriptModule& module, const ImportImages& data) const;
    FloatGraph read_graph(const ScriptModule& module, const ImportImages& data);
    void check_folding(const FloatGraph& graph, const ScriptModule& module, const ImportImages& data) const;

    const ImportRequest& request_;
    ImportReport& report_;
    const std::function<void(const std::string&)>& log_;
    const ImportProgress& progress_;
    workloads::SyntheticImages* unlabelled_ = nullptr;  // the test images, where they are synthetic
};

ImportImages SourceReader::synthetic_data() {
    const NetworkInfo& network = network_info(request_.model);
    const auto images = [&](std::int64_t count, Split split) {
        return std::make_unique<workloads::SyntheticImages>(network.input, network.classes, count, split);
    };
    auto test = images(std::max<std::int64_t>(request_.images, 1), Split::test);
    ImportImages data;
    unlabelled_ = test.get();
    data.images = test->size();
    data.test = std::move(test);
    data.calibration = images(request_.calibration_images, Split::train);
    say("data: " + std::to_string(data.images) + " test and " + std::to_string(data.calibration->size()) +
        " calibration images, synthetic");
    return data;
}

ImportImages SourceReader::read_data() {
    if (request_.dataset.empty()) {
        return synthetic_data();
    }
    ImportImages data;
    const bool all = request_.images == 0 || request_.evaluate < 0;
    const std::int64_t wanted = all ? 0 : std::max(request_.images, request_.evaluate);
    const auto& geometry = request_.preprocessing.geometry;
    data.test = workloads::open_images(request_.dataset, request_.location, Split::test, wanted, geometry);
    data.calibration = workloads::open_images(request_.dataset, request_.location, Split::train,
                                              request_.calibration_images, geometry);
    if (data.test->size() == 0 || data.calibration->size() == 0) {
        throw InputError(request_.location, request_.dataset, "holds no images");
    }
    data.images = request_.images == 0 ? data.test->size() : std::min(request_.images, data.test->size());
    say("data: " + std::to_string(data.test->size()) + " test and " +
        std::to_string(data.calibration->size()) + " calibration images of " + request_.dataset);
    return data;
}

ScriptModule SourceReader::read_module(const ImportImages& data) const {
    if (request_.random_weights) {
        const ImageSource& source = *data.calibration;
        const std::int64_t count = std::min(
            source.size(), std::clamp(kBatchPixels / source.shape().elements(), kLeastBatch, kBatch));
        return ScriptModule::with_random_weights(
            request_.model, *request_.random_weights,
            preprocessed(source.read(0, count), 0, count, request_.preprocessing), data.test->classes());
    }
    return is_network(request_.model) ? ScriptModule::from_registry(request_.model, request_.weights,
                                                                    data.test->shape(), data.test->classes())
                                      : ScriptModule::load(request_.model);
}

// Synthetic images are of the class that the network says.
void SourceReader::label(const ScriptModule& module, const ImportImages& data) const {
    std::vector<std::int32_t> labels;
    for_each_batch(
        "labelled images", *data.test, data.test->size(), progress_, [&](std::int64_t, const Dataset& batch) {
            const at::Tensor logits =
                module.forward(preprocessed(batch, 0, batch.size(), request_.preprocessing));
            for (std::int64_t row = 0; row < batch.size(); ++row) {
                labels.push_back(static_cast<std::int32_t>(logits[row].argmax().item<std::int64_t>()));
            }
        });
    unlabelled_->set_labels(std::move(labels));
}

FloatGraph SourceReader::read_graph(const ScriptModule& module, const ImportImages& data) {
    FloatGraph graph = module.graph(data.test->shape(), report_.folded);
    fold(graph, module.source(), report_.folded);
    graph.name =
        is_network(request_.model) ? request_.model : std::filesystem::path(request_.model).stem().string();
    const int outputs = graph.shapes[static_cast<std::size_t>(graph.logits)].channels;
    const auto largest = std::max_element(data.test->labels().begin(), data.test->labels().end());
    if (outputs <= *largest) {
        throw InputError(module.source(), "",
                         "gives " + std::to_string(outputs) + " logits, and \"" + request_.dataset +
                             "\" has the class " + std::to_string(*largest));
    }
    say("graph: " + std::to_string(graph.ops.size()) + " layers, " + std::to_string(report_.folded.size()) +
        " operators folded or dropped");
    return graph;
}

// How far the logits move when every input moves by its last bit: deep networks with weights drawn at random
// amplify roundings, and folding rounds elsewhere than the module does.
double rounding_noise(const ScriptModule& module, const at::Tensor& batch, const at::Tensor& logits) {
    const at::Tensor signs = at::arange(batch.numel()).remainder(2).mul(2).sub(1).reshape(batch.sizes());
    const at::Tensor moved = batch * (1 + std::numeric_limits<float>::epsilon() * signs);
    return (module.forward(moved) - logits).abs().max().item<double>();
}

// The layers must compute what the module computes; anything else is a mistake of the reader.
void SourceReader::check_folding(const FloatGraph& graph, const ScriptModule& module,
                                 const ImportImages& data) const {
    const std::int64_t count = std::min<std::int64_t>(data.calibration->size(), 8);
    const at::Tensor batch = preprocessed(data.calibration->read(0, count), 0, count, request_.preprocessing);
    const at::Tensor wanted = module.forward(batch);
    const at::Tensor got = evaluate(graph, batch);
    const double difference = (wanted - got).abs().max().item<double>();
    const double tolerance = kFoldTolerance * std::max(1.0, wanted.abs().max().item<double>());
    if (!(difference <= tolerance) &&
        !(difference <= kNoiseTolerance * rounding_noise(module, batch, wanted))) {
        throw InputError(module.source(), "forward",
                         "computes something else than its operators read one by one (logits differ by " +
                             std::to_string(difference) + "); does it change tensors in place?");
    }
}

ImportSource SourceReader::read() {
    at::set_num_threads(request_.threads);
    if (!is_network(request_.model)) {
        ScriptModule::load(request_.model);  // before the data set, which may take long to read
    }
    ImportImages data = read_data();
    ScriptModule module = read_module(data);
    if (unlabelled_ != nullptr) {
        label(module, data);
    }
    FloatGraph graph = read_graph(module, data);
    check_folding(graph, module, data);
    return {std::move(data), std::move(module), std::move(graph)};
}

}  // namespace

std::int64_t images_at_a_time(const workloads::Shape& image) {
    return std::clamp<std::int64_t>(kBatchPixels / image.elements(), 1, kBatch);
}

ImportSource read_source(const ImportRequest& request, ImportReport& report,
                         const std::function<void(const std::string&)>& log, const ImportProgress& progress) {
    return SourceReader(request, report, log, progress).read();
}

}  // namespace fluence::models
