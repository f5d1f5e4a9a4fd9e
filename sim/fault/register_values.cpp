#include "sim/fault/register_values.h"

#include "sim/dataflow/registers.h"

namespace fluence::fault {

WideBits CodeRegisters::activation(const traces::Fold& fold, std::int64_t m, std::int64_t k) const {
    return sums_.operand_bits(sums_.activation(fold, m, k));
}

WideBits CodeRegisters::weight(const traces::Fold& fold, std::int64_t k, std::int64_t n) const {
    return sums_.operand_bits(sums_.weight(fold, k, n));
}

WideBits CodeRegisters::product(const traces::Fold& fold, std::int64_t m, std::int64_t k,
                                std::int64_t n) const {
    const std::int64_t product = sums_.product(sums_.activation(fold, m, k), sums_.weight(fold, k, n));
    return static_cast<std::uint32_t>(product) & low_wide_bits(dataflow::kProductBits);
}

WideBits CodeRegisters::sum(const traces::Fold& fold, std::int64_t m, std::int64_t n,
                            std::int64_t terms) const {
    return sums_.register_bits(sums_.partial(fold, m, n, terms));
}

}  // namespace fluence::fault
