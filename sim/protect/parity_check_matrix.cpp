#include "sim/protect/parity_check_matrix.h"

#include <bitset>
#include <limits>

namespace fluence::protect {
namespace {

std::vector<Column> columns_of_weight(int rows, int weight) {
    std::vector<Column> columns;
    for (Column column = 0; column < Column{1} << rows; ++column) {
        if (weight_of(column) == weight) {
            columns.push_back(column);
        }
    }
    return columns;
}

// Ones that the rows of `column` hold already.
int load_of(Column column, const std::vector<int>& row_weights) {
    int load = 0;
    for (std::size_t row = 0; row < row_weights.size(); ++row) {
        if ((column >> row & 1u) != 0) {
            load += row_weights[row];
        }
    }
    return load;
}

}  // namespace

int weight_of(Column column) {
    return static_cast<int>(std::bitset<32>(column).count());
}

std::vector<Column> parity_columns(int, int count) {
    return std::vector<Column>(static_cast<std::size_t>(count), 1);
}

std::vector<Column> hamming_columns(int, int count) {
    std::vector<Column> columns;
    for (Column value = 3; columns.size() < static_cast<std::size_t>(count); ++value) {
        if (weight_of(value) > 1) {
            columns.push_back(value);
        }
    }
    return columns;
}

std::vector<Column> extended_hamming_columns(int check_bits, int count) {
    std::vector<Column> columns = hamming_columns(check_bits - 1, count);
    for (Column& column : columns) {
        if (weight_of(column) % 2 == 0) {
            column |= Column{1} << (check_bits - 1);
        }
    }
    return columns;
}

std::vector<Column> hsiao_columns(int check_bits, int count) {
    std::vector<Column> chosen;
    std::vector<int> row_weights(static_cast<std::size_t>(check_bits), 0);
    for (int weight = 3; chosen.size() < static_cast<std::size_t>(count); weight += 2) {
        std::vector<Column> candidates = columns_of_weight(check_bits, weight);
        while (!candidates.empty() && chosen.size() < static_cast<std::size_t>(count)) {
            auto best = candidates.begin();
            int least = std::numeric_limits<int>::max();
            for (auto candidate = candidates.begin(); candidate != candidates.end(); ++candidate) {
                const int load = load_of(*candidate, row_weights);
                if (load < least) {
                    least = load;
                    best = candidate;
                }
            }
            for (std::size_t row = 0; row < row_weights.size(); ++row) {
                row_weights[row] += static_cast<int>(*best >> row & 1u);
            }
            chosen.push_back(*best);
            candidates.erase(best);
        }
    }
    return chosen;
}

}  // namespace fluence::protect
