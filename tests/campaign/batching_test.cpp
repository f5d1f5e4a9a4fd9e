// Batches: every fault in exactly one, on the right image, whatever the sizes.
#include "sim/campaign/batching.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace fluence::campaign {
namespace {

void check(std::int64_t images, std::int64_t faults) {
    SCOPED_TRACE(std::to_string(images) + " images, " + std::to_string(faults) + " faults");
    const Batching batching(images, faults);
    std::vector<int> seen(static_cast<std::size_t>(faults), 0);
    std::vector<int> golden(static_cast<std::size_t>(images), 0);
    for (std::int64_t batch = 0; batch < batching.count(); ++batch) {
        std::int64_t size = 0;
        ASSERT_LT(batching.first_image(batch), batching.end_image(batch));
        for (std::int64_t image = batching.first_image(batch); image < batching.end_image(batch); ++image) {
            golden.at(static_cast<std::size_t>(image)) += batching.holds_golden(batch) ? 1 : 0;
            for (const std::int64_t id : batching.faults_of(batch, image)) {
                ASSERT_EQ(id % images, image);
                ++seen.at(static_cast<std::size_t>(id));
                ++size;
            }
        }
        ASSERT_EQ(batching.size(batch), size);
        ASSERT_LE(size, 500);
    }
    for (const int count : seen) {
        ASSERT_EQ(count, 1);
    }
    for (const int count : golden) {
        ASSERT_EQ(count, 1);
    }
}

TEST(Batching, CoversEveryFaultAndImageOnce) {
    check(1, 1);
    check(1, 100000);
    check(1000, 1);
    check(1000, 20000);
    check(7, 50001);
    check(333, 332);
    const unsigned seed = 99;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 generator(seed);
    for (int i = 0; i < 60; ++i) {
        check(1 + static_cast<std::int64_t>(generator() % 700),
              1 + static_cast<std::int64_t>(generator() % 30000));
    }
}

TEST(Batching, LargeCampaignsHaveBatchesOfHundreds) {
    EXPECT_EQ(Batching(1000, 20000).count(), 143);     // 7 images of 20 faults: 140 ≤ 20000/128 = 156
    EXPECT_EQ(Batching(1000, 1000000).count(), 3000);  // 1000 faults an image in 3 parts of at most 400
}

}  // namespace
}  // namespace fluence::campaign
