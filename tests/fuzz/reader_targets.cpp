// The readers of data sets, JSON and bundles.
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "sim/core/accelerator_config.h"
#include "sim/core/json.h"
#include "tests/fuzz/targets.h"
#include "tests/support/random_graph.h"
#include "tests/support/temporary_directory.h"
#include "workloads/bundle.h"
#include "workloads/dataset.h"

namespace fluence::test {
namespace {

using workloads::Bundle;
using workloads::read_dataset;
using workloads::Split;

std::string big_endian(std::uint32_t value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
            static_cast<char>(value)};
}

}  // namespace

Body idx_target(const std::string& folder) {
    const std::string images =
        big_endian(0x803) + big_endian(2) + big_endian(2) + big_endian(3) + "abcdefABCDEF";
    const std::string labels = big_endian(0x801) + big_endian(2) + std::string("\x07\x00", 2);
    return [=](RandomStream& stream, Mutator& mutate) {
        const bool first = stream.below(2) == 0;
        write_file(folder + "/t10k-images-idx3-ubyte", first ? mutate(images, labels) : images);
        write_file(folder + "/t10k-labels-idx1-ubyte", first ? labels : mutate(labels, images));
        read_dataset("mnist", folder, Split::test);
    };
}

Body cifar_target(const std::string& folder) {
    const std::string record = "\x03" + std::string(3072, 'x');
    return [=](RandomStream& stream, Mutator& mutate) {
        std::string file = record;
        file += stream.below(2) == 0 ? record : "";
        write_file(folder + "/test_batch.bin", mutate(file, record));
        read_dataset("cifar10", folder, Split::test);
    };
}

Body image_folder_target(const std::string& folder) {
    const std::string image = "P6\n# x\n2 2 255\nabcdefghijkl";
    const std::string list = "a.ppm 3\nb c.ppm\t0\n";
    return [=](RandomStream& stream, Mutator& mutate) {
        const bool first = stream.below(2) == 0;
        write_file(folder + "/a.ppm", first ? mutate(image, list) : image);
        write_file(folder + "/b c.ppm", image);
        write_file(folder + "/labels.txt", first ? list : mutate(list, image));
        read_dataset("folder", folder, Split::test);
    };
}

Body json_target(const std::string& folder) {
    const std::string text =
        R"({"rows": 16, "list": [1, 2.5, -3e2], "inner": {"text": "a\u00e4", "yes": true}})";
    const std::string machine = read_file(FLUENCE_SOURCE_DIR "/configs/accelerators/edge-16x16.json");
    return [=](RandomStream& stream, Mutator& mutate) {
        if (stream.below(2) == 0) {
            write_file(folder + "/machine.json", mutate(machine, text));
            read_accelerator(folder + "/machine.json");
            return;
        }
        write_file(folder + "/x.json", mutate(text, text));
        const nlohmann::json value = read_json_file(folder + "/x.json");
        JsonObject object(value, "x.json");
        object.integer("rows", 1, 100);
        object.raw("list");
        JsonObject inner = object.object("inner");
        inner.text("text");
        inner.boolean_or("yes", false);
        inner.finish();
        object.finish();
    };
}

namespace {

Bundle small_bundle(std::uint64_t sample) {
    RandomStream stream(11, RandomPurpose::testing, sample);
    Bundle bundle;
    bundle.graph = random_graph(stream);
    bundle.image_count = 2;
    const std::int64_t elements = bundle.graph.tensor(bundle.graph.input).shape.elements();
    bundle.images.assign(static_cast<std::size_t>(2 * elements), 1);
    bundle.labels = {0, 1};
    bundle.profile.resize(bundle.graph.tensors.size());
    return bundle;
}

// Size and checksum of the tensors are set right again, or every change would end there.
void mend(const std::string& folder) {
    const std::string tensors = read_file(folder + "/tensors.safetensors");
    nlohmann::json workload = nlohmann::json::parse(read_file(folder + "/workload.json"));
    const auto crc =
        ::crc32(0, reinterpret_cast<const Bytef*>(tensors.data()), static_cast<uInt>(tensors.size()));
    char text[16];
    std::snprintf(text, sizeof text, "%08lx", crc);
    workload["tensors"] = {{"bytes", tensors.size()}, {"crc32", text}};
    write_file(folder + "/workload.json", workload.dump());
}

}  // namespace

Body bundle_target(const std::string& folder) {
    struct Files {
        std::string workload, tensors;
    };
    std::vector<Files> seeds;
    for (std::uint64_t i = 0; i < 4; ++i) {
        const std::string path = folder + "/seed" + std::to_string(i);
        write_bundle(small_bundle(i), path);
        seeds.push_back({read_file(path + "/workload.json"), read_file(path + "/tensors.safetensors")});
    }
    const std::string path = folder + "/bundle";
    return [=](RandomStream& stream, Mutator& mutate) {
        const Files& seed = seeds[stream.below(seeds.size())];
        const Files& other = seeds[stream.below(seeds.size())];
        const bool graph = stream.below(2) == 0;
        write_file(path + "/workload.json", graph ? mutate(seed.workload, other.workload) : seed.workload);
        // Most of what is not the header is weights, of which any value is right.
        std::string tensors = seed.tensors;
        if (!graph) {
            const std::size_t header = std::min<std::size_t>(tensors.size(), 2000);
            tensors = mutate(tensors.substr(0, header), other.tensors) + tensors.substr(header);
        }
        write_file(path + "/tensors.safetensors", tensors);
        if (!graph) {
            mend(path);
        }
        workloads::read_bundle(path);
    };
}

}  // namespace fluence::test
