// The embedded data set: pinned bytes, balanced, without repeats, and not trivial.
#include "workloads/glyphs.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <array>
#include <set>

#include "sim/core/error.h"

namespace fluence::workloads {
namespace {

unsigned long crc_of(const Dataset& data) {
    return ::crc32_z(0, data.pixels.data(), data.pixels.size());
}

// The bytes are the data set's identity: shipped weights were trained on them. Same for GCC and Clang.
TEST(Glyphs, BytesArePinned) {
    EXPECT_EQ(crc_of(glyphs(Split::train)), 0x7bca0b59u);
    EXPECT_EQ(crc_of(glyphs(Split::test)), 0x2f269d55u);
}

TEST(Glyphs, HasTheStatedShapeAndCounts) {
    const Dataset data = read_dataset("glyphs", "ignored", Split::test);
    EXPECT_EQ(data.name, "glyphs");
    EXPECT_EQ(data.shape, (Shape{1, 32, 32}));
    EXPECT_EQ(data.classes, 10);
    EXPECT_EQ(data.size(), 10000);
    EXPECT_EQ(data.pixels.size(), 10000u * 1024);
    EXPECT_EQ(glyphs(Split::train).size(), 20000);
}

TEST(Glyphs, AnImageDependsOnSplitAndIndexAlone) {
    const Dataset whole = glyphs(Split::train, 100);
    std::array<std::uint8_t, 1024> pixels{};
    for (const std::int64_t index : {99, 0, 50}) {
        draw_glyph(Split::train, index, pixels.data());
        EXPECT_TRUE(std::equal(pixels.begin(), pixels.end(), whole.image(index)));
        draw_glyph(Split::test, index, pixels.data());
        EXPECT_FALSE(std::equal(pixels.begin(), pixels.end(), whole.image(index)));
    }
}

TEST(Glyphs, EveryPrefixIsBalancedAndNoImageRepeats) {
    std::set<std::vector<std::uint8_t>> images;
    std::array<int, 10> counts{};
    for (const Split split : {Split::train, Split::test}) {
        const Dataset data = glyphs(split, 1000);
        for (std::int64_t i = 0; i < data.size(); ++i) {
            images.emplace(data.image(i), data.image(i) + 1024);
            ++counts[static_cast<std::size_t>(data.labels[static_cast<std::size_t>(i)])];
        }
    }
    EXPECT_EQ(images.size(), 2000u);
    EXPECT_THAT(counts, ::testing::Each(200));
}

TEST(Glyphs, UsesTheRangeOfABrightnessAndHasContrast) {
    const Dataset data = glyphs(Split::train, 500);
    int low_contrast = 0;
    for (std::int64_t i = 0; i < data.size(); ++i) {
        double sum = 0, squares = 0;
        for (int p = 0; p < 1024; ++p) {
            sum += data.image(i)[p];
            squares += static_cast<double>(data.image(i)[p]) * data.image(i)[p];
        }
        const double mean = sum / 1024;
        const double deviation = std::sqrt(squares / 1024 - mean * mean);
        EXPECT_GT(mean, 8);
        EXPECT_LT(mean, 200);
        low_contrast += deviation < 8 ? 1 : 0;
    }
    EXPECT_LT(low_contrast, 10);
}

// A nearest-mean classifier must do better than chance and far worse than a network: the classes differ, but
// not by a template.
TEST(Glyphs, IsNeitherNoiseNorTrivial) {
    const Dataset train = glyphs(Split::train, 2000);
    const Dataset test = glyphs(Split::test, 500);
    std::vector<std::array<double, 1024>> means(10);
    for (std::int64_t i = 0; i < train.size(); ++i) {
        for (std::size_t p = 0; p < 1024; ++p) {
            means[static_cast<std::size_t>(i % 10)][p] += train.image(i)[p] / 200.0;
        }
    }
    int correct = 0;
    for (std::int64_t i = 0; i < test.size(); ++i) {
        std::array<double, 10> distance{};
        for (std::size_t c = 0; c < 10; ++c) {
            for (std::size_t p = 0; p < 1024; ++p) {
                distance[c] += (test.image(i)[p] - means[c][p]) * (test.image(i)[p] - means[c][p]);
            }
        }
        correct += std::min_element(distance.begin(), distance.end()) - distance.begin() == i % 10 ? 1 : 0;
    }
    EXPECT_GT(correct, 75);   // chance: 50
    EXPECT_LT(correct, 350);  // 70 %
}

TEST(Dataset, UnknownFormatAndNegativeLimitAreErrors) {
    EXPECT_THAT(dataset_formats(),
                ::testing::ElementsAre("cifar10", "cifar100", "folder", "glyphs", "mnist", "tiny-imagenet"));
    EXPECT_THROW(read_dataset("svhn", "", Split::test), InputError);
    EXPECT_THROW(read_dataset("glyphs", "", Split::test, -1), InputError);
}

}  // namespace
}  // namespace fluence::workloads
