#include "workloads/synthetic_images.h"

#include <algorithm>
#include <stdexcept>

#include "sim/core/random.h"

namespace fluence::workloads {
namespace {

constexpr std::uint64_t kSeed = 20261121;  // part of the images' identity
constexpr int kOctaves = 5;                // of value noise: grids of 2, 4 … 32 cells
constexpr int kOne = 256;                  // fixed point of a place inside a cell

// Adds a grid of cells × cells random values, interpolated between its points: integers alone, so that every
// machine draws the same bytes.
void add_octave(RandomStream& stream, int cells, int amplitude, int height, int width,
                std::vector<int>& field) {
    const int points = cells + 1;
    std::vector<int> grid(static_cast<std::size_t>(points) * points);
    for (int& value : grid) {
        value = static_cast<int>(stream.below(static_cast<std::uint64_t>(2 * amplitude + 1))) - amplitude;
    }
    const auto at = [&](int row, int column) {
        return grid[static_cast<std::size_t>(row * points + column)];
    };
    for (int y = 0; y < height; ++y) {
        const int row = y * cells * kOne / height;
        const int down = row % kOne;
        for (int x = 0; x < width; ++x) {
            const int column = x * cells * kOne / width;
            const int right = column % kOne;
            const auto along = [&](int r) {
                return at(r, column / kOne) * (kOne - right) + at(r, column / kOne + 1) * right;
            };
            const int value = along(row / kOne) / kOne * (kOne - down) + along(row / kOne + 1) / kOne * down;
            field[static_cast<std::size_t>(y * width + x)] += value / kOne;
        }
    }
}

// Amplitudes fall as the grids get finer, as the spectrum of photographs does.
std::vector<int> draw_field(RandomStream& stream, int height, int width, int amplitude) {
    std::vector<int> field(static_cast<std::size_t>(height) * static_cast<std::size_t>(width), 0);
    for (int octave = 0; octave < kOctaves; ++octave) {
        add_octave(stream, 2 << octave, std::max(1, amplitude >> octave), height, width, field);
    }
    return field;
}

}  // namespace

SyntheticImages::SyntheticImages(const Shape& shape, int classes, std::int64_t count, Split split)
    : split_(split) {
    shape_ = shape;
    classes_ = classes;
    labels_.assign(static_cast<std::size_t>(count), 0);
}

Dataset SyntheticImages::read(std::int64_t first, std::int64_t count) const {
    Dataset data;
    data.name = "synthetic";
    data.shape = shape_;
    data.classes = classes_;
    data.labels = {labels_.begin() + first, labels_.begin() + first + count};
    data.pixels.resize(static_cast<std::size_t>(count * shape_.elements()));
    for (std::int64_t i = 0; i < count; ++i) {
        draw(first + i, data.pixels.data() + i * shape_.elements());
    }
    return data;
}

void SyntheticImages::set_labels(std::vector<std::int32_t> labels) {
    if (labels.size() != labels_.size()) {
        throw std::logic_error("one label an image");
    }
    labels_ = std::move(labels);
}

// Brightness that all channels share, and a little colour.
void SyntheticImages::draw(std::int64_t image, std::uint8_t* pixels) const {
    const auto sample = static_cast<std::uint64_t>(image) * 2 + (split_ == Split::test ? 1 : 0);
    RandomStream stream(kSeed, RandomPurpose::dataset, sample);
    const int middle = 96 + static_cast<int>(stream.below(64));
    const std::vector<int> shared = draw_field(stream, shape_.height, shape_.width, 72);
    for (int c = 0; c < shape_.channels; ++c) {
        const std::vector<int> own = draw_field(stream, shape_.height, shape_.width, 24);
        for (std::size_t i = 0; i < shared.size(); ++i) {
            *pixels++ = static_cast<std::uint8_t>(std::clamp(middle + shared[i] + own[i], 0, 255));
        }
    }
}

}  // namespace fluence::workloads
