#include "sim/cost/energy.h"

#include <cmath>
#include <string>

#include "sim/core/error.h"
#include "sim/cost/logic.h"

namespace fluence::cost {
namespace {

constexpr double kAnchorNode = 45;
constexpr double kAnchorSupply = 0.9;
constexpr double kAddBit = 0.1 / 32;           // pJ
constexpr double kProductBit = 3.1 / 32 / 32;  // pJ; 0.194 for 8 × 8
constexpr double kAddFp32 = 0.9;               // pJ
constexpr double kMultiplyFp32 = 3.7;          // pJ
constexpr double kMultiplyFp16 = 1.1;          // pJ
constexpr double kSramBit = 10.0 / 64;         // pJ, of a memory of kSramBytes
constexpr double kSramBytes = 8192;
constexpr double kDramBit = 1950.0 / 64;  // pJ, the middle of what is stated
constexpr int kAdderBits = 32;

double require(const char* key, double value, double low, double high, const char* range) {
    if (!(value >= low && value <= high)) {
        throw InputError("", key, "is " + std::to_string(value), range);
    }
    return value;
}

}  // namespace

EnergyTable::EnergyTable(const Process& process)
    : scale_(require("node", process.node_nm, 5, 250, "5 to 250 nm") / kAnchorNode *
             std::pow(require("supply", process.supply_volt, 0.3, 3, "0.3 to 3 V") / kAnchorSupply, 2)) {}

Picojoules EnergyTable::add(int bits) const {
    return Picojoules(scale_ * kAddBit * bits);
}

Picojoules EnergyTable::multiply(int a, int b) const {
    return Picojoules(scale_ * kProductBit * a * b);
}

Picojoules EnergyTable::add_fp32() const {
    return Picojoules(scale_ * kAddFp32);
}

Picojoules EnergyTable::multiply_fp32() const {
    return Picojoules(scale_ * kMultiplyFp32);
}

// On the line through the anchors, in bits of the significands' partial products.
Picojoules EnergyTable::multiply_bf16() const {
    constexpr double kBf16 = 8 * 8, kFp16 = 11 * 11, kFp32 = 24 * 24;
    return Picojoules(scale_ *
                      (kMultiplyFp16 + (kMultiplyFp32 - kMultiplyFp16) * (kBf16 - kFp16) / (kFp32 - kFp16)));
}

Picojoules EnergyTable::logic(GateEquivalents area) const {
    return add(kAdderBits) * (area / adder(kAdderBits));
}

Picojoules EnergyTable::sram(Bytes capacity, int bits) const {
    return Picojoules(scale_ * kSramBit * bits *
                      std::sqrt(static_cast<double>(capacity.count()) / kSramBytes));
}

Picojoules EnergyTable::dram(int bits) const {
    return Picojoules(kDramBit * bits);
}

}  // namespace fluence::cost
