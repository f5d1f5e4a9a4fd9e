#include "sim/core/random.h"

#include <Random123/philox.h>

#include <cmath>

namespace fluence {

RandomStream::RandomStream(std::uint64_t seed, RandomPurpose purpose, std::uint64_t sample)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      counter_{0, static_cast<std::uint32_t>(purpose), static_cast<std::uint32_t>(sample),
               static_cast<std::uint32_t>(sample >> 32)} {}

void RandomStream::refill() {
    const r123::Philox4x32::ctr_type counter = {{counter_[0], counter_[1], counter_[2], counter_[3]}};
    const r123::Philox4x32::key_type key = {{key_[0], key_[1]}};
    const r123::Philox4x32::ctr_type block = r123::Philox4x32()(counter, key);
    for (std::size_t i = 0; i < block_.size(); ++i) {
        block_[i] = block[i];
    }
    ++counter_[0];
    used_ = 0;
}

std::uint32_t RandomStream::next32() {
    if (used_ == 4) {
        refill();
    }
    return block_[static_cast<std::size_t>(used_++)];
}

std::uint64_t RandomStream::next64() {
    const std::uint64_t low = next32();
    return low | (static_cast<std::uint64_t>(next32()) << 32);
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
    // Reject the incomplete last interval so that every value is equally likely.
    const std::uint64_t limit = UINT64_MAX - (UINT64_MAX % bound + 1) % bound;
    std::uint64_t draw = next64();
    while (draw > limit) {
        draw = next64();
    }
    return draw % bound;
}

double RandomStream::uniform() {
    return static_cast<double>(next64() >> 11) * 0x1.0p-53;
}

double RandomStream::normal() {
    double u = 0;
    double square = 0;
    do {
        u = 2 * uniform() - 1;
        const double v = 2 * uniform() - 1;
        square = u * u + v * v;
    } while (square >= 1 || square == 0);
    return u * std::sqrt(-2 * std::log(square) / square);
}

}  // namespace fluence
