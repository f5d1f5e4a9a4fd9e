// Bundles of words: round trips, and damage refused with file, key and reason.
#include "workloads/word_bundle.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "sim/core/error.h"
#include "sim/core/json.h"
#include "tests/support/random_word_bundle.h"
#include "tests/support/temporary_directory.h"
#include "workloads/bundle.h"
#include "workloads/word_reference.h"

namespace fluence::workloads {
namespace {

using ::testing::HasSubstr;

WordBundle random_bundle(WordFormat format, std::uint64_t sample) {
    RandomStream stream(17, RandomPurpose::testing, sample);
    WordBundle bundle = test::random_word_bundle(format, stream, 3);
    bundle.golden.push_back(reference_run(bundle.graph, bundle.image(0)));
    bundle.fp32_top1 = 1.0 / 3;
    bundle.provenance = {{"source", "a \"test\""}};
    return bundle;
}

class WordBundles : public ::testing::TestWithParam<WordFormat> {
  protected:
    std::string path() const { return folder_.file("bundle"); }
    test::TemporaryDirectory folder_;
};

TEST_P(WordBundles, ComeBackAsTheyWere) {
    for (std::uint64_t sample = 0; sample < 8; ++sample) {
        const WordBundle a = random_bundle(GetParam(), sample);
        write_word_bundle(a, path());
        EXPECT_TRUE(has_words(path()));
        const WordBundle b = read_word_bundle(path());
        EXPECT_EQ(b.graph.format, a.graph.format);
        EXPECT_EQ(b.graph.reach, a.graph.reach);
        EXPECT_EQ(b.images, a.images);
        EXPECT_EQ(b.labels, a.labels);
        EXPECT_EQ(b.golden, a.golden);
        EXPECT_EQ(b.fp32_top1, a.fp32_top1);
        EXPECT_EQ(b.provenance, a.provenance);
        ASSERT_EQ(b.graph.layers.size(), a.graph.layers.size());
        for (std::size_t i = 0; i < a.graph.layers.size(); ++i) {
            EXPECT_EQ(b.graph.layers[i].weights, a.graph.layers[i].weights);
            EXPECT_EQ(b.graph.layers[i].bias, a.graph.layers[i].bias);
            EXPECT_EQ(b.graph.layers[i].relu, a.graph.layers[i].relu);
            EXPECT_EQ(b.graph.layers[i].ceiling, a.graph.layers[i].ceiling);
        }
        // All that the arithmetic needs is there.
        EXPECT_EQ(reference_run(b.graph, b.image(0)), a.golden[0]);
        // The same content, the same bytes.
        write_word_bundle(b, folder_.file("again"));
        EXPECT_EQ(test::read_file(folder_.file("again") + "/workload.json"),
                  test::read_file(path() + "/workload.json"));
        EXPECT_EQ(test::read_file(folder_.file("again") + "/tensors.safetensors"),
                  test::read_file(path() + "/tensors.safetensors"));
    }
}

TEST_P(WordBundles, AreNoBundlesOfCodes) {
    write_word_bundle(random_bundle(GetParam(), 0), path());
    try {
        read_bundle(path());
        FAIL();
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr("operands"));
        EXPECT_THAT(error.what(), HasSubstr(name_of(GetParam())));
        EXPECT_THAT(error.what(), HasSubstr("int8"));
    }
}

TEST_P(WordBundles, RefuseDamageInOneLine) {
    const WordBundle bundle = random_bundle(GetParam(), 1);
    struct Damage {
        const char* words;  // in the message
        std::function<void(nlohmann::json&)> make;
    };
    const std::vector<Damage> cases = {
        {"operands", [](auto& j) { j["operands"] = "fp8"; }},
        {"format", [](auto& j) { j["operands"] = GetParam() == WordFormat::fp32 ? "bf16" : "fp32"; }},
        {"reach", [](auto& j) { j["graph"]["tensors"][0].erase("reach"); }},
        {"reach", [](auto& j) { j["graph"]["tensors"][0]["reach"] = -1; }},
        {"format", [](auto& j) { j["graph"]["tensors"][1]["format"] = "s32"; }},
        {"scale", [](auto& j) { j["graph"]["tensors"][0]["scale"] = 0.3; }},
        {"scale", [](auto& j) { j["graph"]["tensors"][0]["scale"] = 1e-300; }},
        {"clamp",
         [](auto& j) {
             j["graph"]["layers"][0]["clamp"] = {0, 5};
         }},
        {"nonsense", [](auto& j) { j["graph"]["layers"][0]["nonsense"] = 1; }},
        {"ceiling", [](auto& j) { j["graph"]["layers"][0]["ceiling"] = 0; }},
        {"graph", [](auto& j) { j["graph"] = 3; }},
        {"layers", [](auto& j) { j["graph"]["layers"] = "none"; }},
        {"images", [](auto& j) { j["images"] = 4; }},
        {"damaged", [](auto& j) { j["tensors"]["crc32"] = "00000000"; }},
        {"calibration", [](auto& j) { j["calibration_images"] = 1; }},
    };
    for (const Damage& damage : cases) {
        SCOPED_TRACE(damage.words);
        write_word_bundle(bundle, path());
        nlohmann::json json = read_json_file(path() + "/workload.json");
        damage.make(json);
        std::ofstream(path() + "/workload.json") << json;
        try {
            read_word_bundle(path());
            ADD_FAILURE() << "read";
        } catch (const InputError& error) {
            EXPECT_THAT(error.what(), HasSubstr(damage.words));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, WordBundles,
                         ::testing::Values(WordFormat::fxp16, WordFormat::fxp32, WordFormat::bf16,
                                           WordFormat::fp32),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace fluence::workloads
