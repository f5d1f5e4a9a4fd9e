#include "sim/campaign/fault_order.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

namespace fluence::campaign {
namespace {

std::vector<std::int32_t> all_images(std::int64_t images) {
    std::vector<std::int32_t> list(static_cast<std::size_t>(images));
    std::iota(list.begin(), list.end(), 0);
    return list;
}

// Numbers in [from, to) that leave `rest` when divided by `by`; the first of them becomes `first`.
std::int64_t count_of_class(std::int64_t from, std::int64_t to, std::int64_t rest, std::int64_t by,
                            std::int64_t& first) {
    first = from + ((rest - from) % by + by) % by;
    return first < to ? (to - first - 1) / by + 1 : 0;
}

}  // namespace

FaultOrder::FaultOrder(std::int64_t images, std::int64_t faults)
    : FaultOrder({all_images(images)}, {0}, {{faults}}) {}

FaultOrder::FaultOrder(std::vector<std::vector<std::int32_t>> groups, std::vector<std::int32_t> group_of,
                       std::vector<std::vector<std::int64_t>> until)
    : groups_(std::move(groups)), group_of_(std::move(group_of)), until_(std::move(until)) {
    index_images();
    std::int64_t id = 0;
    for (std::size_t look = 0; look < until_.size(); ++look) {
        first_.push_back(id);
        std::vector<std::int64_t> blocks;
        for (std::size_t stratum = 0; stratum < group_of_.size(); ++stratum) {
            blocks.push_back(id);
            const std::int64_t before = look == 0 ? 0 : until_[look - 1][stratum];
            if (until_[look].at(stratum) < before) {
                throw std::invalid_argument("a later look has fewer draws");
            }
            id += until_[look][stratum] - before;
        }
        block_first_.push_back(std::move(blocks));
    }
    first_.push_back(id);
}

void FaultOrder::index_images() {
    for (const std::vector<std::int32_t>& images : groups_) {
        images_ += static_cast<std::int64_t>(images.size());
    }
    group_of_image_.resize(static_cast<std::size_t>(images_));
    number_of_image_.resize(static_cast<std::size_t>(images_));
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        for (std::size_t i = 0; i < groups_[g].size(); ++i) {
            const auto image = static_cast<std::size_t>(groups_[g][i]);
            group_of_image_.at(image) = static_cast<std::int32_t>(g);
            number_of_image_.at(image) = static_cast<std::int64_t>(i);
        }
    }
}

const std::vector<std::int32_t>& FaultOrder::group(std::size_t stratum) const {
    return groups_[static_cast<std::size_t>(group_of_[stratum])];
}

FaultOrder::Block FaultOrder::block(std::int64_t look, std::size_t stratum) const {
    const auto at = static_cast<std::size_t>(look);
    return {look == 0 ? 0 : until_[at - 1][stratum], until_[at][stratum], block_first_[at][stratum]};
}

std::int64_t FaultOrder::draws_until(std::int64_t look, std::int32_t stratum) const {
    return until_.at(static_cast<std::size_t>(look)).at(static_cast<std::size_t>(stratum));
}

FaultOrder::Place FaultOrder::place(std::int64_t id) const {
    if (id < 0 || id >= faults()) {
        throw std::out_of_range("fault " + std::to_string(id));
    }
    const auto look =
        static_cast<std::size_t>(std::upper_bound(first_.begin(), first_.end(), id) - first_.begin() - 1);
    const std::vector<std::int64_t>& blocks = block_first_[look];
    const auto stratum =
        static_cast<std::size_t>(std::upper_bound(blocks.begin(), blocks.end(), id) - blocks.begin() - 1);
    const Block at = block(static_cast<std::int64_t>(look), stratum);
    return {static_cast<std::int32_t>(stratum), at.from + id - at.first};
}

std::int32_t FaultOrder::image(const Place& place) const {
    const std::vector<std::int32_t>& images = group(static_cast<std::size_t>(place.stratum));
    return images[static_cast<std::size_t>(place.draw) % images.size()];
}

std::int64_t FaultOrder::round(const Place& place) const {
    return place.draw / static_cast<std::int64_t>(group(static_cast<std::size_t>(place.stratum)).size());
}

std::int64_t FaultOrder::count(std::int64_t look, std::int64_t image) const {
    const auto at = static_cast<std::size_t>(image);
    std::int64_t total = 0, first = 0;
    for (std::size_t stratum = 0; stratum < group_of_.size(); ++stratum) {
        if (group_of_[stratum] == group_of_image_[at]) {
            const Block draws = block(look, stratum);
            total += count_of_class(draws.from, draws.to, number_of_image_[at],
                                    static_cast<std::int64_t>(group(stratum).size()), first);
        }
    }
    return total;
}

std::vector<std::int64_t> FaultOrder::ids(std::int64_t look, std::int64_t image, std::int64_t begin,
                                          std::int64_t end) const {
    const auto at = static_cast<std::size_t>(image);
    std::vector<std::int64_t> found;
    std::int64_t before = 0, first = 0;  // faults on the image in the strata so far
    for (std::size_t stratum = 0; stratum < group_of_.size() && before < end; ++stratum) {
        if (group_of_[stratum] != group_of_image_[at]) {
            continue;
        }
        const Block draws = block(look, stratum);
        const auto step = static_cast<std::int64_t>(group(stratum).size());
        const std::int64_t here = count_of_class(draws.from, draws.to, number_of_image_[at], step, first);
        for (std::int64_t i = std::max<std::int64_t>(0, begin - before); i < std::min(here, end - before);
             ++i) {
            found.push_back(draws.first + first + i * step - draws.from);
        }
        before += here;
    }
    return found;
}

std::int64_t FaultOrder::typical(std::int64_t look) const {
    std::vector<std::int64_t> draws(groups_.size(), 0);
    for (std::size_t stratum = 0; stratum < group_of_.size(); ++stratum) {
        const Block at = block(look, stratum);
        draws[static_cast<std::size_t>(group_of_[stratum])] += at.to - at.from;
    }
    std::int64_t largest = 0;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
        const auto images = static_cast<std::int64_t>(groups_[g].size());
        largest = std::max(largest, (draws[g] + images - 1) / images);
    }
    return largest;
}

}  // namespace fluence::campaign
