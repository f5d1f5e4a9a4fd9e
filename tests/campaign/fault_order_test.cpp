// The order of faults: the closed forms against a list of all faults.
#include "sim/campaign/fault_order.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "sim/campaign/batching.h"

namespace fluence::campaign {
namespace {

TEST(FaultOrder, OfOneStratumGoesThroughTheImages) {
    const FaultOrder order(7, 40);
    EXPECT_EQ(order.faults(), 40);
    for (std::int64_t id = 0; id < 40; ++id) {
        const FaultOrder::Place place = order.place(id);
        EXPECT_EQ(place.stratum, 0);
        EXPECT_EQ(place.draw, id);
        EXPECT_EQ(order.image(place), id % 7);
        EXPECT_EQ(order.round(place), id / 7);
    }
    EXPECT_THROW(order.place(40), std::out_of_range);
}

struct Drawn {
    std::vector<std::vector<std::int32_t>> groups;
    std::vector<std::int32_t> group_of;
    std::vector<std::vector<std::int64_t>> until;
};

Drawn draw(std::mt19937& generator) {
    Drawn drawn;
    drawn.groups.resize(1 + generator() % 3);
    const auto images = static_cast<std::int32_t>(3 + generator() % 40);
    for (std::int32_t image = 0; image < images; ++image) {
        const std::size_t group = image < 3 ? static_cast<std::size_t>(image) : generator();
        drawn.groups[group % drawn.groups.size()].push_back(image);
    }
    const std::size_t strata = 1 + generator() % 6;
    for (std::size_t i = 0; i < strata; ++i) {
        drawn.group_of.push_back(static_cast<std::int32_t>(generator() % drawn.groups.size()));
    }
    std::vector<std::int64_t> until(strata, 0);
    for (std::size_t look = 0; look < 1 + generator() % 4; ++look) {
        for (std::int64_t& draws : until) {
            draws += generator() % 3 == 0 ? 0 : static_cast<std::int64_t>(generator() % 300);
        }
        until[0] += 1;
        drawn.until.push_back(until);
    }
    return drawn;
}

TEST(FaultOrder, EqualsTheListOfAllFaults) {
    const unsigned seed = 4711;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 generator(seed);
    for (int round = 0; round < 60; ++round) {
        const Drawn drawn = draw(generator);
        const FaultOrder order(drawn.groups, drawn.group_of, drawn.until);
        std::map<std::pair<std::int64_t, std::int32_t>, std::vector<std::int64_t>> expected;
        std::int64_t id = 0;
        std::vector<std::int64_t> before(drawn.group_of.size(), 0);
        for (std::size_t look = 0; look < drawn.until.size(); ++look) {
            ASSERT_EQ(order.first(static_cast<std::int64_t>(look)), id);
            for (std::size_t h = 0; h < drawn.group_of.size(); ++h) {
                const auto& images = drawn.groups[static_cast<std::size_t>(drawn.group_of[h])];
                for (std::int64_t k = before[h]; k < drawn.until[look][h]; ++k, ++id) {
                    const std::int32_t image = images[static_cast<std::size_t>(k) % images.size()];
                    const FaultOrder::Place place = order.place(id);
                    ASSERT_EQ(place.stratum, static_cast<std::int32_t>(h)) << id;
                    ASSERT_EQ(place.draw, k);
                    ASSERT_EQ(order.image(place), image);
                    expected[{static_cast<std::int64_t>(look), image}].push_back(id);
                }
            }
            before = drawn.until[look];
        }
        ASSERT_EQ(order.faults(), id);
        const Batching batching(order);
        std::vector<int> seen(static_cast<std::size_t>(id), 0);
        std::map<std::int64_t, int> golden;
        for (std::int64_t batch = 0; batch < batching.count(); ++batch) {
            std::int64_t size = 0;
            for (std::int64_t image = batching.first_image(batch); image < batching.end_image(batch);
                 ++image) {
                golden[image] += batching.holds_golden(batch);
                for (const std::int64_t fault : batching.faults_of(batch, image)) {
                    ++seen.at(static_cast<std::size_t>(fault));
                    ++size;
                    ASSERT_EQ(order.image(order.place(fault)), image);
                }
            }
            ASSERT_EQ(batching.size(batch), size);
        }
        for (const int count : seen) {
            ASSERT_EQ(count, 1);
        }
        for (std::int64_t image = 0; image < order.images(); ++image) {
            ASSERT_EQ(golden[image], 1);
        }
        for (std::int64_t look = 0; look < order.looks(); ++look) {
            ASSERT_GE(batching.first_batch(look + 1), batching.first_batch(look));
            for (std::int32_t image = 0; image < order.images(); ++image) {
                const auto& ids = expected[{look, image}];
                const std::int64_t count = order.count(look, image);
                ASSERT_EQ(count, static_cast<std::int64_t>(ids.size()));
                ASSERT_EQ(order.ids(look, image, 0, count), ids);
                const std::int64_t half = count / 2;
                ASSERT_EQ(order.ids(look, image, half, count),
                          std::vector<std::int64_t>(ids.begin() + half, ids.end()));
            }
        }
    }
}

}  // namespace
}  // namespace fluence::campaign
