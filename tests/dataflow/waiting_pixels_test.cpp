// Codes wait until their pixel, or their layer, is complete. By hand on two channels of 2×2 pixels.
#include "sim/dataflow/waiting_pixels.h"

#include <gtest/gtest.h>

namespace fluence::dataflow {
namespace {

using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;

Ranges produced(WaitingPixels& waiting, const std::vector<WaitingPixels::Range>& elements) {
    Ranges ranges;
    for (const WaitingPixels::Range& range : waiting.produce(elements)) {
        ranges.emplace_back(range.first, range.last);
    }
    return ranges;
}

TEST(WaitingPixels, LeaveWithTheirLastChannel) {
    WaitingPixels waiting({2, 2, 2}, false);
    EXPECT_EQ(produced(waiting, {{0, 3}}), Ranges());
    EXPECT_EQ(produced(waiting, {{5, 7}}), (Ranges{{1, 3}}));
    EXPECT_EQ(waiting.most_bytes(), 5);
    EXPECT_EQ(produced(waiting, {{3, 5}}), (Ranges{{0, 1}}));
    EXPECT_EQ(produced(waiting, {{7, 8}}), (Ranges{{3, 4}}));
    EXPECT_EQ(waiting.most_bytes(), 5);
}

TEST(WaitingPixels, OrWithTheLastPixel) {
    WaitingPixels waiting({2, 2, 2}, true);
    EXPECT_EQ(produced(waiting, {{0, 3}, {4, 7}}), Ranges());
    EXPECT_EQ(produced(waiting, {{7, 8}}), Ranges());
    EXPECT_EQ(produced(waiting, {{3, 4}}), (Ranges{{0, 4}}));
    EXPECT_EQ(waiting.most_bytes(), 8);
}

}  // namespace
}  // namespace fluence::dataflow
