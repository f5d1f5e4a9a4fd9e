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
    EXPECT_EQ(waiting.most_bytes(), 3 * 2) << "pixels 0 to 2";
    EXPECT_EQ(produced(waiting, {{3, 5}}), (Ranges{{0, 1}}));
    EXPECT_EQ(waiting.most_bytes(), 4 * 2) << "pixels 0 and 3, and what is between them";
    EXPECT_EQ(produced(waiting, {{7, 8}}), (Ranges{{3, 4}}));
    EXPECT_EQ(waiting.most_bytes(), 4 * 2);
}

// Rows one behind the other need one row's place.
TEST(WaitingPixels, NeedRoomForThoseThatAreOpenAlone) {
    WaitingPixels waiting({3, 4, 2}, false);
    for (std::int64_t row = 0; row < 4; ++row) {
        EXPECT_EQ(produced(waiting, {{2 * row, 2 * row + 2}, {8 + 2 * row, 8 + 2 * row + 2}}), Ranges());
        EXPECT_EQ(produced(waiting, {{16 + 2 * row, 16 + 2 * row + 2}}), (Ranges{{2 * row, 2 * row + 2}}));
    }
    EXPECT_EQ(waiting.most_bytes(), 2 * 3);
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
