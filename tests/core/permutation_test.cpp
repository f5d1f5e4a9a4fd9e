// Permutations: every element once, whatever the size; another one for another seed or stream.
#include "sim/core/permutation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace fluence {
namespace {

TEST(RandomPermutation, HasEveryElementOnce) {
    for (const std::uint64_t size : {1, 2, 3, 4, 5, 17, 64, 1000, 4097}) {
        const RandomPermutation permutation(7, 3, size);
        std::vector<int> seen(size, 0);
        for (std::uint64_t i = 0; i < size; ++i) {
            ++seen.at(permutation(i));
        }
        EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), static_cast<std::ptrdiff_t>(size)) << size;
    }
}

TEST(RandomPermutation, DependsOnSeedAndStreamAlone) {
    int same_seed = 0, same_stream = 0;
    for (std::uint64_t i = 0; i < 1000; ++i) {
        const std::uint64_t value = RandomPermutation(1, 2, 1000)(i);
        EXPECT_EQ(RandomPermutation(1, 2, 1000)(i), value);
        same_seed += RandomPermutation(2, 2, 1000)(i) == value;
        same_stream += RandomPermutation(1, 3, 1000)(i) == value;
    }
    // One in a thousand by chance.
    EXPECT_LT(same_seed, 10);
    EXPECT_LT(same_stream, 10);
}

TEST(RandomPermutation, BeginsAnywhere) {
    // Element 0 of 20,000 permutations of 10: 2,000 each, ± 5 standard deviations of 42.
    std::array<int, 10> counts{};
    for (std::uint64_t stream = 0; stream < 20000; ++stream) {
        ++counts.at(RandomPermutation(11, stream, 10)(0));
    }
    for (const int count : counts) {
        EXPECT_NEAR(count, 2000, 5 * std::sqrt(20000 * 0.1 * 0.9));
    }
    const std::uint64_t large = std::uint64_t{1} << 62;
    EXPECT_LT(RandomPermutation(1, 1, large)(large - 1), large);
    EXPECT_THROW(RandomPermutation(1, 1, 0), std::invalid_argument);
    EXPECT_THROW(RandomPermutation(1, 1, large + 1), std::invalid_argument);
}

}  // namespace
}  // namespace fluence
