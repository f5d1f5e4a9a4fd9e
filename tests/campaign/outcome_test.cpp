// The outcome of a fault from golden and faulty logits: hand-worked cases.
#include "sim/campaign/outcome.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fluence::campaign {
namespace {

TEST(Outcome, Top1TakesTheLowestIndexOfATie) {
    EXPECT_EQ(top1({-5, 3, 9, 9, 1}), 2);
    EXPECT_EQ(top1({7, 7}), 0);
    EXPECT_EQ(top1({-2147483647 - 1, 2147483647}), 1);
}

TEST(Outcome, MaskedMeansIdenticalLogitsWhateverWasDetected) {
    EXPECT_EQ(classify({1, 2, 3}, {1, 2, 3}, false), Outcome::masked);
    EXPECT_EQ(classify({1, 2, 3}, {1, 2, 3}, true), Outcome::masked);
}

TEST(Outcome, Top1DecidesBetweenBenignAndSdc) {
    EXPECT_EQ(classify({1, 2, 3}, {1, 0, 3}, false), Outcome::benign);
    EXPECT_EQ(classify({1, 2, 3}, {4, 2, 3}, false), Outcome::sdc);
    // A tie that arises in front of the golden class takes the prediction over; behind it, it does not.
    EXPECT_EQ(classify({1, 3, 2}, {3, 3, 2}, false), Outcome::sdc);
    EXPECT_EQ(classify({1, 3, 2}, {1, 3, 3}, false), Outcome::benign);
}

TEST(Outcome, UnrepairedDetectionIsDue) {
    EXPECT_EQ(classify({1, 2, 3}, {1, 0, 3}, true), Outcome::due);
    EXPECT_EQ(classify({1, 2, 3}, {4, 2, 3}, true), Outcome::due);
}

// Two images of three classes, by class and image: {1, 2, 3} and {9, 5, 4}.
TEST(Outcome, ABatchIsJudgedByEachOfItsImages) {
    const workloads::Codes golden = {1, 9, 2, 5, 3, 4};
    EXPECT_EQ(classify(golden, golden, false, 2), Outcome::masked);
    EXPECT_EQ(classify(golden, {1, 9, 2, 5, 3, 5}, false, 2), Outcome::benign);
    EXPECT_EQ(classify(golden, {1, 9, 2, 10, 3, 4}, false, 2), Outcome::sdc);
    EXPECT_EQ(classify(golden, {1, 9, 4, 5, 3, 4}, false, 2), Outcome::sdc);  // the largest of all stays
    EXPECT_EQ(classify(golden, {1, 9, 2, 5, 8, 8}, false, 2), Outcome::benign);
    EXPECT_EQ(classify(golden, {1, 9, 4, 5, 3, 4}, true, 2), Outcome::due);
}

TEST(Outcome, Top2DifferenceIsOfTheSoftmax) {
    // With scale ln 2, codes 2, 0, 1 have the exponentials 4, 1, 2: the best two are 4/7 and 2/7.
    const double scale = std::log(2.0);
    EXPECT_NEAR(top2_difference({2, 0, 1}, scale), 2.0 / 7, 1e-15);
    EXPECT_NEAR(top2_difference({5, 5}, scale), 0, 1e-15);
    EXPECT_EQ(top2_difference({3}, scale), 1);
    EXPECT_NEAR(top2_difference({2147483647, -2147483647}, 1), 1, 1e-15);
}

TEST(Outcome, CrossEntropyIsStableForLargeLogits) {
    const double scale = std::log(2.0);
    EXPECT_NEAR(cross_entropy({2, 0, 1}, scale, 0), std::log(7.0 / 4), 1e-15);
    EXPECT_NEAR(cross_entropy({2, 0, 1}, scale, 1), std::log(7.0), 1e-15);
    EXPECT_DOUBLE_EQ(cross_entropy({2000000000, 0}, 1, 1), 2e9);
    EXPECT_DOUBLE_EQ(cross_entropy({2000000000, 0}, 1, 0), 0);
}

TEST(Outcome, FiredMeansThatSomethingUsedTheUpset) {
    using fault::DeadReason;
    for (const DeadReason reason : {DeadReason::none, DeadReason::corrected, DeadReason::no_effect}) {
        EXPECT_TRUE(fired(reason));
    }
    for (const DeadReason reason : {DeadReason::absent, DeadReason::idle, DeadReason::overwritten,
                                    DeadReason::never_read, DeadReason::padding}) {
        EXPECT_FALSE(fired(reason));
    }
}

}  // namespace
}  // namespace fluence::campaign
