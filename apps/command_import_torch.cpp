// fluence import: a trained network and its data → a workload bundle.
#include "apps/front_end.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "apps/number_list_torch.h"
#include "apps/options.h"
#include "apps/step_progress_torch.h"
#include "models/import.h"
#include "models/import_words.h"
#include "sim/arith/value_engine.h"
#include "sim/core/error.h"

namespace fluence::apps {
namespace {

constexpr const char* kExamples =
    "  fluence import resnet20.pt --dataset cifar10 --data DIR --mean 0.485,0.456,0.406 \\\n"
    "      --deviation 0.229,0.224,0.225 --images 1000 --output resnet20-cifar10\n"
    "  fluence import lenet5 --weights lenet5.safetensors --dataset glyphs --output lenet5-glyphs\n"
    "  fluence import resnet50 --random-weights 1 --output resnet50-random\n"
    "  fluence import --request import.json --data DIR --output BUNDLE\n";

po::options_description declare() {
    po::options_description options("Options");
    options.add_options()("model", po::value<std::string>(),
                          "TorchScript (.pt) or ONNX file (.onnx), or a network of `fluence list`")(
        "request", po::value<std::string>(),
        "JSON file with the keys of an import request, or an experiment that has one; options win")(
        "weights", po::value<std::string>(), "weights of a listed network (.safetensors, .pth)")(
        "random-weights", po::value<std::int64_t>(),
        "instead: a seed; weights that keep activations in range, on synthetic images without --dataset")(
        "dataset", po::value<std::string>(), "mnist, cifar10, cifar100, folder, tiny-imagenet, glyphs")(
        "data", po::value<std::string>(), "folder of the data set; paths of the request are relative to it")(
        "output,o", po::value<std::string>()->required(), "bundle to write (a folder)")(
        "divisor", po::value<double>(), "value = (pixel / divisor - mean) / deviation (default 255)")(
        "mean", po::value<std::string>(), "one number, or one a channel, with commas (default 0)")(
        "deviation", po::value<std::string>(), "one number, or one a channel, with commas (default 1)")(
        "format", po::value<std::string>(),
        "number format: int8 (default) or another of fluence list formats")(
        "weight-scales", po::value<std::string>(),
        "fxp8: a power of two a layer (layer, the default) or an output channel (channel)")(
        "refine", "int8, fxp8: correct biases; fxp8: equalise channels, scale for the least squared error")(
        "resize", po::value<std::string>(), "resize images first: the shorter side, or ROWSxCOLUMNS")(
        "no-antialias",
        "resize between the four nearest pixels (default: weights over all that are covered)")(
        "crop", po::value<int>(), "then cut a square of that side out of the middle")(
        "rotate", po::value<int>(), "then turn by 0 or 180 degrees")(
        "images", po::value<std::int64_t>(), "test images in the bundle (default 0: all)")(
        "calibration-images", po::value<std::int64_t>(),
        "training images that set the scales (default 1000)")(
        "golden-images", po::value<std::int64_t>(), "images whose activations are stored (default 2)")(
        "evaluate", po::value<std::int64_t>(),
        "test images that accuracy is measured on (default -1: all; formats of words: those of the bundle)")(
        "threads", po::value<int>(), "threads (default 1: the same bytes every time)");
    return options;
}

// Where an experiment holds its request.
const nlohmann::json::json_pointer kInExperiment("/workload/import");

// The request file, if any, with the options written over it.
nlohmann::json merged_request(const po::variables_map& values, bool& experiment) {
    nlohmann::json request = nlohmann::json::object();
    if (values.count("request") != 0) {
        request = read_json_file(values["request"].as<std::string>());
    }
    experiment = request.is_object() && request.contains(kInExperiment);
    if (experiment) {
        request = nlohmann::json(request[kInExperiment]);
    }
    const auto text = [&](const char* option, const char* key) {
        if (values.count(option) != 0) {
            request[key] = values[option].as<std::string>();
        }
    };
    // A file named on the command line is relative to where the user stands.
    const auto path = [&](const char* option, const char* key) {
        if (values.count(option) != 0) {
            const std::string given = values[option].as<std::string>();
            request[key] = std::filesystem::exists(given) ? std::filesystem::absolute(given).string() : given;
        }
    };
    const auto count = [&](const char* option, const char* key) {
        if (values.count(option) != 0) {
            request[key] = values[option].as<std::int64_t>();
        }
    };
    path("model", "model");
    path("weights", "weights");
    text("dataset", "dataset");
    count("random-weights", "random_weights");
    text("format", "format");
    text("weight-scales", "weight_scales");
    count("images", "images");
    count("calibration-images", "calibration_images");
    count("golden-images", "golden_images");
    count("evaluate", "evaluate");
    if (values.count("refine") != 0) {
        request["refine"] = true;
    }
    if (values.count("threads") != 0) {
        request["threads"] = values["threads"].as<int>();
    }
    if (values.count("divisor") != 0) {
        request["preprocessing"]["divisor"] = values["divisor"].as<double>();
    }
    if (values.count("resize") != 0) {
        const std::string resize = values["resize"].as<std::string>();
        const std::size_t cross = resize.find('x');
        nlohmann::json sides = nlohmann::json::array();
        for (const double value : number_list(
                 "import", "resize",
                 cross == std::string::npos ? resize
                                            : resize.substr(0, cross) + "," + resize.substr(cross + 1))) {
            sides.push_back(static_cast<std::int64_t>(value));
        }
        request["preprocessing"]["resize"] = sides.size() == 1 ? sides[0] : sides;
    }
    if (values.count("no-antialias") != 0) {
        request["preprocessing"]["antialias"] = false;
    }
    for (const char* key : {"crop", "rotate"}) {
        if (values.count(key) != 0) {
            request["preprocessing"][key] = values[key].as<int>();
        }
    }
    for (const char* key : {"mean", "deviation"}) {
        if (values.count(key) != 0) {
            request["preprocessing"][key] = number_list("import", key, values[key].as<std::string>());
        }
    }
    return request;
}

std::string percent(std::int64_t part, std::int64_t whole) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.2f %% (%lld/%lld)",
                  100.0 * static_cast<double>(part) / static_cast<double>(whole),
                  static_cast<long long>(part), static_cast<long long>(whole));
    return text.data();
}

void print(const models::ImportReport& report, const std::string& format) {
    std::cout << "Folded or dropped:\n";
    for (const std::string& line : report.folded) {
        std::cout << "  " << line << "\n";
    }
    const auto& all = report.evaluated;
    std::cout << "Top-1 on " << all.images << " test images: fp32 " << percent(all.fp32_correct, all.images)
              << ", " << format << " " << percent(all.quantised_correct, all.images) << "\n";
    if (report.images != all.images) {
        const models::Accuracy& part = report;
        std::cout << "Top-1 on the bundle's " << part.images << ": fp32 "
                  << percent(part.fp32_correct, part.images) << ", " << format << " "
                  << percent(part.quantised_correct, part.images) << "\n";
    }
}

// Formats of words are no key of requests that experiments make.
std::optional<workloads::WordFormat> take_word_format(nlohmann::json& request) {
    for (const workloads::WordFormatInfo& info : workloads::word_formats()) {
        if (request.is_object() && request.value("format", nlohmann::json()) == info.name) {
            request.erase("format");
            return info.format;
        }
    }
    return std::nullopt;
}

// models/ may not know the engine: its golden activations are what the engine is held against.
models::WordInference word_inference(const workloads::WordGraph& graph) {
    const std::shared_ptr<arith::ValueEngine> engine = arith::make_value_engine(graph);
    return [engine](const workloads::Words& image) {
        engine->load(image);
        return engine->golden(engine->structure().logits);
    };
}

// `words`: the format, where the network becomes a graph of words.
models::ImportReport import_into(const std::string& output, const models::ImportRequest& request,
                                 const std::optional<workloads::WordFormat>& words) {
    models::ImportReport report;
    StepProgress progress;
    const auto log = [&](const std::string& line) { progress.line(line); };
    const auto step = [&](const std::string& name, std::int64_t done, std::int64_t total) {
        progress.update(name, done, total);
    };
    if (words) {
        workloads::write_word_bundle(models::import_words(request, *words, report, log, step, word_inference),
                                     output);
    } else {
        workloads::write_bundle(models::import_model(request, report, log, step), output);
    }
    return report;
}

}  // namespace

int run_import(const Arguments& arguments) {
    po::options_description options = declare();
    const auto values = parse_options("import", "MODEL --dataset NAME --data DIR --output BUNDLE [OPTIONS]",
                                      options, {"model"}, arguments, kExamples);
    if (!values) {
        return 0;
    }
    const std::string base = values->count("data") != 0 ? (*values)["data"].as<std::string>() : ".";
    const std::string file =
        values->count("request") != 0 ? (*values)["request"].as<std::string>() : "fluence import";
    bool experiment = false;
    nlohmann::json request_json = merged_request(*values, experiment);
    const std::optional<workloads::WordFormat> words = take_word_format(request_json);
    models::ImportRequest request = models::parse_import_request(
        experiment ? JsonObject(request_json, file, "workload.import") : JsonObject(request_json, file),
        base);
    if (!experiment && !request_json.contains("evaluate")) {
        // Words take several times as long as integers.
        request.evaluate = words ? 0 : -1;
    }
    const std::string output = (*values)["output"].as<std::string>();
    const models::ImportReport report = import_into(output, request, words);
    print(report, words ? workloads::name_of(*words) : workloads::name_of(request.format));
    std::cout << "Bundle: " << output << "\n";
    return 0;
}

}  // namespace fluence::apps
