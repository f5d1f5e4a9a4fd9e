// Damaged files at random: whatever a reader of a file that a user gives meets, it either reads it or says
// why not in one line. FLUENCE_FUZZ_SECONDS sets the time of each reader (default 2), FLUENCE_TEST_SEED the
// seed.
#include <gtest/gtest.h>
#include <zlib.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>

#include "sim/core/error.h"
#include "sim/core/json.h"
#include "sim/core/random.h"
#include "tests/support/environment.h"
#include "tests/support/random_graph.h"
#include "tests/support/temporary_directory.h"
#include "workloads/bundle.h"
#include "workloads/dataset.h"
#include "workloads/image_file.h"

namespace fluence::workloads {
namespace {

using Clock = std::chrono::steady_clock;

class Mutator {
  public:
    explicit Mutator(RandomStream& stream) : stream_(stream) {}

    // One to four changes.
    std::string operator()(std::string bytes, const std::string& other) {
        const auto changes = 1 + stream_.below(4);
        for (std::uint64_t i = 0; i < changes; ++i) {
            change(bytes, other);
        }
        return bytes;
    }

  private:
    std::size_t place(const std::string& bytes) { return stream_.below(bytes.size() + 1); }

    void change(std::string& bytes, const std::string& other) {
        static const std::vector<std::string> kTokens = {"-1",
                                                         "0",
                                                         "2147483647",
                                                         "99999999999999999999",
                                                         "1e309",
                                                         "null",
                                                         "[]",
                                                         "{}",
                                                         "\"",
                                                         "true",
                                                         "\xff\xff\xff\xff",
                                                         std::string(8, '\0'),
                                                         "NaN",
                                                         "\n",
                                                         "1.5",
                                                         "0x",
                                                         "\x7f\xff\xff\xff"};
        const std::size_t at = place(bytes);
        switch (stream_.below(8)) {
            case 0:  // a bit
                if (at < bytes.size()) {
                    bytes[at] = static_cast<char>(bytes[at] ^ (1 << stream_.below(8)));
                }
                break;
            case 1:  // a byte
                if (at < bytes.size()) {
                    bytes[at] = static_cast<char>(stream_.below(256));
                }
                break;
            case 2:  // the end is missing
                bytes.resize(at);
                break;
            case 3:  // a piece is missing
                bytes.erase(at, stream_.below(16) + 1);
                break;
            case 4:  // a piece twice
                bytes.insert(at, bytes.substr(place(bytes), stream_.below(32) + 1));
                break;
            case 5:  // a piece of another file
                bytes.insert(at, other.substr(place(other), stream_.below(64) + 1));
                break;
            case 6:
                bytes.insert(at, kTokens[stream_.below(kTokens.size())]);
                break;
            default:  // a number or a word becomes another
                bytes.replace(at, std::min<std::size_t>(stream_.below(6), bytes.size() - at),
                              kTokens[stream_.below(kTokens.size())]);
                break;
        }
    }

    RandomStream& stream_;
};

constexpr std::uint64_t kLeastSamples = 100;

// Calls body(stream, mutator) with a stream of its own each time until the time is over.
void fuzz(const std::function<void(RandomStream&, Mutator&)>& body) {
    const std::uint64_t seed = test::environment("FLUENCE_TEST_SEED", 20261121);
    const auto end = Clock::now() + std::chrono::seconds(test::environment("FLUENCE_FUZZ_SECONDS", 2));
    std::uint64_t sample = 0;
    for (; (sample < kLeastSamples || Clock::now() < end) && !::testing::Test::HasFailure(); ++sample) {
        SCOPED_TRACE("seed " + std::to_string(seed) + ", sample " + std::to_string(sample));
        RandomStream stream(seed, RandomPurpose::testing, sample);
        Mutator mutate(stream);
        try {
            body(stream, mutate);
        } catch (const InputError& error) {
            EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
        } catch (const std::exception& error) {
            ADD_FAILURE() << "not an InputError: " << error.what();
        }
    }
}

std::string big_endian(std::uint32_t value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
            static_cast<char>(value)};
}

TEST(Mutated, IdxFiles) {
    test::TemporaryDirectory folder;
    const std::string images =
        big_endian(0x803) + big_endian(2) + big_endian(2) + big_endian(3) + "abcdefABCDEF";
    const std::string labels = big_endian(0x801) + big_endian(2) + std::string("\x07\x00", 2);
    fuzz([&](RandomStream& stream, Mutator& mutate) {
        const bool first = stream.below(2) == 0;
        test::write_file(folder.file("t10k-images-idx3-ubyte"), first ? mutate(images, labels) : images);
        test::write_file(folder.file("t10k-labels-idx1-ubyte"), first ? labels : mutate(labels, images));
        read_dataset("mnist", folder.path(), Split::test);
    });
}

TEST(Mutated, CifarFiles) {
    test::TemporaryDirectory folder;
    const std::string record = "\x03" + std::string(3072, 'x');
    fuzz([&](RandomStream& stream, Mutator& mutate) {
        std::string file = record;
        file += stream.below(2) == 0 ? record : "";
        test::write_file(folder.file("test_batch.bin"), mutate(file, record));
        read_dataset("cifar10", folder.path(), Split::test);
    });
}

TEST(Mutated, FoldersOfImages) {
    test::TemporaryDirectory folder;
    const std::string image = "P6\n# x\n2 2 255\nabcdefghijkl";
    const std::string list = "a.ppm 3\nb c.ppm\t0\n";
    fuzz([&](RandomStream& stream, Mutator& mutate) {
        const bool first = stream.below(2) == 0;
        test::write_file(folder.file("a.ppm"), first ? mutate(image, list) : image);
        test::write_file(folder.file("b c.ppm"), image);
        test::write_file(folder.file("labels.txt"), first ? list : mutate(list, image));
        read_dataset("folder", folder.path(), Split::test);
    });
}

TEST(Mutated, JsonFiles) {
    test::TemporaryDirectory folder;
    const std::string text =
        R"({"rows": 16, "list": [1, 2.5, -3e2], "inner": {"text": "a\u00e4", "yes": true}})";
    fuzz([&](RandomStream&, Mutator& mutate) {
        test::write_file(folder.file("x.json"), mutate(text, text));
        const nlohmann::json value = read_json_file(folder.file("x.json"));
        JsonObject object(value, "x.json");
        object.integer("rows", 1, 100);
        object.raw("list");
        JsonObject inner = object.object("inner");
        inner.text("text");
        inner.boolean_or("yes", false);
        inner.finish();
        object.finish();
    });
}

Bundle small_bundle(std::uint64_t sample) {
    RandomStream stream(11, RandomPurpose::testing, sample);
    Bundle bundle;
    bundle.graph = test::random_graph(stream);
    bundle.image_count = 2;
    const std::int64_t elements = bundle.graph.tensor(bundle.graph.input).shape.elements();
    bundle.images.assign(static_cast<std::size_t>(2 * elements), 1);
    bundle.labels = {0, 1};
    bundle.profile.resize(bundle.graph.tensors.size());
    return bundle;
}

// Size and checksum of the tensors are set right again, or every change would end there.
void mend(const std::string& folder) {
    const std::string tensors = test::read_file(folder + "/tensors.safetensors");
    nlohmann::json workload = nlohmann::json::parse(test::read_file(folder + "/workload.json"));
    const auto crc =
        ::crc32(0, reinterpret_cast<const Bytef*>(tensors.data()), static_cast<uInt>(tensors.size()));
    char text[16];
    std::snprintf(text, sizeof text, "%08lx", crc);
    workload["tensors"] = {{"bytes", tensors.size()}, {"crc32", text}};
    test::write_file(folder + "/workload.json", workload.dump());
}

TEST(Mutated, Bundles) {
    test::TemporaryDirectory folder;
    struct Files {
        std::string workload, tensors;
    };
    std::vector<Files> seeds;
    for (std::uint64_t i = 0; i < 4; ++i) {
        const std::string path = folder.file("seed" + std::to_string(i));
        write_bundle(small_bundle(i), path);
        seeds.push_back(
            {test::read_file(path + "/workload.json"), test::read_file(path + "/tensors.safetensors")});
    }
    const std::string path = folder.file("bundle");
    fuzz([&](RandomStream& stream, Mutator& mutate) {
        const Files& seed = seeds[stream.below(seeds.size())];
        const Files& other = seeds[stream.below(seeds.size())];
        const bool graph = stream.below(2) == 0;
        test::write_file(path + "/workload.json",
                         graph ? mutate(seed.workload, other.workload) : seed.workload);
        // Most of what is not the header is weights, of which any value is right.
        std::string tensors = seed.tensors;
        if (!graph) {
            const std::size_t header = std::min<std::size_t>(tensors.size(), 2000);
            tensors = mutate(tensors.substr(0, header), other.tensors) + tensors.substr(header);
        }
        test::write_file(path + "/tensors.safetensors", tensors);
        if (!graph) {
            mend(path);
        }
        read_bundle(path);
    });
}

}  // namespace
}  // namespace fluence::workloads
