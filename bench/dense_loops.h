// The loops around oneDNN's convolutions in dense_batch.h. Codes are bytes, pixel-major.
//
// Requantising and adding are done in single precision, sixteen codes at a time: exact wherever the result is
// not within the error bound of the middle between two codes; there 64-bit integers decide.
#pragma once

#include <cstdint>

#include "workloads/graph.h"

namespace fluence::bench {

inline constexpr int kCodes = 16;  // converted at a time

// sums[n] += code · weights[n].
void accumulate(std::int32_t* sums, std::int32_t code, const std::int8_t* weights, int n);

// Rows of n sums become rows of row_size ≥ n.
void add_bias(const std::int32_t* sums, const std::int32_t* bias, std::int64_t rows, int n, int row_size,
              std::int32_t* to);

// The lowest byte of each.
void narrow(const std::int32_t* codes, std::int64_t n, std::uint8_t* to);

// Rows of `channels` sums without bias become codes; channels: a multiple of kCodes. Factors: multiplier /
// 2^shift, by channel.
void requantise_rows(const std::int32_t* sums, std::int64_t rows, int channels, const workloads::Layer& layer,
                     const float* factors, std::uint8_t* to);

// The layer add of n codes, a multiple of kCodes.
void add_codes(const std::uint8_t* a, const std::uint8_t* b, bool a_signed, bool b_signed,
               const workloads::Layer& layer, std::int64_t n, std::uint8_t* to);

// By pixel: whether a0·m0 + a1·m1 of some pair of neighbouring channels leaves 15 bits. `channels`: a
// multiple of 16. The sum that saturates is the one looked for.
void find_saturation(const std::uint8_t* codes, const std::int8_t* most, int channels, std::int64_t pixels,
                     std::uint8_t* found);

}  // namespace fluence::bench
