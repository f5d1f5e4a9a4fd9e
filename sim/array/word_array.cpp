#include "sim/array/word_array.h"

#include <stdexcept>
#include <string>

#include "sim/array/central_control_impl.h"
#include "sim/array/wave_rows.h"

namespace fluence::array {

template class CentralControl<WordPes>;

namespace {

template <class Word>
Word* from_column(const GridOf<Word>& grid, int r, int c) {
    return grid.at + r * grid.stride + c;
}

const ArrayConfig& checked(const ArrayConfig& config) {
    if (config.format == OperandFormat::int8) {
        throw std::invalid_argument("an array of words is not one of int8");
    }
    if (config.control != ArrayControl::central) {
        throw std::invalid_argument(std::string("an array of ") + name_of(config.format) +
                                    " has central control alone");
    }
    return config;
}

}  // namespace

void WordPes::multiply(Extent extent, Wave wave, const OperandPair<Word>& operands, Reading,
                       GridOf<Word> product) const {
    each_row(extent, wave, [&](int r, int c, int n) {
        const Word* left = from_column(operands.left, r, c);
        const Word* right = from_column(operands.right, r, c);
        Word* to = from_column(product, r, c);
        for (int i = 0; i < n; ++i) {
            to[i] = pe_.multiply(static_cast<std::uint32_t>(left[i]), static_cast<std::uint32_t>(right[i]));
        }
    });
}

void WordPes::multiply_add(Extent extent, Wave wave, const OperandPair<Word>& operands, Reading,
                           GridOf<Word> from, GridOf<Word> to) const {
    each_row(extent, wave, [&](int r, int c, int n) {
        const Word* left = from_column(operands.left, r, c);
        const Word* right = from_column(operands.right, r, c);
        const Word* above = from_column(from, r, c);
        Word* sum = from_column(to, r, c);
        for (int i = 0; i < n; ++i) {
            sum[i] = pe_.add(above[i], pe_.multiply(static_cast<std::uint32_t>(left[i]),
                                                    static_cast<std::uint32_t>(right[i])));
        }
    });
}

void WordPes::add(Extent extent, Wave wave, GridOf<Word> product, GridOf<Word> from, GridOf<Word> to) const {
    each_row(extent, wave, [&](int r, int c, int n) {
        const Word* added = from_column(product, r, c);
        const Word* above = from_column(from, r, c);
        Word* sum = from_column(to, r, c);
        for (int i = 0; i < n; ++i) {
            sum[i] = pe_.add(above[i], added[i]);
        }
    });
}

WordArray::WordArray(const ArrayConfig& config) : control_(checked(config), WordPes(config), {}) {}

}  // namespace fluence::array
