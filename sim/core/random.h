// Counter-based random numbers (Random123 Philox 4x32-10, Salmon et al., SC'11). A draw depends on
// (seed, stream, sample, draw number) alone, so results do not depend on the number of workers, on
// shards or on restarts.
#pragma once

#include <array>
#include <cstdint>

namespace fluence {

// What a stream of draws is for: two purposes never share numbers.
enum class RandomPurpose : std::uint32_t {
    fault_sampling = 1,
    image_choice = 2,
    dataset = 3,
    training = 4,
    testing = 5,
    self_check_machine = 6,
    self_check_upsets = 7,
    recheck_choice = 8,
    channel_ranking = 9,
    neuron_disturbance = 10,
};

class RandomStream {
  public:
    RandomStream(std::uint64_t seed, RandomPurpose purpose, std::uint64_t sample);

    std::uint32_t next32();
    std::uint64_t next64();
    // Uniform on 0 … bound−1 without modulo bias; bound ≥ 1.
    std::uint64_t below(std::uint64_t bound);
    // Uniform on [0, 1) with 53 bits.
    double uniform();
    // Standard normal, by the polar method (Marsaglia and Bray, 1964).
    double normal();

  private:
    void refill();

    std::array<std::uint32_t, 2> key_;
    std::array<std::uint32_t, 4> counter_;
    std::array<std::uint32_t, 4> block_{};
    int used_ = 4;
};

}  // namespace fluence
