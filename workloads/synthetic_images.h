// Images that show nothing, for networks whose weights mean nothing: smooth random fields with the contrast
// and the spectrum of photographs, of any size.
#pragma once

#include "workloads/image_source.h"

namespace fluence::workloads {

class SyntheticImages : public ImageSource {
  public:
    // Image i of a split depends on (split, shape, i) alone and is the same on every machine. All labels are
    // 0.
    SyntheticImages(const Shape& shape, int classes, std::int64_t count, Split split);

    Dataset read(std::int64_t first, std::int64_t count) const override;
    // One an image: what a network says that is the measure of another one.
    void set_labels(std::vector<std::int32_t> labels);

  private:
    void draw(std::int64_t image, std::uint8_t* pixels) const;

    Split split_;
};

}  // namespace fluence::workloads
