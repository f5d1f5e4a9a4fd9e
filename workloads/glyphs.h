// The embedded data set "glyphs": the ten digits, drawn by Fluence itself, 1×32×32, 8 bits. Strokes of a few
// styles a class are bent, mapped affinely, drawn with varying width, blur and contrast over a shaded ground
// with clutter, partly covered, and overlaid with noise.
//
// Image i of a split depends on (split, i) alone, and only on arithmetic that IEEE 754 and the language
// define to the last bit (+ − × ÷ and square root of doubles, integers): every compiler and CPU draws the
// same bytes. Labels go round, i mod 10, so that every prefix of a split is balanced.
#pragma once

#include <cstdint>

#include "workloads/dataset.h"

namespace fluence::workloads {

inline constexpr int kGlyphClasses = 10;
inline constexpr int kGlyphExtent = 32;
inline constexpr std::int64_t kGlyphTrainImages = 20000;
inline constexpr std::int64_t kGlyphTestImages = 10000;

inline std::int32_t glyph_label(std::int64_t index) {
    return static_cast<std::int32_t>(index % kGlyphClasses);
}
// Writes kGlyphExtent² bytes, row by row.
void draw_glyph(Split split, std::int64_t index, std::uint8_t* pixels);
// The first `limit` images of a split (0: all).
Dataset glyphs(Split split, std::int64_t limit = 0);

}  // namespace fluence::workloads
