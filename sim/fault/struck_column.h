// What upsets leave wrong in the checksum column (sim/dataflow/checksum_column.h) while it works on one
// layer.
#pragma once

#include <cstdint>
#include <vector>

#include "traces/timeline.h"

namespace fluence::fault {

// Bits of w̃[k] are inverted for pixels m in [first, last), or of A[m,k] as the column's own register holds
// it, for pixel m = first alone. All of m and k count inside the fold.
struct ColumnOperand {
    std::int32_t fold = 0;
    bool weight = false;
    std::int64_t k = 0;
    std::int64_t first = 0, last = 0;
    std::uint32_t mask = 0;
};
struct ColumnProduct {
    std::int32_t fold = 0;
    std::int64_t m = 0, k = 0;
    std::uint64_t mask = 0;
};
// The sum of pixel m behind its first `terms` products.
struct ColumnSum {
    std::int32_t fold = 0;
    std::int64_t m = 0, terms = 0;
    std::uint64_t mask = 0;
};
// The word of a pixel, counted inside the pass, at the edge that begins `cycle`; or its difference in the
// comparator.
struct ColumnWord {
    std::int32_t pass = 0;
    std::int64_t pixel = 0;
    traces::Cycle cycle = 0;
    bool compared = false;
    std::uint64_t mask = 0;
};

struct StruckColumn {
    std::vector<ColumnOperand> operands;
    std::vector<ColumnProduct> products;
    std::vector<ColumnSum> sums;
    std::vector<ColumnWord> words;
    bool any() const { return !operands.empty() || !products.empty() || !sums.empty() || !words.empty(); }
};

}  // namespace fluence::fault
