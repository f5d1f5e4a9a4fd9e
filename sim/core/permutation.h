// Draws without replacement, one by one and without memory: a random permutation of 0 … size − 1 of which any
// element can be asked for.
//
// A balanced Feistel network whose round function is Philox, on the smallest domain of an even number of bits
// that holds `size`; what falls outside is sent through again (cycle walking: J. Black, P. Rogaway, "Ciphers
// with arbitrary finite domains", CT-RSA 2002).
#pragma once

#include <cstdint>

namespace fluence {

class RandomPermutation {
  public:
    // Depends on (seed, stream) alone. 1 ≤ size ≤ 2⁶²; throws std::invalid_argument otherwise.
    RandomPermutation(std::uint64_t seed, std::uint64_t stream, std::uint64_t size);
    std::uint64_t operator()(std::uint64_t index) const;  // index < size

  private:
    std::uint64_t once(std::uint64_t value) const;

    std::uint64_t seed_, stream_, size_;
    int half_bits_ = 1;
};

}  // namespace fluence
