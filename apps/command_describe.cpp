#include "apps/command_describe.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "apps/front_end.h"
#include "apps/options.h"
#include "sim/core/error.h"
#include "workloads/bundle.h"
#include "workloads/description.h"

namespace fluence::apps {
namespace {

using workloads::LayerDescription;
using workloads::NetworkDescription;
using workloads::Shape;

constexpr const char* kExamples =
    "  fluence describe resnet50\n"
    "  fluence describe model.pt --input 3x32x32\n"
    "  fluence describe BUNDLE --json\n";

// "3x224x224".
Shape parse_shape(const std::string& text) {
    Shape shape;
    const char* at = text.data();
    const char* const end = at + text.size();
    for (int Shape::*extent : {&Shape::channels, &Shape::height, &Shape::width}) {
        const auto result = std::from_chars(at, end, shape.*extent);
        const bool last = extent == &Shape::width;
        const bool ends_well = last ? result.ptr == end : result.ptr != end && *result.ptr == 'x';
        if (result.ec != std::errc() || !ends_well || shape.*extent < 1 || shape.*extent > 32767) {
            throw InputError("fluence describe", "--input", "is \"" + text + "\"",
                             "CHANNELSxHEIGHTxWIDTH, each 1 to 32767");
        }
        at = last ? result.ptr : result.ptr + 1;
    }
    return shape;
}

NetworkDescription describe_source(const std::string& model, const Shape& input, int classes) {
    if (!has_front_end()) {
        throw InputError(
            "fluence describe", "NETWORK",
            "\"" + model + "\" is no bundle, and this program was built without the LibTorch front end",
            "the folder of a bundle, or a build with FLUENCE_WITH_TORCH=ON");
    }
    const std::string json =
        front_end_output("describe", {model, std::to_string(input.channels), std::to_string(input.height),
                                      std::to_string(input.width), std::to_string(classes)});
    return workloads::description_of(nlohmann::json::parse(json));
}

std::string text(const Shape& s) {
    return std::to_string(s.channels) + "x" + std::to_string(s.height) + "x" + std::to_string(s.width);
}

// 1234567 → 1,234,567.
std::string grouped(std::int64_t value) {
    std::string digits = std::to_string(value);
    for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
        digits.insert(static_cast<std::size_t>(at), ",");
    }
    return digits;
}

std::string window_text(const LayerDescription& layer) {
    const workloads::Window& w = layer.window;
    if (w.kernel_h == 1 && w.kernel_w == 1 && w.stride_h == 1 && w.stride_w == 1) {
        return layer.kind == "conv" ? "1x1" : "";
    }
    std::string line = std::to_string(w.kernel_h) + "x" + std::to_string(w.kernel_w);
    if (w.stride_h != 1 || w.stride_w != 1) {
        line += "/" + std::to_string(w.stride_h);
        line += w.stride_w == w.stride_h ? "" : "x" + std::to_string(w.stride_w);
    }
    return line;
}

using Row = std::vector<std::string>;

Row row_of(const LayerDescription& layer) {
    const bool conv = layer.kind == "conv";
    return {layer.name,
            layer.kind,
            text(layer.input),
            text(layer.output),
            window_text(layer),
            layer.groups == 1 ? "" : std::to_string(layer.groups),
            conv ? grouped(layer.output.elements()) : "",
            layer.macs == 0 ? "" : grouped(layer.macs),
            layer.parameters == 0 ? "" : grouped(layer.parameters)};
}

void print_table(const std::vector<Row>& rows) {
    std::vector<std::size_t> widths(rows.front().size(), 0);
    for (const Row& row : rows) {
        for (std::size_t c = 0; c < row.size(); ++c) {
            widths[c] = std::max(widths[c], row[c].size());
        }
    }
    constexpr std::size_t kTextColumns = 2;
    for (const Row& row : rows) {
        std::string line;
        for (std::size_t c = 0; c < row.size(); ++c) {
            const std::string blanks(widths[c] - row[c].size(), ' ');
            line += (c == 0 ? "" : "  ") + (c < kTextColumns ? row[c] + blanks : blanks + row[c]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        std::cout << line << "\n";
    }
}

void print(const NetworkDescription& network) {
    const workloads::Counts counts = counts_of(network);
    std::cout << network.name << ": images " << text(network.input) << ", " << network.classes
              << " classes\n\n";
    std::vector<Row> rows = {
        {"layer", "kind", "input", "output", "window", "groups", "neurons", "MACs", "parameters"}};
    for (const LayerDescription& layer : network.layers) {
        rows.push_back(row_of(layer));
    }
    print_table(rows);
    std::cout << "\nconvolutions  " << grouped(counts.conv_layers) << "\nfeature maps  "
              << grouped(counts.feature_maps) << "  (output channels of convolutions)\nneurons       "
              << grouped(counts.neurons) << "  (outputs of convolutions)\nMACs          "
              << grouped(counts.macs) << "\nparameters    " << grouped(counts.parameters)
              << "  (weights and biases as executed, batch norm folded)\n";
    if (network.trained_parameters >= 0) {
        std::cout << "trained       " << grouped(network.trained_parameters)
                  << "  (parameters of the source, batch norm counted)\n";
    }
}

}  // namespace

int run_describe(const Arguments& arguments) {
    std::string source;
    std::string input;
    int classes = 0;
    po::options_description options("Options");
    options.add_options()(
        "network", po::value(&source)->required(),
        "a network of `fluence list`, a TorchScript (.pt) or ONNX file, or the folder of a bundle")(
        "input", po::value(&input),
        "images, CHANNELSxHEIGHTxWIDTH (default of listed networks and ONNX files: their own)")(
        "classes", po::value(&classes), "classes of a listed network (default: its own)")("json", "as JSON");
    const auto values =
        parse_options("describe", "NETWORK [OPTIONS]", options, {"network"}, arguments, kExamples);
    if (!values) {
        return 0;
    }
    if (classes < 0 || classes > 100'000) {
        throw InputError("fluence describe", "--classes", "is " + std::to_string(classes), "2 to 100000");
    }
    const bool bundle = std::filesystem::is_regular_file(std::filesystem::path(source) / "workload.json");
    const NetworkDescription network =
        bundle ? workloads::describe(workloads::read_bundle(source).graph)
               : describe_source(source, input.empty() ? Shape{0, 0, 0} : parse_shape(input), classes);
    if (values->count("json") != 0) {
        std::cout << to_json(network).dump(2) << "\n";
    } else {
        print(network);
    }
    return 0;
}

}  // namespace fluence::apps
