#include "workloads/glyphs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "sim/core/random.h"
#include "workloads/glyph_strokes.h"

namespace fluence::workloads {
namespace {

constexpr std::uint64_t kSeed = 20250117;  // part of the data set's identity
constexpr int kPixels = kGlyphExtent * kGlyphExtent;
constexpr int kCurveSteps = 5;  // lines a B-spline piece is drawn with
constexpr double kMiddle = kGlyphExtent / 2.0;

using Canvas = std::array<double, kPixels>;  // 0 … 1

double between(RandomStream& stream, double low, double high) {
    return low + (high - low) * stream.uniform();
}

// Glyph box → pixels: p' = (a b; c d)·p + (e, f).
struct Affine {
    double a = 1, b = 0, c = 0, d = 1, e = 0, f = 0;
    GlyphPoint operator()(const GlyphPoint& p) const {
        return {a * p.x + b * p.y + e, c * p.x + d * p.y + f};
    }
};

// A rotation by 2·atan(t), without the sine and cosine of a library.
Affine rotation(double t) {
    const double norm = 1 + t * t;
    const double cosine = (1 - t * t) / norm;
    const double sine = 2 * t / norm;
    return {cosine, -sine, sine, cosine, 0, 0};
}

// Rotation of up to ±23°, scales, shear and shift; the centre of the box goes near the centre of the image.
Affine draw_affine(RandomStream& stream) {
    const Affine turn = rotation(between(stream, -0.2, 0.2));
    const double height = between(stream, 0.135, 0.225);  // pixels a unit of the box
    const double width = height * between(stream, 0.55, 0.95);
    const double shear = between(stream, -0.28, 0.28);
    Affine map;
    map.a = turn.a * width;
    map.b = turn.a * shear * height + turn.b * height;
    map.c = turn.c * width;
    map.d = turn.c * shear * height + turn.d * height;
    map.e = kMiddle + between(stream, -3.2, 3.2) - 50 * (map.a + map.b);
    map.f = kMiddle + between(stream, -3.2, 3.2) - 50 * (map.c + map.d);
    return map;
}

GlyphPoint halfway(const GlyphPoint& p, const GlyphPoint& q) {
    return {(p.x + q.x) / 2, (p.y + q.y) / 2};
}

void append_piece(std::vector<GlyphPoint>& path, const GlyphPoint& control, const GlyphPoint& end) {
    const GlyphPoint begin = path.back();
    for (int step = 1; step <= kCurveSteps; ++step) {
        const double t = static_cast<double>(step) / kCurveSteps;
        const double u = 1 - t;
        path.push_back({u * u * begin.x + 2 * u * t * control.x + t * t * end.x,
                        u * u * begin.y + 2 * u * t * control.y + t * t * end.y});
    }
}

// The stroke as a polyline.
std::vector<GlyphPoint> flattened(const GlyphStroke& stroke) {
    const std::vector<GlyphPoint>& p = stroke.points;
    const std::size_t n = p.size();
    if (stroke.kind == StrokeKind::polyline) {
        return p;
    }
    std::vector<GlyphPoint> path;
    if (stroke.kind == StrokeKind::ring) {
        path.push_back(halfway(p[n - 1], p[0]));
        for (std::size_t i = 0; i < n; ++i) {
            append_piece(path, p[i], halfway(p[i], p[(i + 1) % n]));
        }
        return path;
    }
    path.push_back(p[0]);
    for (std::size_t i = 1; i + 1 < n; ++i) {
        append_piece(path, p[i], i + 2 == n ? p[n - 1] : halfway(p[i], p[i + 1]));
    }
    return path;
}

struct Pen {
    double half_width = 1;  // pixels
    double softness = 1;    // pixels over which the edge fades
    double level = 1;       // what a covered pixel becomes
};

// Distance of (x, y) to the line from p to q.
double distance(double x, double y, const GlyphPoint& p, const GlyphPoint& q) {
    const double dx = q.x - p.x;
    const double dy = q.y - p.y;
    const double square = dx * dx + dy * dy;
    double t = square > 0 ? ((x - p.x) * dx + (y - p.y) * dy) / square : 0;
    t = std::clamp(t, 0.0, 1.0);
    const double ex = x - (p.x + t * dx);
    const double ey = y - (p.y + t * dy);
    return std::sqrt(ex * ex + ey * ey);
}

// Raises `coverage` to how much of each pixel the line covers.
void cover(Canvas& coverage, const GlyphPoint& p, const GlyphPoint& q, const Pen& pen) {
    const double reach = pen.half_width + pen.softness;
    const auto first = [&](double low) {
        return std::clamp(static_cast<int>(std::floor(low - reach)), 0, kGlyphExtent);
    };
    const auto last = [&](double high) {
        return std::clamp(static_cast<int>(std::ceil(high + reach)), 0, kGlyphExtent);
    };
    const int x_end = last(std::max(p.x, q.x));
    const int y_end = last(std::max(p.y, q.y));
    for (int y = first(std::min(p.y, q.y)); y < y_end; ++y) {
        for (int x = first(std::min(p.x, q.x)); x < x_end; ++x) {
            const double edge = (pen.half_width - distance(x + 0.5, y + 0.5, p, q)) / pen.softness + 0.5;
            double& value = coverage[static_cast<std::size_t>(y * kGlyphExtent + x)];
            value = std::max(value, std::min(edge, 1.0));
        }
    }
}

void paint(Canvas& canvas, const std::vector<std::vector<GlyphPoint>>& paths, const Pen& pen) {
    Canvas coverage{};
    for (const std::vector<GlyphPoint>& path : paths) {
        for (std::size_t i = 0; i + 1 < path.size(); ++i) {
            cover(coverage, path[i], path[i + 1], pen);
        }
    }
    for (std::size_t i = 0; i < canvas.size(); ++i) {
        canvas[i] += (pen.level - canvas[i]) * coverage[i];
    }
}

void paint_glyph(Canvas& canvas, int glyph_class, double level, RandomStream& stream) {
    const std::vector<GlyphStyle>& styles = glyph_styles(glyph_class);
    const GlyphStyle& style = styles[stream.below(styles.size())];
    const Affine map = draw_affine(stream);
    std::vector<std::vector<GlyphPoint>> paths;
    for (GlyphStroke stroke : style) {
        for (GlyphPoint& point : stroke.points) {  // an unsteady hand
            point.x += between(stream, -7, 7);
            point.y += between(stream, -7, 7);
        }
        std::vector<GlyphPoint>& path = paths.emplace_back(flattened(stroke));
        std::transform(path.begin(), path.end(), path.begin(), map);
    }
    Pen pen;
    pen.half_width = between(stream, 0.6, 1.7);
    pen.softness = between(stream, 0.7, 1.6);
    pen.level = level;
    paint(canvas, paths, pen);
}

// A short bent line that belongs to no glyph.
void paint_scrap(Canvas& canvas, double level, RandomStream& stream) {
    GlyphStroke stroke;
    stroke.kind = StrokeKind::curve;
    GlyphPoint at;
    at.x = between(stream, 0, kGlyphExtent);
    at.y = between(stream, 0, kGlyphExtent);
    for (int i = 0; i < 3; ++i) {
        stroke.points.push_back(at);
        at.x += between(stream, -6, 6);
        at.y += between(stream, -6, 6);
    }
    Pen pen;
    pen.half_width = between(stream, 0.4, 1.2);
    pen.softness = between(stream, 0.7, 1.6);
    pen.level = level;
    paint(canvas, {flattened(stroke)}, pen);
}

// (1 2 1)/4 along rows, then along columns; the edge repeats.
void blur(Canvas& canvas) {
    for (const int step : {1, kGlyphExtent}) {
        const Canvas from = canvas;
        for (int i = 0; i < kPixels; ++i) {
            const int place = step == 1 ? i % kGlyphExtent : i / kGlyphExtent;
            const int before = place == 0 ? i : i - step;
            const int behind = place == kGlyphExtent - 1 ? i : i + step;
            canvas[static_cast<std::size_t>(i)] =
                (from[static_cast<std::size_t>(before)] + 2 * from[static_cast<std::size_t>(i)] +
                 from[static_cast<std::size_t>(behind)]) /
                4;
        }
    }
}

// Rounds to bytes with noise on top: the sum of four uniform bytes, which is nearly normal; `noise` is its
// standard deviation on the scale of 0 … 1.
void develop(const Canvas& canvas, double noise, RandomStream& stream, std::uint8_t* pixels) {
    constexpr double kDeviation = 147.8;  // of the sum of four bytes: √(4·(256²−1)/12)
    for (int i = 0; i < kPixels; ++i) {
        const std::uint32_t draw = stream.next32();
        const int sum =
            static_cast<int>((draw & 255u) + (draw >> 8 & 255u) + (draw >> 16 & 255u) + (draw >> 24));
        const double value = canvas[static_cast<std::size_t>(i)] + noise * ((sum - 510) / kDeviation);
        pixels[i] = static_cast<std::uint8_t>(std::clamp(value * 255 + 0.5, 0.0, 255.0));
    }
}

// A ground whose brightness changes linearly across the image.
Canvas shaded_ground(double level, RandomStream& stream) {
    const double slope_x = between(stream, -0.12, 0.12) / kGlyphExtent;
    const double slope_y = between(stream, -0.12, 0.12) / kGlyphExtent;
    Canvas canvas;
    for (int i = 0; i < kPixels; ++i) {
        const int row = i / kGlyphExtent;
        const int column = i % kGlyphExtent;
        canvas[static_cast<std::size_t>(i)] =
            level + slope_x * (column - kMiddle) + slope_y * (row - kMiddle);
    }
    return canvas;
}

}  // namespace

void draw_glyph(Split split, std::int64_t index, std::uint8_t* pixels) {
    const std::uint64_t half = split == Split::train ? 0 : 1;
    RandomStream stream(kSeed, RandomPurpose::dataset, half << 32 | static_cast<std::uint64_t>(index));
    const double ground = between(stream, 0.05, 0.35);
    const double ink = ground + between(stream, 0.3, 0.62);
    Canvas canvas = shaded_ground(ground, stream);
    const auto behind = stream.below(3);
    for (std::uint64_t i = 0; i < behind; ++i) {
        paint_scrap(canvas, between(stream, ground, ink), stream);
    }
    paint_glyph(canvas, glyph_label(index), ink, stream);
    const auto in_front = stream.below(3);
    for (std::uint64_t i = 0; i < in_front;
         ++i) {  // clutter as bright as the glyph, or a piece of it covered
        paint_scrap(canvas, stream.below(2) == 0 ? ink : ground, stream);
    }
    const auto passes = stream.below(3);
    for (std::uint64_t i = 0; i < passes; ++i) {
        blur(canvas);
    }
    develop(canvas, between(stream, 0.01, 0.09), stream, pixels);
}

Dataset glyphs(Split split, std::int64_t limit) {
    const std::int64_t all = split == Split::train ? kGlyphTrainImages : kGlyphTestImages;
    if (limit < 0) {
        throw std::invalid_argument("a negative number of images");
    }
    const std::int64_t count = limit == 0 ? all : std::min(limit, all);
    Dataset data;
    data.name = "glyphs";
    data.shape = {1, kGlyphExtent, kGlyphExtent};
    data.classes = kGlyphClasses;
    data.pixels.resize(static_cast<std::size_t>(count * kPixels));
    for (std::int64_t i = 0; i < count; ++i) {
        draw_glyph(split, i, data.pixels.data() + i * kPixels);
        data.labels.push_back(glyph_label(i));
    }
    return data;
}

}  // namespace fluence::workloads
