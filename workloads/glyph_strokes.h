// The shapes of the glyphs: strokes in a box of 100 × 100, y downwards.
#pragma once

#include <vector>

namespace fluence::workloads {

struct GlyphPoint {
    double x = 0, y = 0;
};

// `polyline` joins its points by lines. The others are quadratic B-splines of their control points: `curve`
// begins in the first and ends in the last one, `ring` is closed.
enum class StrokeKind { polyline, curve, ring };

struct GlyphStroke {
    StrokeKind kind = StrokeKind::polyline;
    std::vector<GlyphPoint> points;
};

using GlyphStyle = std::vector<GlyphStroke>;

// The styles in which a class is written; one or more for each of the ten.
const std::vector<GlyphStyle>& glyph_styles(int glyph_class);

}  // namespace fluence::workloads
