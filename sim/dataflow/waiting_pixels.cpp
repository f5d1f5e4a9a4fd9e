#include "sim/dataflow/waiting_pixels.h"

#include <algorithm>

namespace fluence::dataflow {

WaitingPixels::WaitingPixels(const workloads::Shape& shape, bool whole)
    : shape_(shape),
      whole_(whole),
      missing_(static_cast<std::size_t>(shape.plane()), shape.channels),
      waits_(missing_.size()),
      first_(shape.plane()) {}

std::vector<WaitingPixels::Range> WaitingPixels::produce(const std::vector<Range>& elements) {
    for (const Range& range : elements) {
        for (std::int64_t element = range.first; element < range.last; ++element) {
            const std::int64_t pixel = element % shape_.plane();
            waits_[static_cast<std::size_t>(pixel)] = true;
            first_ = std::min(first_, pixel);
            last_ = std::max(last_, pixel);
            if (--missing_[static_cast<std::size_t>(pixel)] == 0) {
                complete_.push_back(pixel);
            }
        }
    }
    most_pixels_ = std::max(most_pixels_, last_ - first_ + 1);
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
        waits_[static_cast<std::size_t>(pixel)] = false;
    }
    complete_.clear();
    for (; first_ <= last_ && !waits(first_); ++first_) {
    }
    for (; last_ >= first_ && !waits(last_); --last_) {
    }
    if (last_ < first_) {
        first_ = shape_.plane();
        last_ = -1;
    }
    return leaving;
}

}  // namespace fluence::dataflow
