// What the registers of a PE array hold in a fault-free run, as raw bits.
#pragma once

#include <cstdint>

#include "sim/core/wide_bits.h"
#include "sim/fault/fold_sums.h"

namespace fluence::fault {

// m, k, n count inside the fold; rows that it does not use hold zeros.
class RegisterValues {
  public:
    virtual ~RegisterValues() = default;
    virtual WideBits activation(const traces::Fold& fold, std::int64_t m, std::int64_t k) const = 0;
    virtual WideBits weight(const traces::Fold& fold, std::int64_t k, std::int64_t n) const = 0;
    virtual WideBits product(const traces::Fold& fold, std::int64_t m, std::int64_t k,
                             std::int64_t n) const = 0;
    // The sum for (m, n) behind its first `terms` products.
    virtual WideBits sum(const traces::Fold& fold, std::int64_t m, std::int64_t n,
                         std::int64_t terms) const = 0;
};

// Of a machine of int8.
class CodeRegisters final : public RegisterValues {
  public:
    // Keeps a reference. `sums`: of the fault-free run.
    explicit CodeRegisters(const FoldSums& sums) : sums_(sums) {}

    WideBits activation(const traces::Fold& fold, std::int64_t m, std::int64_t k) const override;
    WideBits weight(const traces::Fold& fold, std::int64_t k, std::int64_t n) const override;
    WideBits product(const traces::Fold& fold, std::int64_t m, std::int64_t k, std::int64_t n) const override;
    WideBits sum(const traces::Fold& fold, std::int64_t m, std::int64_t n, std::int64_t terms) const override;

  private:
    const FoldSums& sums_;
};

}  // namespace fluence::fault
