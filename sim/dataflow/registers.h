// The registers of the PE array under a set of timing conventions: one bank a kind. Fault sites, area and the
// register-true array all take their counts from here.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/core/register_role.h"
#include "traces/upset.h"

namespace fluence::dataflow {

inline constexpr int kProductBits = 16;
// Of a register between multiplier and adder, in any format.
int product_bits(const ArrayConfig& array);

struct RegisterBank {
    traces::SiteKind kind{};
    std::int64_t units = 0;
    int bits = 0;  // of one unit
};

std::vector<RegisterBank> register_banks(const ArrayConfig& array);
// The bank of that kind; nothing where the array has none.
std::optional<RegisterBank> register_bank(const ArrayConfig& array, traces::SiteKind kind);
// What a PE's register of that kind holds; nothing for control bits, skew registers and sites outside the
// PEs.
std::optional<RegisterRole> register_role(const ArrayConfig& array, traces::SiteKind kind);
// The first column whose values pass through a register of a PE (that of its PE, but for the registers
// through which sums leave to the right).
std::int64_t first_column_served(const ArrayConfig& array, traces::SiteKind kind, std::int64_t unit);

}  // namespace fluence::dataflow
