// Plain C++ for any CPU. Fixed inner extents and unsigned sums let the compiler use what the target has.
#include <algorithm>
#include <array>

#include "sim/arith/kernels.h"

namespace fluence::arith {
namespace {

using Sums = std::array<std::uint32_t, kBlock>;

// Two products of 16-bit numbers fit into 32 bits for 8-bit weights.
inline void multiply_accumulate(Sums& sums, std::int32_t even, std::int32_t odd,
                                const std::int16_t* weights) {
    for (int n = 0; n < kBlock; ++n) {
        sums[n] += static_cast<std::uint32_t>(even * weights[2 * n] + odd * weights[2 * n + 1]);
    }
}

inline void store(const Sums& sums, std::int32_t* result) {
    std::transform(sums.begin(), sums.end(), result,
                   [](std::uint32_t sum) { return static_cast<std::int32_t>(sum); });
}

void dense(const DenseTask& task) {
    for (int block = 0; block < task.blocks; ++block) {
        for (std::int64_t pixel = 0; pixel < task.pixels; ++pixel) {
            const std::int16_t* window = task.input + task.pixel_offset[pixel];
            const std::int16_t* weights =
                task.weights + std::int64_t{block} * task.taps * task.pairs * 2 * kBlock;
            Sums sums{};
            for (int tap = 0; tap < task.taps; ++tap) {
                const std::int16_t* codes = window + task.tap_offset[tap];
                for (int pair = 0; pair < task.pairs; ++pair, weights += 2 * kBlock) {
                    multiply_accumulate(sums, codes[2 * pair], codes[2 * pair + 1], weights);
                }
            }
            store(sums, task.result + (pixel * task.blocks + block) * kBlock);
        }
    }
}

Moved delta(const DeltaTask& task, MovedSum* moved) {
    const MovedSum* begin = moved;
    for (int block = 0; block < task.blocks; ++block) {
        const std::uint8_t* weights = task.weights + block * task.block_size;
        for (std::int64_t row = 0; row < task.row_count; ++row) {
            const DeltaRow& at = task.rows[row];
            std::array<std::int32_t, 32> sums{};
            for (std::int32_t i = at.first; i < at.last; ++i) {
                const std::int32_t change = delta_of(task.elements[i]);
                const std::uint8_t* from = weights + place_of(task.elements[i]);
                for (int n = 0; n < task.width; ++n) {
                    sums[static_cast<std::size_t>(n)] += change * (from[n] - 128);
                }
            }
            const std::int64_t slack = (std::int64_t{at.pixel} * task.blocks + block) * task.width;
            for (int n = 0; n < task.width; ++n) {
                const std::int64_t slot = slack + slot_of(n, task.width);
                const std::int32_t sum = sums[static_cast<std::size_t>(n)];
                *moved = {static_cast<std::int32_t>(row), block * task.width + n, sum};
                moved += sum > task.up[slot] || sum < task.down[slot] ? 1 : 0;
            }
        }
    }
    return {moved - begin, task.blocks <= 1};
}

void requantise(const RequantiseTask& task) {
    const std::int64_t groups_of_eight = std::int64_t{2} * task.blocks;
    for (std::int64_t i = 0; i < task.rows * groups_of_eight; ++i) {
        const RequantiseBlock& parameters = task.parameters[i % groups_of_eight];
        std::int32_t* values = task.values + i * 8;
        for (int channel = 0; channel < 8; ++channel) {
            const int lane = (channel & 1) * 4 + channel / 2;
            const std::int64_t product = std::int64_t{values[channel]} * parameters.multiplier[channel];
            const std::uint64_t sum = static_cast<std::uint64_t>(product) + parameters.rounding[lane];
            const std::int64_t code = static_cast<std::int64_t>(sum) >> parameters.shift[lane];
            values[channel] =
                static_cast<std::int32_t>(std::clamp<std::int64_t>(code, task.clamp_lo, task.clamp_hi));
        }
    }
}

}  // namespace

const Kernels kPortableKernels = {dense, delta, requantise};

}  // namespace fluence::arith
