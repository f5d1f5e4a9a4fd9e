#include "sim/core/permutation.h"

#include <Random123/philox.h>

#include <stdexcept>

namespace fluence {
namespace {

constexpr std::uint64_t kLargest = std::uint64_t{1} << 62;
constexpr int kRounds = 6;

}  // namespace

RandomPermutation::RandomPermutation(std::uint64_t seed, std::uint64_t stream, std::uint64_t size)
    : seed_(seed), stream_(stream), size_(size) {
    if (size < 1 || size > kLargest) {
        throw std::invalid_argument("a permutation has 1 to 2^62 elements");
    }
    while ((std::uint64_t{1} << (2 * half_bits_)) < size) {
        ++half_bits_;
    }
}

std::uint64_t RandomPermutation::once(std::uint64_t value) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t left = value >> half_bits_, right = value & mask;
    const r123::Philox4x32::key_type key = {
        {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)}};
    for (std::uint32_t round = 0; round < kRounds; ++round) {
        // The second word keeps these blocks apart from RandomStream's, whose purposes are small numbers.
        const r123::Philox4x32::ctr_type counter = {{static_cast<std::uint32_t>(right), 0xFE15'7E10U + round,
                                                     static_cast<std::uint32_t>(stream_),
                                                     static_cast<std::uint32_t>(stream_ >> 32)}};
        const std::uint64_t mixed = r123::Philox4x32()(counter, key)[0];
        const std::uint64_t next = left ^ (mixed & mask);
        left = right;
        right = next;
    }
    return (left << half_bits_) | right;
}

std::uint64_t RandomPermutation::operator()(std::uint64_t index) const {
    std::uint64_t value = once(index);
    while (value >= size_) {
        value = once(value);
    }
    return value;
}

}  // namespace fluence
