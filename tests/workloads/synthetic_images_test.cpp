#include "workloads/synthetic_images.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fluence::workloads {
namespace {

TEST(SyntheticImages, ImageDependsOnItsNumberAlone) {
    const SyntheticImages few({3, 20, 30}, 10, 4, Split::test);
    const SyntheticImages many({3, 20, 30}, 10, 9, Split::test);
    const SyntheticImages others({3, 20, 30}, 10, 4, Split::train);
    const Dataset one = many.read(2, 1);
    const Dataset all = few.read(0, 4);
    EXPECT_EQ(std::vector<std::uint8_t>(all.image(2), all.image(3)), one.pixels);
    EXPECT_NE(all.pixels, others.read(0, 4).pixels);
    EXPECT_NE(std::vector<std::uint8_t>(all.image(1), all.image(2)), one.pixels);
}

// As photographs: contrast, and neighbours that resemble each other.
TEST(SyntheticImages, HaveContrastAndAreSmooth) {
    const SyntheticImages images({1, 64, 64}, 10, 8, Split::test);
    const Dataset data = images.read(0, 8);
    double sum = 0, squares = 0, steps = 0;
    for (std::size_t i = 0; i < data.pixels.size(); ++i) {
        const auto pixel = static_cast<double>(data.pixels[i]);
        sum += pixel;
        squares += pixel * pixel;
        steps += i % 64 == 0 ? 0 : std::abs(pixel - data.pixels[i - 1]);
    }
    const auto count = static_cast<double>(data.pixels.size());
    const double deviation = std::sqrt(squares / count - sum / count * sum / count);
    EXPECT_GT(deviation, 25);
    EXPECT_LT(steps / count, deviation / 3);
}

TEST(SyntheticImages, LabelsCanBeSet) {
    SyntheticImages images({1, 4, 4}, 10, 2, Split::test);
    images.set_labels({7, 3});
    EXPECT_EQ(images.read(1, 1).labels, std::vector<std::int32_t>{3});
    EXPECT_EQ(images.classes(), 10);
    EXPECT_THROW(images.set_labels({1}), std::logic_error);
}

}  // namespace
}  // namespace fluence::workloads
