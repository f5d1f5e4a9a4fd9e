// How many faulty inferences a second one core does for CIFAR ResNet-20, ResNet-18 and VGG-16:
//   dense    re-inference of 64 images through oneDNN, exact (dense_batch.h);
//   restart  the same from behind the struck layer on, for the layers that neuron flips strike;
//   engine   propagate_many(), 250 faults an image: neuron flips, and register upsets through the resolver.
// All in processor time. Dense logits must equal the engine's, or the program fails.
#include <cstdio>
#include <exception>
#include <map>
#include <optional>
#include <string>

#include "bench/dense_batch.h"
#include "bench/networks.h"
#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/fault/resolver.h"
#include "sim/fault/sampler.h"
#include "tests/support/random_graph.h"
#include "workloads/bundle.h"

namespace fluence {
namespace {

using workloads::Codes;
using workloads::Graph;

constexpr int kBatch = 64;
constexpr int kFaultsPerImage = 250;
constexpr double kLeastSeconds = 3;

struct Network {
    Graph graph;
    std::vector<Codes> images;
    bool trained = false;
};

Network random_network(const Graph& graph) {
    RandomStream stream(bench::kSeed, RandomPurpose::testing, 6);
    Network network = {graph, {}, false};
    for (int i = 0; i < kBatch; ++i) {
        network.images.push_back(test::random_image(graph, stream));
    }
    return network;
}

Network trained_network(const std::string& directory) {
    const workloads::Bundle bundle = workloads::read_bundle(directory);
    Network network = {bundle.graph, {}, true};
    for (int i = 0; i < kBatch; ++i) {
        network.images.push_back(bundle.image(i % bundle.image_count));
    }
    return network;
}

struct DenseRates {
    double primitive_macs, dense, dense_macs, restart, repaired, images;
};

DenseRates measure_dense(const Network& network) {
    const Graph& graph = network.graph;
    const arith::Engine engine(graph);
    bench::DenseBatch dense(graph, kBatch);
    const std::vector<Codes> logits = dense.run(network.images);
    for (std::size_t i = 0; i < logits.size(); i += 16) {
        if (logits[i] != engine.run(network.images[i]).tensors[index_of(graph.logits)]) {
            throw std::runtime_error(graph.name + ": dense logits differ from the engine's");
        }
    }
    const std::vector<double> before = dense.layer_seconds();
    const double primitive_before = dense.primitive_seconds();
    const double begin = bench::processor_seconds();
    int runs = 0;
    while (bench::processor_seconds() - begin < kLeastSeconds) {
        dense.run(network.images);
        ++runs;
    }
    const double seconds = bench::processor_seconds() - begin;
    double macs = 0;
    double neurons = 0;
    double restart = 0;  // seconds behind the struck layer, weighted by its neurons
    double behind = 0;
    for (std::size_t i = graph.layers.size(); i-- > 0;) {
        const workloads::Layer& layer = graph.layers[i];
        if (layer.has_macs()) {
            macs += static_cast<double>(gemm_shape(graph, layer).macs());
            if (layer.output != graph.logits) {
                const auto elements = static_cast<double>(graph.tensor(layer.output).shape.elements());
                neurons += elements;
                restart += elements * behind;
            }
        }
        behind += dense.layer_seconds()[i] - before[i];
    }
    const double images = static_cast<double>(runs) * kBatch;
    return {
        static_cast<double>(dense.primitive_macs()) * runs / (dense.primitive_seconds() - primitive_before),
        images / seconds,
        macs * images / seconds,
        images / (restart / neurons),
        dense.repaired_share(),
        images};
}

struct EngineRates {
    double faults, golden, changed, masked;
    double resolving;  // share of the time that drawing and resolving take
    double count, images;
};

// Draws, resolves and propagates.
EngineRates measure_engine(const Network& network, const AcceleratorConfig& config,
                           const std::string& model) {
    const Graph& graph = network.graph;
    const protect::Policy policy;
    const traces::Timeline timeline = accel::time_machine(graph, config, policy);
    fault::FaultModelConfig faults;
    faults.name = model;
    if (model == "seu") {
        for (const char* site : {"weight_buffer", "activation_buffer", "output_buffer", "dram"}) {
            faults.cross_section[site] = 0;
        }
    }
    const fault::Sampler sampler(faults, graph, fault::site_classes(graph, config, policy));
    const fault::Resolver resolver(graph, config, policy, timeline);
    arith::Engine engine(graph);
    EngineRates rates{};
    double seconds = 0;
    double golden_seconds = 0;
    double count = 0;
    double images = 0;
    std::uint64_t sample = 0;
    while (seconds < kLeastSeconds) {
        double begin = bench::processor_seconds();
        const arith::GoldenRun golden = engine.run(network.images[static_cast<std::size_t>(images) % kBatch]);
        golden_seconds += bench::processor_seconds() - begin;
        ++images;
        begin = bench::processor_seconds();
        std::vector<std::vector<arith::LayerFault>> inferences;
        for (int i = 0; i < kFaultsPerImage; ++i) {
            const fault::Upset upset = sampler.draw(bench::kSeed, sample++).at(timeline.cycles);
            inferences.push_back(resolver.resolve(upset, golden).faults);
        }
        rates.resolving += bench::processor_seconds() - begin;
        for (const arith::FaultyRun& run : engine.propagate_many(golden, inferences)) {
            rates.changed += static_cast<double>(run.changed_values);
            rates.masked += run.logits.empty() ? 1 : 0;
            ++count;
        }
        seconds += bench::processor_seconds() - begin;
    }
    rates.faults = count / seconds;
    rates.golden = golden_seconds / images;
    rates.changed /= count;
    rates.masked /= count;
    rates.resolving /= seconds;
    rates.count = count;
    rates.images = images;
    return rates;
}

void print(const Network& network, const AcceleratorConfig& config) {
    const DenseRates dense = measure_dense(network);
    std::printf("%s (%s weights)\n", network.graph.name.c_str(), network.trained ? "trained" : "random");
    std::printf("  oneDNN's convolutions       %8.1f GMAC/s\n", dense.primitive_macs * 1e-9);
    std::printf("  dense, batch 64             %8.1f GMAC/s (%.0f %%), %.2f %% of outputs computed again\n",
                dense.dense_macs * 1e-9, 100 * dense.dense_macs / dense.primitive_macs, 100 * dense.repaired);
    std::printf("  dense, batch 64             %8.0f faults/s, %.0f images\n", dense.dense, dense.images);
    std::printf("  layer restart               %8.0f faults/s  %5.1f times dense\n", dense.restart,
                dense.restart / dense.dense);
    for (const char* model : {"neuron-flip", "seu"}) {
        const EngineRates engine = measure_engine(network, config, model);
        std::printf(
            "  engine, %-18s  %8.0f faults/s  %5.1f times dense; %.0f faults on %.0f images, %.0f %% of the "
            "time drawing and resolving, %.0f changed values a fault, %.1f %% masked; golden run %.1f ms\n",
            model, engine.faults, engine.faults / dense.dense, engine.count, engine.images,
            100 * engine.resolving, engine.changed, 100 * engine.masked, 1e3 * engine.golden);
    }
}

int run(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: engine_ratio ACCELERATOR.json [resnet20|resnet18|vgg16=BUNDLE ...]\n");
        return 2;
    }
    const AcceleratorConfig config = read_accelerator(argv[1]);
    std::map<std::string, std::string> bundles;
    for (int i = 2; i < argc; ++i) {
        const std::string argument = argv[i];
        const std::size_t equals = argument.find('=');
        bundles[argument.substr(0, equals)] = equals == std::string::npos ? "" : argument.substr(equals + 1);
    }
    const std::map<std::string, Graph (*)()> networks = {
        {"resnet20", bench::resnet20}, {"resnet18", bench::resnet18}, {"vgg16", bench::vgg16}};
    for (const auto& [name, make] : networks) {
        const auto bundle = bundles.find(name);
        if (!bundles.empty() && bundle == bundles.end()) {
            continue;
        }
        const bool random = bundle == bundles.end() || bundle->second.empty();
        print(random ? random_network(make()) : trained_network(bundle->second), config);
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace
}  // namespace fluence

int main(int argc, char** argv) {
    try {
        return fluence::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
