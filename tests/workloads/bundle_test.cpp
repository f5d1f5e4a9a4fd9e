// Bundles: round trips, deterministic bytes, and every damage refused with file, key and reason.
#include "workloads/bundle.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "sim/core/error.h"
#include "tests/support/random_graph.h"
#include "tests/support/temporary_directory.h"

namespace fluence::workloads {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

// Random contents in every field. Golden activations need not fit the graph's arithmetic here.
Bundle random_bundle(std::uint64_t sample) {
    RandomStream stream(11, RandomPurpose::testing, sample);
    Bundle bundle;
    bundle.graph = test::random_graph(stream);
    const TensorInfo& input = bundle.graph.tensor(bundle.graph.input);
    const auto classes = static_cast<std::uint64_t>(bundle.graph.tensor(bundle.graph.logits).shape.channels);
    bundle.image_count = 5;
    for (std::int64_t i = 0; i < bundle.image_count * input.shape.elements(); ++i) {
        bundle.images.push_back(static_cast<std::uint8_t>(stream.next32()));
    }
    bundle.calibration_count = static_cast<std::int64_t>(sample % 3);
    for (std::int64_t i = 0; i < bundle.calibration_count * input.shape.elements(); ++i) {
        bundle.calibration.push_back(static_cast<std::uint8_t>(stream.next32()));
    }
    for (std::int64_t i = 0; i < bundle.image_count; ++i) {
        bundle.labels.push_back(static_cast<std::int32_t>(stream.below(classes)));
    }
    for (int image = 0; image < 2; ++image) {
        std::vector<Codes>& golden = bundle.golden.emplace_back();
        for (const TensorInfo& tensor : bundle.graph.tensors) {
            Codes& codes = golden.emplace_back(static_cast<std::size_t>(tensor.shape.elements()));
            for (std::int32_t& code : codes) {
                code = flip_bits(tensor.format, 0, stream.next32());
            }
        }
    }
    for (const TensorInfo& tensor : bundle.graph.tensors) {
        ChannelProfile& profile = bundle.profile.emplace_back();
        for (int c = 0; c < tensor.shape.channels && bundle.profile.size() != 1; ++c) {
            profile.lo.push_back(-c);
            profile.hi.push_back(c);
        }
    }
    bundle.fp32_top1 = 1.0 / 3;
    bundle.provenance = {{"source", "a \"test\""}, {"folded", {"bn1", "bn2"}}};
    return bundle;
}

void expect_equal(const Bundle& a, const Bundle& b) {
    EXPECT_EQ(a.graph.name, b.graph.name);
    EXPECT_EQ(a.graph.input, b.graph.input);
    EXPECT_EQ(a.graph.logits, b.graph.logits);
    ASSERT_EQ(a.graph.tensors.size(), b.graph.tensors.size());
    for (std::size_t i = 0; i < a.graph.tensors.size(); ++i) {
        EXPECT_EQ(a.graph.tensors[i].name, b.graph.tensors[i].name);
        EXPECT_EQ(a.graph.tensors[i].shape, b.graph.tensors[i].shape);
        EXPECT_EQ(a.graph.tensors[i].format, b.graph.tensors[i].format);
        EXPECT_EQ(a.graph.tensors[i].scale, b.graph.tensors[i].scale);
        EXPECT_EQ(a.profile[i].lo, b.profile[i].lo);
        EXPECT_EQ(a.profile[i].hi, b.profile[i].hi);
    }
    ASSERT_EQ(a.graph.layers.size(), b.graph.layers.size());
    for (std::size_t i = 0; i < a.graph.layers.size(); ++i) {
        const Layer& p = a.graph.layers[i];
        const Layer& q = b.graph.layers[i];
        const auto fields = [](const Layer& l) {
            const Window& w = l.window;
            return std::make_tuple(l.name, l.kind, l.inputs, l.output, w.kernel_h, w.kernel_w, w.stride_h,
                                   w.stride_w, w.pad_h, w.pad_w, w.dilation_h, w.dilation_w, l.groups,
                                   l.channels_before, l.channels_after, l.weights, l.bias, l.multiplier,
                                   l.shift, l.clamp_lo, l.clamp_hi);
        };
        EXPECT_TRUE(fields(p) == fields(q)) << "layer " << i;
    }
    EXPECT_EQ(a.image_count, b.image_count);
    EXPECT_EQ(a.images, b.images);
    EXPECT_EQ(a.labels, b.labels);
    EXPECT_EQ(a.calibration_count, b.calibration_count);
    EXPECT_EQ(a.calibration, b.calibration);
    EXPECT_EQ(a.golden, b.golden);
    EXPECT_EQ(a.fp32_top1, b.fp32_top1);
    EXPECT_EQ(a.provenance, b.provenance);
}

TEST(Bundle, SurvivesTheRoundTripBitForBit) {
    test::TemporaryDirectory folder;
    for (std::uint64_t sample = 0; sample < 40; ++sample) {
        SCOPED_TRACE("seed 11, sample " + std::to_string(sample));
        const Bundle bundle = random_bundle(sample);
        write_bundle(bundle, folder.file("b"));  // replaces the one before
        expect_equal(bundle, read_bundle(folder.file("b")));
    }
}

TEST(Bundle, SameContentSameBytes) {
    test::TemporaryDirectory folder;
    write_bundle(random_bundle(3), folder.file("a"));
    write_bundle(read_bundle(folder.file("a")), folder.file("deeper/b/"));
    for (const char* name : {"/workload.json", "/tensors.safetensors"}) {
        EXPECT_EQ(test::read_file(folder.file("a") + name), test::read_file(folder.file("deeper/b") + name));
    }
}

TEST(Bundle, LeavesNothingBesideItself) {
    test::TemporaryDirectory folder;
    write_bundle(random_bundle(1), folder.file("b"));
    write_bundle(random_bundle(2), folder.file("b"));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.file("b")), fs::directory_iterator()), 2);
}

TEST(Bundle, ImageGivesCodesOfTheInputFormat) {
    Bundle bundle = random_bundle(0);
    const std::int64_t elements = bundle.graph.tensor(bundle.graph.input).shape.elements();
    for (const NumberFormat format : {NumberFormat::u8, NumberFormat::s8}) {
        bundle.graph.tensors[index_of(bundle.graph.input)].format = format;
        bundle.images[static_cast<std::size_t>(3 * elements)] = 200;
        bundle.calibration_count = 2;
        bundle.calibration.assign(static_cast<std::size_t>(2 * elements), 0);
        bundle.calibration[static_cast<std::size_t>(elements)] = 129;
        EXPECT_EQ(bundle.calibration_image(0)[0], 0);
        EXPECT_EQ(bundle.calibration_image(1)[0], format == NumberFormat::u8 ? 129 : -127);
        EXPECT_THROW(bundle.calibration_image(2), std::out_of_range);
        EXPECT_EQ(bundle.image(3).size(), static_cast<std::size_t>(elements));
        EXPECT_EQ(bundle.image(3)[0], format == NumberFormat::u8 ? 200 : -56);
    }
    EXPECT_THROW(bundle.image(5), std::out_of_range);
}

std::string message_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

// Edits the description of a good bundle; the reader must name `key`.
struct JsonDamage {
    const char* name;
    std::function<void(json&)> apply;
    const char* key;
};

const std::vector<JsonDamage>& json_damages() {
    static const std::vector<JsonDamage> all = {
        {"OtherFormat", [](json& j) { j["format"] = "onnx"; }, "format: "},
        {"LaterVersion", [](json& j) { j["version"] = 2; }, "version: is 2"},
        {"UnknownKey", [](json& j) { j["imagse"] = 5; }, "imagse"},
        {"UnknownTensorKey", [](json& j) { j["graph"]["tensors"][0]["zero_point"] = 0; }, "zero_point"},
        {"UnknownLayerKey", [](json& j) { j["graph"]["layers"][0]["stride"] = 0; }, "stride"},
        {"UnknownWindowKey", [](json& j) { j["graph"]["layers"][0]["window"]["pad"] = 0; }, "pad"},
        {"MissingGraph", [](json& j) { j.erase("graph"); }, "graph: is missing"},
        {"MissingProvenance", [](json& j) { j.erase("provenance"); }, "provenance: is missing"},
        {"NegativeImages", [](json& j) { j["images"] = -1; }, "images: is -1"},
        {"OtherImageCount", [](json& j) { j["images"] = 4; }, "images: has shape"},
        {"AbsurdImageCount", [](json& j) { j["images"] = 90000000; }, "images: has shape"},
        {"MoreGolden", [](json& j) { j["golden_images"] = 3; }, "golden.2.input: is missing"},
        {"LessGolden", [](json& j) { j["golden_images"] = 1; }, "golden.1."},
        {"GoldenAboveImages", [](json& j) { j["golden_images"] = 6; }, "golden_images: is 6"},
        {"NegativeCalibration", [](json& j) { j["calibration_images"] = -1; }, "calibration_images: is -1"},
        {"OtherCalibrationCount", [](json& j) { j["calibration_images"] = 2; }, "calibration: has shape"},
        {"NoCalibrationCount", [](json& j) { j.erase("calibration_images"); }, "calibration: is a tensor"},
        {"Top1", [](json& j) { j["fp32_top1"] = 91.5; }, "fp32_top1"},
        {"NegativeTop1", [](json& j) { j["fp32_top1"] = -0.5; }, "fp32_top1"},
        {"ProvenanceText", [](json& j) { j["provenance"] = "mine"; }, "provenance"},
        {"KindUnknown", [](json& j) { j["graph"]["layers"][0]["kind"] = "softmax"; }, "layers[0].kind"},
        {"InputUnknown", [](json& j) { j["graph"]["layers"][0]["inputs"][0] = "x"; }, "names no tensor"},
        {"InputsEmpty", [](json& j) { j["graph"]["layers"][0]["inputs"] = json::array(); }, "inputs"},
        {"LogitsUnknown", [](json& j) { j["graph"]["logits"] = "x"; }, "graph.logits"},
        {"ShapeOfTwo",
         [](json& j) {
             j["graph"]["tensors"][0]["shape"] = {1, 2};
         },
         "tensors[0].shape"},
        {"ShapeOfText", [](json& j) { j["graph"]["tensors"][0]["shape"][1] = "2"; }, "tensors[0].shape"},
        {"HugeShape",
         [](json& j) {
             j["graph"]["tensors"][0]["shape"] = {2147483647, 2147483647, 2147483647};
         },
         ""},
        {"ExtentOf2To64", [](json& j) { j["graph"]["tensors"][0]["shape"][0] = 18446744073709551615u; },
         "tensors[0].shape"},
        {"ScaleText", [](json& j) { j["graph"]["tensors"][0]["scale"] = "1"; }, "tensors[0].scale"},
        {"HugeKernel",
         [](json& j) {
             j["graph"]["layers"][0]["window"]["kernel"] = {2147483647, 2147483647};
         },
         "layers.0.weight"},
        {"ZeroGroups", [](json& j) { j["graph"]["layers"][0]["groups"] = 0; }, "layers[0].groups"},
        {"ClampBackwards",
         [](json& j) {
             j["graph"]["layers"][0]["clamp"] = {5, 4};
         },
         "layers[0].clamp"},
        {"LayerDropped", [](json& j) { j["graph"]["layers"].erase(0); }, ""},
        {"Checksum", [](json& j) { j["tensors"]["crc32"] = "00000000"; }, "CRC-32"},
        {"Size", [](json& j) { j["tensors"]["bytes"] = 12; }, "bytes where"},
    };
    return all;
}

class BundleReaderRefuses : public ::testing::TestWithParam<JsonDamage> {};

// LeNet begins with a convolution, so that layers[0] has every key.
Bundle lenet_bundle() {
    RandomStream stream(5, RandomPurpose::testing, 0);
    Bundle bundle = random_bundle(0);
    bundle.graph = test::lenet_like_graph(stream);
    bundle.images.assign(static_cast<std::size_t>(5 * 1024), 7);
    bundle.calibration_count = 3;
    bundle.calibration.assign(static_cast<std::size_t>(3 * 1024), 9);
    bundle.golden.clear();
    for (int image = 0; image < 2; ++image) {
        std::vector<Codes>& golden = bundle.golden.emplace_back();
        for (const TensorInfo& tensor : bundle.graph.tensors) {
            golden.emplace_back(static_cast<std::size_t>(tensor.shape.elements()), 1);
        }
    }
    bundle.profile.clear();
    return bundle;
}

TEST_P(BundleReaderRefuses, OneClearLine) {
    test::TemporaryDirectory folder;
    const std::string path = folder.file("b");
    write_bundle(lenet_bundle(), path);
    json description = json::parse(test::read_file(path + "/workload.json"));
    GetParam().apply(description);
    test::write_file(path + "/workload.json", description.dump());
    const std::string message = message_of([&] { read_bundle(path); });
    EXPECT_THAT(message, HasSubstr(GetParam().key));
    EXPECT_THAT(message, HasSubstr(path));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
}

INSTANTIATE_TEST_SUITE_P(Damages, BundleReaderRefuses, ::testing::ValuesIn(json_damages()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Bundle, EveryFlippedByteOfTheTensorsIsFound) {
    test::TemporaryDirectory folder;
    const std::string path = folder.file("b");
    write_bundle(random_bundle(4), path);
    const std::string whole = test::read_file(path + "/tensors.safetensors");
    RandomStream stream(6, RandomPurpose::testing, 0);
    for (int i = 0; i < 200; ++i) {
        std::string damaged = whole;
        const auto at = static_cast<std::size_t>(stream.below(whole.size()));
        damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ (1u << stream.below(8)));
        test::write_file(path + "/tensors.safetensors", damaged);
        EXPECT_THROW(read_bundle(path), InputError) << "seed 6, byte " << at;
    }
    for (const std::size_t size : {std::size_t{0}, std::size_t{7}, whole.size() / 2, whole.size() - 1}) {
        test::write_file(path + "/tensors.safetensors", whole.substr(0, size));
        EXPECT_THROW(read_bundle(path), InputError) << size << " bytes";
    }
    test::write_file(path + "/tensors.safetensors", whole);
    EXPECT_NO_THROW(read_bundle(path));
}

TEST(Bundle, MissingPartsAreNamed) {
    test::TemporaryDirectory folder;
    EXPECT_THAT(message_of([&] { read_bundle(folder.file("absent")); }), HasSubstr("is not a folder"));
    EXPECT_THAT(message_of([&] { read_bundle(folder.path()); }), HasSubstr("workload.json"));
    write_bundle(random_bundle(1), folder.file("b"));
    fs::remove(folder.file("b/tensors.safetensors"));
    EXPECT_THAT(message_of([&] { read_bundle(folder.file("b")); }), HasSubstr("tensors.safetensors"));
    test::write_file(folder.file("b/workload.json"), "{\"format\": ");
    EXPECT_THAT(message_of([&] { read_bundle(folder.file("b")); }), HasSubstr("is not valid JSON"));
}

TEST(Bundle, WriterRefusesInconsistentBundles) {
    test::TemporaryDirectory folder;
    const std::vector<std::function<void(Bundle&)>> damages = {
        [](Bundle& b) { b.images.pop_back(); },
        [](Bundle& b) { b.calibration.pop_back(); },
        [](Bundle& b) { b.calibration_count = 2; },
        [](Bundle& b) { b.labels.pop_back(); },
        [](Bundle& b) { b.labels[2] = 1000; },
        [](Bundle& b) { b.labels[2] = -1; },
        [](Bundle& b) { b.image_count = 6; },
        [](Bundle& b) { b.golden[1].pop_back(); },
        [](Bundle& b) { b.golden[1][0].pop_back(); },
        [](Bundle& b) { b.golden[0][0][0] = 300; },
        [](Bundle& b) { b.profile.pop_back(); },
        [](Bundle& b) { b.profile[1].hi.pop_back(); },
        [](Bundle& b) { b.profile[1].lo[0] = b.profile[1].hi[0] + 1; },
        [](Bundle& b) { b.fp32_top1 = 98.5; },
        [](Bundle& b) { b.graph.layers[0].shift[0] = 63; },
    };
    for (std::size_t i = 0; i < damages.size(); ++i) {
        Bundle bundle = lenet_bundle();
        bundle.profile.resize(bundle.graph.tensors.size());
        bundle.profile[1].lo.assign(6, 0);
        bundle.profile[1].hi.assign(6, 9);
        ASSERT_NO_THROW(write_bundle(bundle, folder.file("good")));
        damages[i](bundle);
        EXPECT_THROW(write_bundle(bundle, folder.file("b")), InputError) << "damage " << i;
        EXPECT_FALSE(fs::exists(folder.file("b")));
    }
}

TEST(Bundle, DoesNotReplaceWhatIsNotABundle) {
    test::TemporaryDirectory folder;
    test::write_file(folder.file("photos/cat.png"), "x");
    EXPECT_THAT(message_of([&] { write_bundle(random_bundle(1), folder.file("photos")); }),
                HasSubstr("cat.png"));
    EXPECT_THAT(message_of([&] { write_bundle(random_bundle(1), folder.file("photos/cat.png")); }),
                HasSubstr("not a folder"));
    EXPECT_EQ(test::read_file(folder.file("photos/cat.png")), "x");
    EXPECT_THAT(message_of([&] { write_bundle(random_bundle(1), folder.file("photos/cat.png/b")); }),
                HasSubstr("cannot be created"));
    fs::create_directory(folder.file("empty"));
    EXPECT_NO_THROW(write_bundle(random_bundle(1), folder.file("empty")));
}

// A file-size limit stands in for a full disk: write() fails in the middle of the tensors.
TEST(Bundle, FailedWriteLeavesTheOldBundle) {
    test::TemporaryDirectory folder;
    write_bundle(random_bundle(1), folder.file("b"));
    const auto previous = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlimit small = limit;
    small.rlim_cur = 1000;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const std::string message = message_of([&] { write_bundle(random_bundle(2), folder.file("b")); });
    setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, previous);
    EXPECT_THAT(message, HasSubstr("cannot be written"));
    expect_equal(random_bundle(1), read_bundle(folder.file("b")));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace fluence::workloads
