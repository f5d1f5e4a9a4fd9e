// AVX2: vpmaddubsw multiplies the weights of two changed elements and adds them into 16-bit sums, which stay
// in registers until they are compared with their slack. Rows whose deltas could leave 16 bits are summed up
// piece by piece in 32.
#include "sim/arith/delta_avx2.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdlib>

#define FLUENCE_AVX2 __attribute__((target("avx2"))) inline

namespace fluence::arith {
namespace {

// Blocks of 32 output channels.
struct Wide {
    using Vector = __m256i;
    static constexpr int kWidth = 32;
    FLUENCE_AVX2 static Vector zero() { return _mm256_setzero_si256(); }
    FLUENCE_AVX2 static Vector all(std::int32_t value) {
        return _mm256_set1_epi16(static_cast<std::int16_t>(value));
    }
    // The deltas of two elements, in turn.
    FLUENCE_AVX2 static Vector deltas(const DeltaElement* pair) {
        const __m256i elements =
            _mm256_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(pair)));
        return _mm256_shuffle_epi8(elements, _mm256_set1_epi16(0x0703));
    }
    FLUENCE_AVX2 static Vector load(const void* from) {
        return _mm256_loadu_si256(static_cast<const __m256i*>(from));
    }
    FLUENCE_AVX2 static void store(void* to, Vector value) {
        _mm256_storeu_si256(static_cast<__m256i*>(to), value);
    }
    FLUENCE_AVX2 static Vector low(Vector a, Vector b) { return _mm256_unpacklo_epi8(a, b); }
    FLUENCE_AVX2 static Vector high(Vector a, Vector b) { return _mm256_unpackhi_epi8(a, b); }
    FLUENCE_AVX2 static Vector products(Vector weights, Vector deltas) {
        return _mm256_maddubs_epi16(weights, deltas);
    }
    FLUENCE_AVX2 static Vector plus(Vector a, Vector b) { return _mm256_add_epi16(a, b); }
    FLUENCE_AVX2 static Vector minus(Vector a, Vector b) { return _mm256_sub_epi16(a, b); }
    FLUENCE_AVX2 static Vector outside(Vector value, Vector down, Vector up) {
        return _mm256_or_si256(_mm256_cmpgt_epi16(value, up), _mm256_cmpgt_epi16(down, value));
    }
    // One bit a channel, in order.
    FLUENCE_AVX2 static std::uint32_t bits(Vector low, Vector high) {
        return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_packs_epi16(low, high)));
    }
};

// Blocks of 16 output channels.
struct Narrow {
    using Vector = __m128i;
    static constexpr int kWidth = 16;
    FLUENCE_AVX2 static Vector zero() { return _mm_setzero_si128(); }
    FLUENCE_AVX2 static Vector all(std::int32_t value) {
        return _mm_set1_epi16(static_cast<std::int16_t>(value));
    }
    FLUENCE_AVX2 static Vector deltas(const DeltaElement* pair) {
        const __m128i elements = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pair));
        return _mm_shuffle_epi8(elements, _mm_set1_epi16(0x0703));
    }
    FLUENCE_AVX2 static Vector load(const void* from) {
        return _mm_loadu_si128(static_cast<const __m128i*>(from));
    }
    FLUENCE_AVX2 static void store(void* to, Vector value) {
        _mm_storeu_si128(static_cast<__m128i*>(to), value);
    }
    FLUENCE_AVX2 static Vector low(Vector a, Vector b) { return _mm_unpacklo_epi8(a, b); }
    FLUENCE_AVX2 static Vector high(Vector a, Vector b) { return _mm_unpackhi_epi8(a, b); }
    FLUENCE_AVX2 static Vector products(Vector weights, Vector deltas) {
        return _mm_maddubs_epi16(weights, deltas);
    }
    FLUENCE_AVX2 static Vector plus(Vector a, Vector b) { return _mm_add_epi16(a, b); }
    FLUENCE_AVX2 static Vector minus(Vector a, Vector b) { return _mm_sub_epi16(a, b); }
    FLUENCE_AVX2 static Vector outside(Vector value, Vector down, Vector up) {
        return _mm_or_si128(_mm_cmpgt_epi16(value, up), _mm_cmpgt_epi16(down, value));
    }
    FLUENCE_AVX2 static std::uint32_t bits(Vector low, Vector high) {
        return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(low, high)));
    }
};

// Sums of kBlocks blocks, in the order of slot_of().
template <class Ops, int kBlocks>
struct Sums {
    typename Ops::Vector value[2 * kBlocks];

    FLUENCE_AVX2 void clear() {
#pragma GCC unroll 8
        for (int i = 0; i < 2 * kBlocks; ++i) {
            value[i] = Ops::zero();
        }
    }
    // The weights of two elements times their deltas.
    FLUENCE_AVX2 void add(const DeltaElement* pair, const std::uint8_t* weights, std::int64_t block_size) {
        const typename Ops::Vector deltas = Ops::deltas(pair);
        const std::uint8_t* first = weights + place_of(pair[0]);
        const std::uint8_t* second = weights + place_of(pair[1]);
#pragma GCC unroll 4
        for (int b = 0; b < kBlocks; ++b) {
            const typename Ops::Vector x = Ops::load(first + b * block_size);
            const typename Ops::Vector y = Ops::load(second + b * block_size);
            value[2 * b] = Ops::plus(value[2 * b], Ops::products(Ops::low(x, y), deltas));
            value[2 * b + 1] = Ops::plus(value[2 * b + 1], Ops::products(Ops::high(x, y), deltas));
        }
    }
    // Takes the weights' offset of 128 back.
    FLUENCE_AVX2 void centre(std::int32_t sum_of_deltas) {
        const typename Ops::Vector offset = Ops::all(128 * sum_of_deltas);
#pragma GCC unroll 8
        for (int i = 0; i < 2 * kBlocks; ++i) {
            value[i] = Ops::minus(value[i], offset);
        }
    }
    FLUENCE_AVX2 void store(std::int16_t* to) const {
#pragma GCC unroll 8
        for (int i = 0; i < 2 * kBlocks; ++i) {
            Ops::store(to + i * Ops::kWidth / 2, value[i]);
        }
    }
};

// One row after the other.
template <class Ops, int kBlocks>
class Pass {
  public:
    Pass(const DeltaTask& task, int block, MovedSum* moved)
        : task_(task), weights_(task.weights + block * task.block_size), block_(block), moved_(moved) {}

    FLUENCE_AVX2 MovedSum* run() {
        for (std::int32_t row = 0; row < task_.row_count; ++row) {
            if (task_.rows[row].magnitude <= kNarrowMagnitude) {
                narrow_row(row);
            } else {
                wide_row(row);
            }
        }
        return moved_;
    }

  private:
    static constexpr int kChannels = kBlocks * Ops::kWidth;

    std::int64_t slack_at(std::int32_t row) const {
        return (std::int64_t{task_.rows[row].pixel} * task_.blocks + block_) * Ops::kWidth;
    }

    FLUENCE_AVX2 void narrow_row(std::int32_t row) {
        Sums<Ops, kBlocks> sums{};
        const DeltaElement* end = task_.elements + task_.rows[row].last;
        for (const DeltaElement* pair = task_.elements + task_.rows[row].first; pair < end; pair += 2) {
            sums.add(pair, weights_, task_.block_size);
        }
        sums.centre(task_.rows[row].sum);
        const std::int16_t* up = task_.up + slack_at(row);
        const std::int16_t* down = task_.down + slack_at(row);
        constexpr int kHalf = Ops::kWidth / 2;
#pragma GCC unroll 4
        for (int b = 0; b < kBlocks; ++b) {
            const int at = b * Ops::kWidth;
            const std::uint32_t bits =
                Ops::bits(Ops::outside(sums.value[2 * b], Ops::load(down + at), Ops::load(up + at)),
                          Ops::outside(sums.value[2 * b + 1], Ops::load(down + at + kHalf),
                                       Ops::load(up + at + kHalf)));
            if (bits != 0) {
                std::int16_t values[Ops::kWidth];
                Ops::store(values, sums.value[2 * b]);
                Ops::store(values + kHalf, sums.value[2 * b + 1]);
                list(row, b, bits, values);
            }
        }
    }

    // How many bits there are cannot be predicted: the first two are taken anyway.
    template <class Value>
    void list(std::int32_t row, int b, std::uint32_t bits, const Value* values) {
        const int count = __builtin_popcount(bits);
        MovedSum* next = moved_;
        moved_ += count;
        do {
            for (int i = 0; i < 2; ++i) {
                const std::int32_t channel = __builtin_ctz(bits | std::uint32_t{1} << (Ops::kWidth - 1));
                *next++ = {row, (block_ + b) * Ops::kWidth + channel, values[slot_of(channel, Ops::kWidth)]};
                bits &= bits - 1;
            }
        } while (bits != 0);
    }

    FLUENCE_AVX2 void wide_row(std::int32_t row) {
        alignas(32) std::int32_t totals[kChannels];
#pragma GCC unroll 16
        for (int i = 0; i < kChannels; i += 8) {
            Wide::store(totals + i, Wide::zero());
        }
        Sums<Ops, kBlocks> sums{};
        std::int32_t sum = 0;
        std::int32_t magnitude = 0;
        const DeltaElement* end = task_.elements + task_.rows[row].last;
        for (const DeltaElement* pair = task_.elements + task_.rows[row].first; pair < end; pair += 2) {
            const std::int32_t first = delta_of(pair[0]);
            const std::int32_t second = delta_of(pair[1]);
            const std::int32_t more = std::abs(first) + std::abs(second);
            if (magnitude + more > kNarrowMagnitude) {
                flush(sums, sum, totals);
                sum = 0;
                magnitude = 0;
            }
            sums.add(pair, weights_, task_.block_size);
            sum += first + second;
            magnitude += more;
        }
        flush(sums, sum, totals);
        const std::int16_t* up = task_.up + slack_at(row);
        const std::int16_t* down = task_.down + slack_at(row);
        for (int b = 0; b < kBlocks; ++b) {
            std::uint32_t bits = 0;
            for (std::int32_t channel = 0; channel < Ops::kWidth; channel += 8) {
                const std::int32_t slot = b * Ops::kWidth + slot_of(channel, Ops::kWidth);
                bits |= outside(totals + slot, down + slot, up + slot) << channel;
            }
            list(row, b, bits, totals + b * Ops::kWidth);
        }
    }

    // One bit for each of eight sums.
    FLUENCE_AVX2 static std::uint32_t outside(const std::int32_t* totals, const std::int16_t* down,
                                              const std::int16_t* up) {
        const __m256i value = Wide::load(totals);
        const __m256i most = _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(up)));
        const __m256i least = _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(down)));
        const __m256i moved =
            _mm256_or_si256(_mm256_cmpgt_epi32(value, most), _mm256_cmpgt_epi32(least, value));
        return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(moved)));
    }

    FLUENCE_AVX2 static void flush(Sums<Ops, kBlocks>& sums, std::int32_t sum, std::int32_t* totals) {
        std::int16_t values[kChannels];
        sums.centre(sum);
        sums.store(values);
        sums.clear();
        for (int i = 0; i < kChannels; i += 8) {
            const __m256i narrow =
                _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values + i)));
            Wide::store(totals + i, _mm256_add_epi32(Wide::load(totals + i), narrow));
        }
    }

    const DeltaTask& task_;
    const std::uint8_t* weights_;
    int block_;
    MovedSum* moved_;
};

// As many blocks at a time as leave their weights in the L2 cache.
template <class Ops>
FLUENCE_AVX2 Moved run(const DeltaTask& task, MovedSum* moved) {
    constexpr std::int64_t kBytesInCache = 160 * 1024;
    const MovedSum* const begin = moved;
    int block = 0;
    int passes = 0;
    for (; task.blocks - block >= 4 && 4 * task.block_size <= kBytesInCache; ++passes) {
        moved = Pass<Ops, 4>(task, block, moved).run();
        block += 4;
    }
    for (; task.blocks - block >= 2; ++passes) {
        moved = Pass<Ops, 2>(task, block, moved).run();
        block += 2;
    }
    for (; block < task.blocks; ++passes) {
        moved = Pass<Ops, 1>(task, block, moved).run();
        ++block;
    }
    return {moved - begin, passes <= 1};
}

}  // namespace

__attribute__((target("avx2"))) Moved delta_avx2(const DeltaTask& task, MovedSum* moved) {
    return task.width == Wide::kWidth ? run<Wide>(task, moved) : run<Narrow>(task, moved);
}

}  // namespace fluence::arith
#endif
