#include "sim/array/register_file.h"

#include <stdexcept>
#include <string>

#include "sim/array/bank_of.h"
#include "sim/core/wide_bits.h"
#include "sim/dataflow/registers.h"

namespace fluence::array {

using traces::SiteKind;

template <class Word>
RegisterFile<Word>::RegisterFile(const ArrayConfig& config)
    : rows_(config.rows),
      cols_(config.cols),
      sum_step_(config.dataflow_kind() == DataflowKind::output_stationary ? 0 : config.cols) {
    for (const dataflow::RegisterBank& declared : dataflow::register_banks(config)) {
        Bank bank = place(declared.kind, config);
        bank.units = declared.units;
        bank.mask = static_cast<Word>(low_wide_bits(declared.bits));
        // Words in front of the registers (inputs, zeros) belong to no bank; a row's behind its last register
        // neither.
        const std::int64_t rows = (bank.units + bank.cols - 1) / bank.cols;
        (this->*bank.words).assign(static_cast<std::size_t>(bank.first + rows * bank.stride), 0);
        banks_.push_back(bank);
    }
}

// Where a bank's registers lie; its units and width are register_banks()'s to say.
template <class Word>
typename RegisterFile<Word>::Bank RegisterFile<Word>::place(SiteKind kind, const ArrayConfig& config) const {
    const DataflowKind flow = config.dataflow_kind();
    const auto grid = [&](Words RegisterFile::*words, std::int64_t first, std::int64_t stride) {
        Bank bank;
        bank.kind = kind;
        bank.words = words;
        bank.first = first;
        bank.cols = cols_;
        bank.stride = stride;
        return bank;
    };
    const Bank row_operands = grid(&RegisterFile::row_, 1, cols_ + 1);
    const Bank stationary = grid(&RegisterFile::stationary_, 0, cols_);
    switch (kind) {
        case SiteKind::pe_weight:
            return flow == DataflowKind::weight_stationary  ? stationary
                   : flow == DataflowKind::input_stationary ? row_operands
                                                            : grid(&RegisterFile::column_, cols_, cols_);
        case SiteKind::pe_activation:
            return flow == DataflowKind::input_stationary ? stationary : row_operands;
        case SiteKind::pe_weight_shadow:
        case SiteKind::pe_activation_shadow:
            return grid(&RegisterFile::shadow_, 0, cols_);
        case SiteKind::pe_psum: {
            const bool zeros_in_front =
                flow != DataflowKind::output_stationary && config.operand_register == OperandRegister::output;
            return grid(&RegisterFile::sum_, zeros_in_front ? cols_ : 0, cols_);
        }
        case SiteKind::pe_product:
            return grid(&RegisterFile::product_, 0, cols_);
        case SiteKind::pe_psum_stage:
            return grid(&RegisterFile::sum_stage_, 0, cols_);
        case SiteKind::pe_drain:
            return grid(&RegisterFile::drain_, 0, cols_);
        case SiteKind::array_skew:
            return grid(&RegisterFile::skew_, 0, cols_);
        default:
            break;
    }
    throw std::logic_error(std::string("a centrally controlled array has no ") + name_of(kind));
}

template <class Word>
Word RegisterFile<Word>::read(SiteKind kind, std::int64_t unit) const {
    const Bank& from = bank_of(banks_, kind, unit);
    return (this->*from.words)[from.word(unit)];
}

template <class Word>
void RegisterFile<Word>::flip(SiteKind kind, std::int64_t unit, Word mask) {
    const Bank& from = bank_of(banks_, kind, unit);
    if ((mask & ~from.mask) != 0) {
        throw std::out_of_range(std::string(name_of(kind)) + ": bits beyond the register's");
    }
    (this->*from.words)[from.word(unit)] ^= mask;
}

template class RegisterFile<std::uint32_t>;
template class RegisterFile<WideBits>;

}  // namespace fluence::array
