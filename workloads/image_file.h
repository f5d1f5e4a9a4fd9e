// One image file: PNG (libpng), JPEG (libjpeg-turbo) or binary PGM/PPM, recognised by its first bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workloads/graph.h"

namespace fluence::workloads {

struct Image {
    Shape shape;                       // 1 channel (grey) or 3 (red, green, blue)
    std::vector<std::uint8_t> pixels;  // channel · row · column
};

// 16-bit samples are reduced to 8, transparency is laid over black. Throws InputError (file, reason).
Image read_image(const std::string& path);
// A grey image as one of three equal channels; others unchanged.
Image in_color(Image image);

}  // namespace fluence::workloads
