// A data set that is read as it is used: memory does not grow with the number of images of a folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "workloads/dataset.h"
#include "workloads/image_geometry.h"

namespace fluence::workloads {

class ImageSource {
  public:
    virtual ~ImageSource() = default;

    // Images first … first+count−1. Throws InputError for files that cannot be used.
    virtual Dataset read(std::int64_t first, std::int64_t count) const = 0;

    const Shape& shape() const { return shape_; }  // of one image
    int classes() const { return classes_; }
    const std::vector<std::int32_t>& labels() const { return labels_; }
    std::int64_t size() const { return static_cast<std::int64_t>(labels_.size()); }

  protected:
    Shape shape_;
    int classes_ = 0;
    std::vector<std::int32_t> labels_;
};

// As read_dataset; what is made of each image by `geometry` is what `read` gives. "folder" and
// "tiny-imagenet" open an image when it is read, the others are read whole. Images have three channels where
// one of the first 64 has.
std::unique_ptr<ImageSource> open_images(const std::string& format, const std::string& location, Split split,
                                         std::int64_t limit = 0, const ImageGeometry& geometry = {});

}  // namespace fluence::workloads
