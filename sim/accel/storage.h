// The cells of a memory: bytes that a TLM payload reads or writes.
#pragma once

#include <cstdint>
#include <tlm>
#include <vector>

namespace fluence::accel {

class Storage {
  public:
    explicit Storage(std::int64_t bytes) : cells_(static_cast<std::size_t>(bytes)) {}

    // Copies; false (and an address error in the payload) where it reaches beyond the cells.
    bool transfer(tlm::tlm_generic_payload& payload);
    // Grants direct access to all cells.
    bool grant(tlm::tlm_dmi& access);
    // Inverts bits of one byte. Throws std::out_of_range.
    void flip(std::int64_t byte, std::uint8_t mask);
    // All of them; as many.
    const std::vector<std::uint8_t>& cells() const { return cells_; }
    void restore(const std::vector<std::uint8_t>& cells);

  private:
    std::vector<std::uint8_t> cells_;
};

}  // namespace fluence::accel
