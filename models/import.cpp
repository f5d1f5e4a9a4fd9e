#include "models/import.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "models/data.h"
#include "models/equalise.h"
#include "models/import_source.h"
#include "models/import_words.h"
#include "models/integer_network.h"
#include "models/narrow_ranges.h"
#include "models/quantise.h"
#include "models/quantise_words.h"
#include "models/registry.h"
#include "models/request_parts.h"
#include "models/script_graph.h"
#include "sim/core/error.h"
#include "workloads/image_source.h"
#include "workloads/word_reference.h"

namespace fluence::models {
namespace {

using workloads::Bundle;
using workloads::Codes;
using workloads::Dataset;
using workloads::Graph;
using workloads::ImageSource;
using workloads::WordBundle;
using workloads::WordGraph;
using workloads::Words;

// Calibration images that go into the bundle, at most: so many images and so many bytes.
constexpr std::int64_t kStoredCalibration = 1000;
constexpr std::int64_t kStoredCalibrationBytes = 32 << 20;

class Importer {
  public:
    Importer(const ImportRequest& request, ImportReport& report,
             const std::function<void(const std::string&)>& log, const ImportProgress& progress)
        : request_(request), report_(report), log_(log), progress_(progress) {}

    Bundle run();
    WordBundle run_words(workloads::WordFormat format, const WordInferenceMaker& maker);

  private:
    template <class Body>
    void batches(const std::string& step, const ImageSource& source, std::int64_t total, Body body) const {
        for_each_batch(step, source, total, progress_, body);
    }
    at::Tensor real(const Dataset& batch) const {
        return preprocessed(batch, 0, batch.size(), request_.preprocessing);
    }
    std::vector<Range> ranges_of(const FloatGraph& graph, const ImportImages& data) const;
    Graph quantised(const FloatGraph& graph, const ScriptModule& module, const ImportImages& data);
    at::Tensor codes(const Dataset& batch) const;
    std::vector<std::uint8_t> stored(const ImageSource& source, std::int64_t count) const;
    void profile(const IntegerNetwork& network, const ImportImages& data, Bundle& bundle) const;
    void golden(const IntegerNetwork& network, const ImportImages& data, Bundle& bundle) const;
    // `logits`: of a batch, images × classes, real numbers or codes of one scale.
    void evaluate_both(const ScriptModule& module,
                       const std::function<at::Tensor(const Dataset& batch)>& logits,
                       const ImportImages& data) const;
    Words words(const Dataset& batch, std::int64_t image) const;
    nlohmann::json provenance(const ScriptModule& module, const char* format) const;

    const ImportRequest& request_;
    ImportReport& report_;
    const std::function<void(const std::string&)>& log_;
    const ImportProgress& progress_;
    std::vector<std::int32_t> pixel_table_;  // channels × 256
    at::Tensor pixel_codes_;                 // the same, int32
    std::vector<Words> pixel_words_;         // by channel and pixel; formats of words
};

std::vector<Range> Importer::ranges_of(const FloatGraph& graph, const ImportImages& data) const {
    std::vector<Range> ranges;
    batches("calibration images", *data.calibration, data.calibration->size(),
            [&](std::int64_t, const Dataset& batch) { calibrate(graph, real(batch), ranges); });
    return ranges;
}

Graph Importer::quantised(const FloatGraph& graph, const ScriptModule& module, const ImportImages& data) {
    FloatGraph refined = graph;
    ChannelStatistics statistics;
    if (request_.refine) {
        batches("observed images", *data.calibration, data.calibration->size(),
                [&](std::int64_t, const Dataset& batch) { observe(graph, real(batch), statistics); });
    }
    // int8 scales every output channel by itself and any range to all of its codes.
    const bool rescale = request_.refine && request_.format == workloads::DataFormat::fxp8;
    if (rescale) {
        equalise(refined, statistics, report_.folded);
    }
    std::vector<Range> ranges = ranges_of(refined, data);
    if (rescale) {
        GridErrors errors;
        batches(
            "measured images", *data.calibration, data.calibration->size(),
            [&](std::int64_t, const Dataset& batch) { measure_grids(refined, real(batch), ranges, errors); });
        narrow_ranges(refined, errors, ranges, report_.folded);
    }
    const bool only_positive = non_negative(request_.preprocessing, data.test->shape().channels);
    Graph result = quantise(refined, ranges, only_positive, module.source(),
                            {request_.format, request_.channel_scales, std::move(statistics.mean)});
    workloads::validate(result, module.source());
    return result;
}

at::Tensor Importer::codes(const Dataset& batch) const {
    const auto& shape = batch.shape;
    auto* pixels = const_cast<std::uint8_t*>(batch.image(0));  // only read
    const at::Tensor bytes =
        at::from_blob(pixels, {batch.size(), shape.channels, shape.height, shape.width}, at::kByte)
            .to(at::kLong);
    const at::Tensor offset = at::arange(shape.channels, at::kLong).mul(256).reshape({1, -1, 1, 1});
    return pixel_codes_.reshape(-1).index({(bytes + offset).reshape(-1)}).reshape(bytes.sizes());
}

// The bytes of the first `count` images' codes.
std::vector<std::uint8_t> Importer::stored(const ImageSource& source, std::int64_t count) const {
    const workloads::Shape& shape = source.shape();
    const std::int64_t plane = shape.plane();
    std::vector<std::uint8_t> bytes;
    bytes.reserve(static_cast<std::size_t>(count * shape.elements()));
    batches("stored images", source, count, [&](std::int64_t, const Dataset& batch) {
        for (std::size_t i = 0; i < batch.pixels.size(); ++i) {
            const std::int64_t channel = static_cast<std::int64_t>(i) / plane % shape.channels;
            const std::int64_t entry = channel * 256 + batch.pixels[i];
            bytes.push_back(static_cast<std::uint8_t>(pixel_table_[static_cast<std::size_t>(entry)]));
        }
    });
    return bytes;
}

void Importer::profile(const IntegerNetwork& network, const ImportImages& data, Bundle& bundle) const {
    bundle.profile.resize(bundle.graph.tensors.size());
    const auto widen = [&](TensorId id, const at::Tensor& values) {
        workloads::ChannelProfile& p = bundle.profile[index_of(id)];
        const at::Tensor lo = values.amin({0, 2, 3}).contiguous();
        const at::Tensor hi = values.amax({0, 2, 3}).contiguous();
        const auto channels = static_cast<std::size_t>(lo.numel());
        const bool first = p.lo.empty();
        p.lo.resize(channels);
        p.hi.resize(channels);
        for (std::size_t c = 0; c < channels; ++c) {
            p.lo[c] = first ? lo.data_ptr<int>()[c] : std::min(p.lo[c], lo.data_ptr<int>()[c]);
            p.hi[c] = first ? hi.data_ptr<int>()[c] : std::max(p.hi[c], hi.data_ptr<int>()[c]);
        }
    };
    batches("profiled images", *data.calibration, data.calibration->size(),
            [&](std::int64_t, const Dataset& batch) { network.run(codes(batch), widen); });
}

void Importer::golden(const IntegerNetwork& network, const ImportImages& data, Bundle& bundle) const {
    const std::int64_t count = std::min(request_.golden_images, data.images);
    for (std::int64_t image = 0; image < count; ++image) {
        std::vector<Codes>& tensors = bundle.golden.emplace_back(bundle.graph.tensors.size());
        network.run(codes(data.test->read(image, 1)), [&](TensorId id, const at::Tensor& values) {
            const at::Tensor flat = values.contiguous();
            tensors[index_of(id)].assign(flat.data_ptr<int>(), flat.data_ptr<int>() + flat.numel());
        });
    }
}

// The first of the largest logits wins, as everywhere in Fluence.
template <class T>
bool is_correct(const at::Tensor& logits, std::int64_t row, std::int32_t label) {
    const T* begin = logits.data_ptr<T>() + row * logits.size(1);
    return std::max_element(begin, begin + logits.size(1)) - begin == label;
}

void Importer::evaluate_both(const ScriptModule& module,
                             const std::function<at::Tensor(const Dataset& batch)>& logits,
                             const ImportImages& data) const {
    const std::int64_t total = request_.evaluate < 0
                                   ? data.test->size()
                                   : std::max(data.images, std::min(request_.evaluate, data.test->size()));
    batches("evaluated images", *data.test, total, [&](std::int64_t first, const Dataset& batch) {
        const at::Tensor fp32_logits = module.forward(real(batch)).to(at::kFloat).contiguous();
        const at::Tensor quantised_logits = logits(batch).to(at::kDouble).contiguous();
        for (std::int64_t row = 0; row < batch.size(); ++row) {
            const std::int32_t label = batch.labels[static_cast<std::size_t>(row)];
            const std::int64_t fp32 = is_correct<float>(fp32_logits, row, label) ? 1 : 0;
            const std::int64_t quantised = is_correct<double>(quantised_logits, row, label) ? 1 : 0;
            const auto count_in = [&](Accuracy& accuracy) {
                ++accuracy.images;
                accuracy.fp32_correct += fp32;
                accuracy.quantised_correct += quantised;
            };
            count_in(report_.evaluated);
            if (first + row < data.images) {
                count_in(report_);
            }
        }
    });
}

std::string crc32_of(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    std::array<char, 1 << 16> block{};
    uLong crc = ::crc32(0, nullptr, 0);
    while (stream.read(block.data(), block.size()) || stream.gcount() > 0) {
        crc = ::crc32(crc, reinterpret_cast<const Bytef*>(block.data()), static_cast<uInt>(stream.gcount()));
    }
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%08lx", crc);
    return text.data();
}

nlohmann::json Importer::provenance(const ScriptModule& module, const char* format) const {
    const Preprocessing& p = request_.preprocessing;
    const std::string file = std::filesystem::path(module.source()).filename().string();
    nlohmann::json source = {{"file", file}, {"crc32", crc32_of(module.source())}};
    if (request_.random_weights) {
        source = {{"random_weights", *request_.random_weights}};
    }
    if (is_network(request_.model)) {
        source["network"] = request_.model;
    }
    nlohmann::json calibration = {{"images", request_.calibration_images},
                                  {"split", "train"},
                                  {"method", request_.refine ? "min-max, refined" : "min-max"}};
    if (request_.channel_scales) {
        calibration["weight_scales"] = "channel";
    }
    return {{"source", source},
            {"dataset", request_.dataset.empty() ? "synthetic" : request_.dataset},
            {"format", format},
            {"split", "test"},
            {"preprocessing", to_json(p)},
            {"calibration", calibration},
            {"folded", report_.folded}};
}

Bundle Importer::run() {
    const auto [data, module, graph] = read_source(request_, report_, log_, progress_);
    Bundle bundle;
    bundle.graph = quantised(graph, module, data);
    const Preprocessing p = complete(request_.preprocessing, data.test->shape().channels);
    pixel_table_.clear();
    for (const auto& row : pixel_codes(p, bundle.graph.tensor(bundle.graph.input), request_.format)) {
        pixel_table_.insert(pixel_table_.end(), row.begin(), row.end());
    }
    pixel_codes_ = at::tensor(at::ArrayRef<std::int32_t>(pixel_table_), at::kInt);

    const IntegerNetwork network(bundle.graph);
    profile(network, data, bundle);
    golden(network, data, bundle);
    const auto logits = [&network, this](const Dataset& batch) { return network.run(codes(batch)); };
    evaluate_both(module, logits, data);

    bundle.image_count = data.images;
    bundle.images = stored(*data.test, data.images);
    bundle.calibration_count = std::min({data.calibration->size(), kStoredCalibration,
                                         kStoredCalibrationBytes / data.calibration->shape().elements()});
    bundle.calibration = stored(*data.calibration, bundle.calibration_count);
    const auto& labels = data.test->labels();
    bundle.labels = {labels.begin(), labels.begin() + data.images};
    bundle.fp32_top1 = static_cast<double>(report_.fp32_correct) / static_cast<double>(data.images);
    bundle.provenance = provenance(module, workloads::name_of(request_.format));
    return bundle;
}

// Image `image` of the batch.
Words Importer::words(const Dataset& batch, std::int64_t image) const {
    const auto plane = static_cast<std::size_t>(batch.shape.plane());
    const std::uint8_t* pixels = batch.image(image);
    Words result(static_cast<std::size_t>(batch.shape.elements()));
    for (std::size_t i = 0; i < result.size(); ++i) {
        result[i] = pixel_words_[i / plane][pixels[i]];
    }
    return result;
}

// Plain loops, unless a faster inference is given.
WordInference inference_of(const WordGraph& graph, const WordInferenceMaker& maker) {
    if (maker) {
        return maker(graph);
    }
    return [&graph](const Words& image) {
        return reference_run(graph, image)[index_of(graph.structure.logits)];
    };
}

WordBundle Importer::run_words(workloads::WordFormat format, const WordInferenceMaker& maker) {
    if (request_.refine) {
        throw InputError("request", "refine", "is for int8 and fxp8");
    }
    if (request_.channel_scales) {
        throw InputError("request", "weight_scales", "are by channel for fxp8 alone", "layer");
    }
    const auto [data, module, graph] = read_source(request_, report_, log_, progress_);
    WordBundle bundle;
    bundle.graph = quantise_words(graph, ranges_of(graph, data), format, module.source());
    const WordGraph& network = bundle.graph;
    pixel_words_ = pixel_words(complete(request_.preprocessing, data.test->shape().channels), network);

    const WordInference inference = inference_of(network, maker);
    const std::int64_t golden = std::min(request_.golden_images, data.images);
    for (std::int64_t image = 0; image < golden; ++image) {
        const Words one = words(data.test->read(image, 1), 0);
        bundle.golden.push_back(reference_run(network, one));
        if (bundle.golden.back()[index_of(network.structure.logits)] != inference(one)) {
            throw std::logic_error("accuracy is measured with other logits than the definition's");
        }
    }
    const workloads::TensorInfo& out = network.structure.tensor(network.structure.logits);
    const auto logits = [&, this](const Dataset& batch) {
        at::Tensor result = at::empty({batch.size(), out.shape.channels}, at::kDouble);
        double* value = result.data_ptr<double>();
        for (std::int64_t image = 0; image < batch.size(); ++image) {
            for (const workloads::Word word : inference(words(batch, image))) {
                *value++ = workloads::value_of(network.format, out.scale, word);
            }
        }
        return result;
    };
    evaluate_both(module, logits, data);

    bundle.image_count = data.images;
    batches("stored images", *data.test, data.images, [&](std::int64_t, const Dataset& batch) {
        for (std::int64_t image = 0; image < batch.size(); ++image) {
            const Words one = words(batch, image);
            bundle.images.insert(bundle.images.end(), one.begin(), one.end());
        }
    });
    const auto& labels = data.test->labels();
    bundle.labels = {labels.begin(), labels.begin() + data.images};
    bundle.fp32_top1 = static_cast<double>(report_.fp32_correct) / static_cast<double>(data.images);
    bundle.provenance = provenance(module, workloads::name_of(format));
    return bundle;
}

}  // namespace

Bundle import_model(const ImportRequest& request, ImportReport& report,
                    const std::function<void(const std::string&)>& log, const ImportProgress& progress) {
    const at::NoGradGuard no_gradients;
    return Importer(request, report, log, progress).run();
}

WordBundle import_words(const ImportRequest& request, workloads::WordFormat format, ImportReport& report,
                        const std::function<void(const std::string&)>& log, const ImportProgress& progress,
                        const WordInferenceMaker& inference) {
    const at::NoGradGuard no_gradients;
    return Importer(request, report, log, progress).run_words(format, inference);
}

}  // namespace fluence::models
