#include "sim/arith/narrow_sums.h"

#include <utility>

#include "sim/arith/kernels.h"

namespace fluence::arith {
namespace {

// One fold of one output pixel for a block of channels.
struct FoldTask {
    const std::int16_t* input;        // of the pixel
    const std::int32_t* term_offset;  // of the fold's first term
    const std::int16_t* weights;      // the same
    std::int64_t terms;
    std::int32_t lowest, highest;
};

// Portable SSE2 multiplies 32-bit integers slowly; the loops vectorise over the channels of a block.
#define FLUENCE_BEST_VECTORS __attribute__((target_clones("avx2", "default")))

// Wrapping once at the end is wrapping at every addition.
FLUENCE_BEST_VECTORS void wrapping_fold(const FoldTask& task, std::uint32_t* sums) {
    for (std::int64_t k = 0; k < task.terms; ++k) {
        const std::int32_t code = task.input[task.term_offset[k]];
        const std::int16_t* weights = task.weights + k * kBlock;
        for (int n = 0; n < kBlock; ++n) {
            sums[n] += static_cast<std::uint32_t>(code * weights[n]);
        }
    }
}

// A sum is brought so far inside the range that adding the product cannot leave it.
FLUENCE_BEST_VECTORS void saturating_fold(const FoldTask& task, std::int32_t* sums) {
    for (std::int64_t k = 0; k < task.terms; ++k) {
        const std::int32_t code = task.input[task.term_offset[k]];
        const std::int16_t* weights = task.weights + k * kBlock;
        for (int n = 0; n < kBlock; ++n) {
            const std::int32_t product = code * weights[n];
            const std::int32_t most = task.highest - (product > 0 ? product : 0);
            const std::int32_t least = task.lowest - (product < 0 ? product : 0);
            std::int32_t sum = sums[n] < most ? sums[n] : most;
            sum = sum > least ? sum : least;
            sums[n] = sum + product;
        }
    }
}

}  // namespace

NarrowSums::NarrowSums(const workloads::Layer& layer, int group_outputs,
                       std::vector<std::int32_t> term_offset, SumRegister sum_register,
                       std::vector<std::int64_t> fold_ends)
    : term_offset_(std::move(term_offset)),
      register_(sum_register),
      fold_ends_(std::move(fold_ends)),
      blocks_((group_outputs + kBlock - 1) / kBlock) {
    const std::size_t terms = term_offset_.size();
    weights_.assign(
        static_cast<std::size_t>(layer.groups) * static_cast<std::size_t>(blocks_) * terms * kBlock, 0);
    const std::int8_t* from = layer.weights.data();
    for (int group = 0; group < layer.groups; ++group) {
        for (int n = 0; n < group_outputs; ++n) {
            const std::size_t block = static_cast<std::size_t>(group * blocks_ + n / kBlock);
            for (std::size_t k = 0; k < terms; ++k) {
                weights_[(block * terms + k) * kBlock + static_cast<std::size_t>(n % kBlock)] = *from++;
            }
        }
    }
}

void NarrowSums::run(int group, const std::int16_t* input, const std::int32_t* pixel_offset,
                     std::int64_t pixels, int row_size, std::int32_t* result) const {
    const auto terms = static_cast<std::int64_t>(term_offset_.size());
    for (std::int64_t p = 0; p < pixels; ++p) {
        for (int block = 0; block < blocks_; ++block) {
            const std::int16_t* weights = weights_.data() + (group * blocks_ + block) * terms * kBlock;
            std::int32_t* out = result + p * row_size + block * kBlock;
            std::uint32_t total[kBlock] = {};
            std::int64_t begin = 0;
            for (const std::int64_t end : fold_ends_) {
                const FoldTask task = {input + pixel_offset[p],  term_offset_.data() + begin,
                                       weights + begin * kBlock, end - begin,
                                       register_.lowest(),       register_.highest()};
                std::int32_t sums[kBlock] = {};
                if (register_.saturates()) {
                    saturating_fold(task, sums);
                } else {
                    std::uint32_t wrapping[kBlock] = {};
                    wrapping_fold(task, wrapping);
                    for (int n = 0; n < kBlock; ++n) {
                        sums[n] = register_.fit(static_cast<std::int32_t>(wrapping[n]));
                    }
                }
                for (int n = 0; n < kBlock; ++n) {
                    total[n] += static_cast<std::uint32_t>(sums[n]);
                }
                begin = end;
            }
            for (int n = 0; n < kBlock; ++n) {
                out[n] = static_cast<std::int32_t>(total[n]);
            }
        }
    }
}

bool can_overflow(const workloads::Graph& graph, LayerId id, const SumRule& rule) {
    const workloads::Layer& layer = graph.layer(id);
    if (rule.exact() || !layer.has_macs()) {
        return false;
    }
    const workloads::NumberFormat format = graph.tensor(layer.inputs[0]).format;
    const std::int64_t low_code = min_code(format);
    const std::int64_t high_code = max_code(format);
    const SumRegister sum_register = rule.sum_register();
    const std::vector<std::int64_t>& ends = rule.fold_ends[index_of(id)];
    const std::int64_t terms = ends.back();
    for (std::size_t first = 0; first < layer.weights.size(); first += static_cast<std::size_t>(terms)) {
        std::int64_t begin = 0;
        for (const std::int64_t end : ends) {
            // All prefixes of the fold's sum lie between its most negative and its most positive one.
            std::int64_t low = 0;
            std::int64_t high = 0;
            for (std::int64_t k = begin; k < end; ++k) {
                const std::int64_t weight = layer.weights[first + static_cast<std::size_t>(k)];
                low += std::min({std::int64_t{0}, weight * low_code, weight * high_code});
                high += std::max({std::int64_t{0}, weight * low_code, weight * high_code});
            }
            if (low < sum_register.lowest() || high > sum_register.highest()) {
                return true;
            }
            begin = end;
        }
    }
    return false;
}

}  // namespace fluence::arith
