#include "workloads/image_geometry.h"

#include <algorithm>
#include <cmath>

#include "sim/core/error.h"

namespace fluence::workloads {
namespace {

// One output's source samples along one dimension: `weights` from `first` on, their sum is 1.
struct Taps {
    int first = 0;
    std::vector<double> weights;
};

// Sample i of `in` has its centre at i + ½; so has sample i of `out`. The triangle is one sample wide, of the
// input or, with antialiasing, of the output where that is wider; samples outside the image count as its edge
// where there is no antialiasing and not at all where there is.
std::vector<Taps> taps_of(int in, int out, bool antialias) {
    const double scale = static_cast<double>(in) / out;
    const double reach = antialias ? std::max(scale, 1.0) : 1.0;
    std::vector<Taps> taps;
    for (int o = 0; o < out; ++o) {
        double centre = (o + 0.5) * scale;
        if (!antialias) {
            centre = std::clamp(centre, 0.5, in - 0.5);
        }
        Taps t;
        t.first = std::max(0, static_cast<int>(std::floor(centre - reach + 0.5)));
        const int last = std::min(in, static_cast<int>(std::floor(centre + reach + 0.5)));
        double sum = 0;
        for (int i = t.first; i < last; ++i) {
            t.weights.push_back(std::max(0.0, 1 - std::abs((i + 0.5 - centre) / reach)));
            sum += t.weights.back();
        }
        for (double& weight : t.weights) {
            weight /= sum;
        }
        taps.push_back(std::move(t));
    }
    return taps;
}

// Rows first, then columns, rounded once at the end.
Image resized(const Image& image, const Shape& to, bool antialias) {
    const Shape& in = image.shape;
    const std::vector<Taps> across = taps_of(in.width, to.width, antialias);
    const std::vector<Taps> down = taps_of(in.height, to.height, antialias);
    Image out{to, std::vector<std::uint8_t>(static_cast<std::size_t>(to.elements()))};
    std::vector<double> rows(static_cast<std::size_t>(in.height) * static_cast<std::size_t>(to.width));
    auto* pixel = out.pixels.data();
    for (int c = 0; c < in.channels; ++c) {
        double* value = rows.data();
        for (int y = 0; y < in.height; ++y) {
            const std::uint8_t* row = image.pixels.data() + c * in.plane() + std::int64_t{y} * in.width;
            for (const Taps& t : across) {
                double sum = 0;
                for (std::size_t i = 0; i < t.weights.size(); ++i) {
                    sum += t.weights[i] * row[static_cast<std::size_t>(t.first) + i];
                }
                *value++ = sum;
            }
        }
        for (const Taps& t : down) {
            for (int x = 0; x < to.width; ++x) {
                double sum = 0;
                for (std::size_t i = 0; i < t.weights.size(); ++i) {
                    const std::size_t y = static_cast<std::size_t>(t.first) + i;
                    sum += t.weights[i] *
                           rows[y * static_cast<std::size_t>(to.width) + static_cast<std::size_t>(x)];
                }
                *pixel++ = static_cast<std::uint8_t>(std::clamp(std::lround(sum), 0L, 255L));
            }
        }
    }
    return out;
}

Image cropped(const Image& image, int side) {
    const Shape& in = image.shape;
    const int top = (in.height - side) / 2;
    const int left = (in.width - side) / 2;
    Image out{{in.channels, side, side}, {}};
    for (int c = 0; c < in.channels; ++c) {
        for (int y = 0; y < side; ++y) {
            const auto row = image.pixels.begin() + c * in.plane() + std::int64_t{top + y} * in.width + left;
            out.pixels.insert(out.pixels.end(), row, row + side);
        }
    }
    return out;
}

Shape resized_shape(const Shape& in, const ImageGeometry& g) {
    if (g.resize_h == 0) {
        return in;
    }
    if (g.resize_w != 0) {
        return {in.channels, g.resize_h, g.resize_w};
    }
    const auto longer = [&](int side, int shorter) {
        return static_cast<int>(std::int64_t{side} * g.resize_h / shorter);
    };
    return in.height <= in.width ? Shape{in.channels, g.resize_h, longer(in.width, in.height)}
                                 : Shape{in.channels, longer(in.height, in.width), g.resize_h};
}

}  // namespace

Shape transformed_shape(const Shape& shape, const ImageGeometry& geometry, const std::string& source) {
    const Shape size = resized_shape(shape, geometry);
    if (geometry.crop == 0) {
        return size;
    }
    if (geometry.crop > size.height || geometry.crop > size.width) {
        throw InputError(source, "crop",
                         "of " + std::to_string(geometry.crop) + " does not fit into " +
                             std::to_string(size.width) + " x " + std::to_string(size.height) + " pixels",
                         "up to " + std::to_string(std::min(size.width, size.height)));
    }
    return {shape.channels, geometry.crop, geometry.crop};
}

Image transformed(const Image& image, const ImageGeometry& geometry, const std::string& source) {
    transformed_shape(image.shape, geometry, source);
    const Shape size = resized_shape(image.shape, geometry);
    Image result = size == image.shape ? image : resized(image, size, geometry.antialias);
    if (geometry.crop != 0) {
        result = cropped(result, geometry.crop);
    }
    if (geometry.rotate == 180) {
        const std::int64_t plane = result.shape.plane();
        for (int c = 0; c < result.shape.channels; ++c) {
            std::reverse(result.pixels.begin() + c * plane, result.pixels.begin() + (c + 1) * plane);
        }
    }
    return result;
}

}  // namespace fluence::workloads
