#include "sim/protect/memory_code.h"

#include <array>
#include <stdexcept>

#include "sim/cost/ecc.h"
#include "sim/protect/parity_check_matrix.h"

namespace fluence::protect {
namespace {

constexpr int kMaxCheckBits = 10;

// The rows of the table below; what distinguishes one code from another.
struct CodeSpec {
    const char* name = "";
    CodeStrength strength{};
    bool corrects = false;
    int decode_cycles = 0;
    int (*check_bits)(int data_bits) = nullptr;
    ColumnSequence columns{};
    GateEquivalents (*encoder)(int data_bits) = nullptr;
    GateEquivalents (*decoder)(int data_bits) = nullptr;
};

class LinearCode final : public MemoryCode {
  public:
    explicit LinearCode(const CodeSpec& spec) : spec_(&spec) {
        for (int data_bits = kMinDataBits; data_bits <= kMaxDataBits; ++data_bits) {
            // The widest word of a number of check bits comes last and holds the columns of the narrower.
            columns_count_[index(spec.check_bits(data_bits))] = data_bits;
        }
        for (int r = 1; r <= kMaxCheckBits; ++r) {
            if (columns_count_[index(r)] > 0) {
                fill(r, columns_count_[index(r)]);
            }
        }
    }

    const char* name() const override { return spec_->name; }
    CodeStrength strength() const override { return spec_->strength; }
    int decode_cycles() const override { return spec_->decode_cycles; }

    int check_bits(int data_bits) const override { return spec_->check_bits(checked(data_bits)); }

    GateEquivalents encoder_area(int data_bits) const override { return spec_->encoder(checked(data_bits)); }
    GateEquivalents decoder_area(int data_bits) const override { return spec_->decoder(checked(data_bits)); }

    WordBits encode(const WordBits& data, int data_bits) const override {
        const int r = check_bits(data_bits);
        WordBits word = data & mask(data_bits);
        const Column check = combination(word, data_bits, r);
        for (int row = 0; row < r; ++row) {
            word[index(data_bits + row)] = (check >> row & 1u) != 0;
        }
        return word;
    }

    DecodedWord decode(const WordBits& stored, int data_bits) const override {
        const int r = check_bits(data_bits);
        Column stored_check = 0;
        for (int row = 0; row < r; ++row) {
            stored_check |= Column{stored[index(data_bits + row)]} << row;
        }
        DecodedWord read{stored & mask(data_bits), false, false};
        const Correction correction = look_up(stored_check ^ combination(stored, data_bits, r), data_bits, r);
        read.corrected = correction.corrected;
        read.detected = correction.detected;
        if (correction.data_bit >= 0) {
            read.data.flip(index(correction.data_bit));
        }
        return read;
    }

    Decoded decode_error(const WordBits& error, int data_bits) const override {
        const DecodedWord read = decode(error, data_bits);
        return {read.data, read.corrected, read.detected};
    }

  private:
    static constexpr std::int16_t kNoColumn = -1, kCheckColumn = -2;

    struct Correction {
        int data_bit = -1;
        bool corrected = false;
        bool detected = false;
    };

    static std::size_t index(int i) { return static_cast<std::size_t>(i); }

    static int checked(int data_bits) {
        if (data_bits < kMinDataBits || data_bits > kMaxDataBits) {
            throw std::out_of_range("memory codes are defined for 8 to 128 data bits");
        }
        return data_bits;
    }

    static WordBits mask(int data_bits) { return ~WordBits() >> index(kMaxWordBits - data_bits); }

    void fill(int r, int count) {
        columns_[index(r)] = spec_->columns(r, count);
        std::vector<std::int16_t>& positions = position_[index(r)];
        positions.assign(std::size_t{1} << r, kNoColumn);
        for (int row = 0; row < r; ++row) {
            positions[std::size_t{1} << row] = kCheckColumn;
        }
        for (int bit = 0; bit < count && spec_->corrects; ++bit) {
            positions[columns_[index(r)][index(bit)]] = static_cast<std::int16_t>(bit);
        }
    }

    // XOR of the columns of the data bits that are one.
    Column combination(const WordBits& word, int data_bits, int r) const {
        Column sum = 0;
        if (r > 0) {
            const std::vector<Column>& columns = columns_[index(r)];
            for (int bit = 0; bit < data_bits; ++bit) {
                if (word[index(bit)]) {
                    sum ^= columns[index(bit)];
                }
            }
        }
        return sum;
    }

    Correction look_up(Column syndrome, int data_bits, int r) const {
        if (syndrome == 0) {
            return {};
        }
        const int position = spec_->corrects ? position_[index(r)][syndrome] : kNoColumn;
        if (position == kCheckColumn) {
            return {-1, true, false};
        }
        // A column that only wider words use belongs to no bit of this one.
        if (position == kNoColumn || position >= data_bits) {
            return {-1, false, true};
        }
        return {position, true, false};
    }

    const CodeSpec* spec_;
    std::array<int, kMaxCheckBits + 1> columns_count_{};                 // by number of check bits
    std::array<std::vector<Column>, kMaxCheckBits + 1> columns_;         // the same; by data bit
    std::array<std::vector<std::int16_t>, kMaxCheckBits + 1> position_;  // the same; by syndrome
};

int no_check_bits(int) {
    return 0;
}
int one_check_bit(int) {
    return 1;
}
int secded_check_bits(int data_bits) {
    return cost::hamming_check_bits(data_bits) + 1;
}

std::vector<Column> no_columns(int, int) {
    return {};
}

GateEquivalents no_area(int) {
    return {};
}

GateEquivalents sec_encoder(int k) {
    return cost::syndrome_encoder(cost::hamming_ones(k), cost::hamming_check_bits(k));
}
GateEquivalents sec_decoder(int k) {
    return cost::sec_decoder(cost::hamming_ones(k), k, cost::hamming_check_bits(k));
}
GateEquivalents hsiao_encoder(int k) {
    return cost::syndrome_encoder(cost::hsiao_ones(k), secded_check_bits(k));
}
GateEquivalents hsiao_decoder(int k) {
    return cost::secded_decoder(cost::hsiao_ones(k), k, secded_check_bits(k));
}
// A parity tree fits into the read cycle; a corrector takes a cycle of its own.
constexpr std::array<CodeSpec, 5> kCodes = {{
    {"none", {0, 0}, false, 0, no_check_bits, no_columns, no_area, no_area},
    {"parity", {0, 1}, false, 0, one_check_bit, parity_columns, cost::parity_generator, cost::parity_checker},
    {"sec", {1, 1}, true, 1, cost::hamming_check_bits, hamming_columns, sec_encoder, sec_decoder},
    {"secded", {1, 2}, true, 1, secded_check_bits, hsiao_columns, hsiao_encoder, hsiao_decoder},
    {"secded-exthamming",
     {1, 2},
     true,
     1,
     secded_check_bits,
     extended_hamming_columns,
     cost::extended_hamming_encoder,
     cost::extended_hamming_decoder},
}};

const std::vector<LinearCode>& codes() {
    static const std::vector<LinearCode> table(kCodes.begin(), kCodes.end());
    return table;
}

}  // namespace

const MemoryCode& memory_code(const std::string& name) {
    for (const LinearCode& code : codes()) {
        if (name == code.name()) {
            return code;
        }
    }
    throw std::out_of_range("unknown memory code " + name);
}

std::vector<std::string> memory_code_names() {
    std::vector<std::string> names;
    for (const LinearCode& code : codes()) {
        names.emplace_back(code.name());
    }
    return names;
}

}  // namespace fluence::protect
