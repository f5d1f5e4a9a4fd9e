#include "workloads/glyph_strokes.h"

#include <array>

namespace fluence::workloads {
namespace {

using Points = std::vector<GlyphPoint>;

GlyphStroke line(Points points) {
    return {StrokeKind::polyline, std::move(points)};
}
GlyphStroke curve(Points points) {
    return {StrokeKind::curve, std::move(points)};
}

// An oval: a ring of eight control points around a centre.
GlyphStroke oval(double x, double y, double rx, double ry) {
    const double d = 0.8;
    return {StrokeKind::ring,
            {{x, y - ry},
             {x + d * rx, y - d * ry},
             {x + rx, y},
             {x + d * rx, y + d * ry},
             {x, y + ry},
             {x - d * rx, y + d * ry},
             {x - rx, y},
             {x - d * rx, y - d * ry}}};
}

std::array<std::vector<GlyphStyle>, 10> make_styles() {
    std::array<std::vector<GlyphStyle>, 10> styles;
    styles[0] = {{oval(50, 50, 50, 52)}, {oval(50, 50, 36, 52)}};
    styles[1] = {{line({{55, 0}, {55, 100}})},
                 {line({{22, 25}, {55, 0}, {55, 100}})},
                 {line({{22, 25}, {55, 0}, {55, 100}}), line({{22, 100}, {88, 100}})}};
    styles[2] = {
        {curve({{5, 28}, {10, -4}, {88, -8}, {98, 38}, {58, 60}, {5, 100}}), line({{5, 100}, {97, 100}})},
        {curve({{8, 20}, {45, -14}, {105, 5}, {88, 48}, {20, 80}, {12, 104}, {55, 82}, {98, 102}})}};
    styles[3] = {
        {curve({{8, 12}, {40, -10}, {108, 2}, {92, 46}, {42, 47}}),
         curve({{42, 47}, {104, 48}, {106, 98}, {45, 112}, {3, 88}})},
        {line({{8, 0}, {90, 0}, {45, 42}}), curve({{45, 42}, {102, 44}, {104, 102}, {45, 110}, {5, 88}})}};
    styles[4] = {{line({{72, 100}, {72, 0}, {5, 68}, {98, 68}})},
                 {line({{18, 0}, {10, 55}, {94, 55}}), line({{76, 22}, {74, 100}})}};
    styles[5] = {{line({{90, 0}, {18, 0}, {12, 46}}),
                  curve({{12, 46}, {50, 28}, {106, 45}, {97, 96}, {45, 112}, {5, 88}})},
                 {line({{92, 0}, {16, 0}, {16, 44}, {55, 42}}),
                  curve({{55, 42}, {104, 46}, {102, 102}, {50, 104}, {6, 98}})}};
    styles[6] = {{curve({{82, 2}, {38, 6}, {6, 40}, {4, 72}}), oval(51, 70, 48, 32)},
                 {curve({{62, 0}, {30, 20}, {10, 45}, {6, 72}}), oval(48, 72, 42, 29)}};
    styles[7] = {{line({{3, 0}, {95, 0}, {40, 100}})},
                 {line({{3, 0}, {95, 0}, {40, 100}}), line({{28, 52}, {84, 52}})},
                 {line({{5, 16}, {5, 0}, {92, 0}}), curve({{92, 0}, {62, 40}, {50, 60}, {48, 100}})}};
    styles[8] = {{oval(50, 25, 40, 26), oval(50, 76, 48, 26)},
                 {curve({{88, 12},
                         {50, -14},
                         {4, 10},
                         {22, 42},
                         {84, 56},
                         {104, 92},
                         {50, 114},
                         {-4, 92},
                         {18, 56},
                         {80, 42},
                         {92, 22},
                         {88, 12}})}};
    styles[9] = {{curve({{96, 30}, {98, 62}, {66, 96}, {22, 100}}), oval(49, 30, 48, 32)},
                 {line({{92, 6}, {90, 100}}), oval(50, 28, 42, 29)}};
    return styles;
}

}  // namespace

const std::vector<GlyphStyle>& glyph_styles(int glyph_class) {
    static const std::array<std::vector<GlyphStyle>, 10> styles = make_styles();
    return styles.at(static_cast<std::size_t>(glyph_class));
}

}  // namespace fluence::workloads
