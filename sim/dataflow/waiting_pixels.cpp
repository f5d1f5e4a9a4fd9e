#include "sim/dataflow/waiting_pixels.h"

#include <algorithm>

namespace fluence::dataflow {

WaitingPixels::WaitingPixels(const workloads::Shape& shape, bool whole)
    : shape_(shape), whole_(whole), missing_(static_cast<std::size_t>(shape.plane()), shape.channels) {}

std::vector<WaitingPixels::Range> WaitingPixels::produce(const std::vector<Range>& elements) {
    for (const Range& range : elements) {
        for (std::int64_t element = range.first; element < range.last; ++element) {
            const std::int64_t pixel = element % shape_.plane();
            if (--missing_[static_cast<std::size_t>(pixel)] == 0) {
                complete_.push_back(pixel);
            }
        }
        bytes_ += range.last - range.first;
    }
    most_bytes_ = std::max(most_bytes_, bytes_);
    std::vector<Range> leaving;
    if (whole_ && static_cast<std::int64_t>(complete_.size()) < shape_.plane()) {
        return leaving;
    }
    std::sort(complete_.begin(), complete_.end());
    for (const std::int64_t pixel : complete_) {
        if (leaving.empty() || leaving.back().last != pixel) {
            leaving.push_back({pixel, pixel});
        }
        ++leaving.back().last;
    }
    bytes_ -= static_cast<std::int64_t>(complete_.size()) * shape_.channels;
    complete_.clear();
    return leaving;
}

}  // namespace fluence::dataflow
