// Units as types: a number of cycles cannot be added to a number of bytes by accident.
#pragma once

#include <cstdint>

namespace fluence {

// A number of `Rep` in the unit named by `Tag`. Arithmetic stays within one unit; `count()` leaves it.
template <class Tag, class Rep>
class Quantity {
  public:
    constexpr Quantity() = default;
    constexpr explicit Quantity(Rep count) : count_(count) {}
    constexpr Rep count() const { return count_; }

    constexpr Quantity& operator+=(Quantity other) {
        count_ += other.count_;
        return *this;
    }
    constexpr Quantity& operator-=(Quantity other) {
        count_ -= other.count_;
        return *this;
    }
    friend constexpr Quantity operator+(Quantity a, Quantity b) { return Quantity(a.count_ + b.count_); }
    friend constexpr Quantity operator-(Quantity a, Quantity b) { return Quantity(a.count_ - b.count_); }
    friend constexpr Quantity operator*(Quantity a, Rep n) { return Quantity(a.count_ * n); }
    friend constexpr Quantity operator*(Rep n, Quantity a) { return a * n; }
    friend constexpr double operator/(Quantity a, Quantity b) {
        return static_cast<double>(a.count_) / static_cast<double>(b.count_);
    }
    friend constexpr bool operator==(Quantity a, Quantity b) { return a.count_ == b.count_; }
    friend constexpr bool operator!=(Quantity a, Quantity b) { return a.count_ != b.count_; }
    friend constexpr bool operator<(Quantity a, Quantity b) { return a.count_ < b.count_; }
    friend constexpr bool operator<=(Quantity a, Quantity b) { return a.count_ <= b.count_; }
    friend constexpr bool operator>(Quantity a, Quantity b) { return a.count_ > b.count_; }
    friend constexpr bool operator>=(Quantity a, Quantity b) { return a.count_ >= b.count_; }

  private:
    Rep count_{};
};

using Cycles = Quantity<struct CyclesTag, std::int64_t>;
using Bits = Quantity<struct BitsTag, std::int64_t>;
using Bytes = Quantity<struct BytesTag, std::int64_t>;
using GateEquivalents = Quantity<struct GateEquivalentsTag, double>;  // area of one NAND2
using Picojoules = Quantity<struct PicojoulesTag, double>;

}  // namespace fluence
