// The operands of one fold, read one at a time from the words in the buffers: A[m,k] of the GEMM by im2col
// addressing, B[k,n] from the blocks that dataflow::MemoryMap lays out.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/accel/script.h"
#include "sim/accel/word_access.h"
#include "sim/dataflow/loaded_words.h"

namespace fluence::accel {

// A[m,k]; m and k count inside the fold.
class ActivationSource {
  public:
    explicit ActivationSource(const Script& script) : script_(script) {}
    void attach(const traces::Fold& fold);

    // The code; 0 for padding, which is not read.
    std::int32_t read(WordAccess& buffer, std::int64_t m, std::int64_t k);

  private:
    struct Pixel {
        std::int64_t y = 0, x = 0;        // of the window's first tap in the input
        std::int64_t begin = 0, end = 0;  // the rows of its image
    };
    struct Term {
        std::int64_t plane = 0;  // DRAM byte of the channel's first element
        std::int64_t y = 0, x = 0;
        std::uint32_t hint = 0;
    };

    const Script& script_;
    dataflow::LoadedWords words_;
    std::int32_t load_ = -1;
    std::vector<Pixel> pixels_;
    std::vector<Term> terms_;
    std::int64_t width_ = 1;
    bool signed_ = false;
};

// B[k,n]; k and n count inside the fold.
class WeightSource {
  public:
    explicit WeightSource(const Script& script) : script_(script) {}
    void attach(const traces::Fold& fold);

    std::int32_t read(WordAccess& buffer, std::int64_t k, std::int64_t n);
    // B[k, 0 …] for all channels of the fold, word by word; they lie in one block.
    void read_row(WordAccess& buffer, std::int64_t k, std::int32_t* values);

  private:
    struct Block {
        std::int64_t first = 0;      // DRAM byte
        std::int64_t row_bytes = 0;  // from one term to the next
    };
    struct Place {
        std::int32_t block = 0;   // along k or along n, of those that the fold touches
        std::int32_t offset = 0;  // row or column inside it
    };
    std::int64_t byte(std::int64_t k, std::int64_t n);

    const Script& script_;
    dataflow::LoadedWords words_;
    std::int32_t load_ = -1;
    std::vector<Block> blocks_;  // [n block][k block]
    std::size_t k_blocks_ = 0;
    std::vector<Place> terms_, channels_;
    std::vector<std::uint32_t> hints_;  // by term
};

}  // namespace fluence::accel
