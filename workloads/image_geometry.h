// What is done to an image between its file and the network, before any arithmetic on its values.
#pragma once

#include "workloads/image_file.h"

namespace fluence::workloads {

// In this order: resize, crop, rotate.
struct ImageGeometry {
    // Rows and columns to resize to; columns 0: the shorter side gets `resize_h`, the other keeps the aspect
    // (rounded down). Both 0: as it is.
    int resize_h = 0, resize_w = 0;
    // Bilinear weights over all pixels that an output covers (Pillow's and torchvision's resize of images);
    // otherwise between the four nearest (Torch's interpolate). They differ where an image shrinks.
    bool antialias = true;
    int crop = 0;    // side of the square that is cut out of the middle; 0: none
    int rotate = 0;  // degrees: 0 or 180

    bool changes_size() const { return resize_h != 0 || crop != 0; }
    friend bool operator==(const ImageGeometry& a, const ImageGeometry& b) {
        return a.resize_h == b.resize_h && a.resize_w == b.resize_w && a.antialias == b.antialias &&
               a.crop == b.crop && a.rotate == b.rotate;
    }
};

// The shape that `transformed` gives. Throws InputError (`source`) where the crop does not fit.
Shape transformed_shape(const Shape& shape, const ImageGeometry& geometry, const std::string& source);
Image transformed(const Image& image, const ImageGeometry& geometry, const std::string& source);

}  // namespace fluence::workloads
