// The codec between an initiator and a buffer: transparent without a code; with one, single flips in the
// stored word are corrected, and what is detected but not corrected reads as zero.
#include "sim/accel/ecc_codec.h"

#include <gtest/gtest.h>

#include "sim/accel/burst.h"
#include "sim/accel/sram_buffer.h"

namespace fluence::accel {
namespace {

constexpr int kWordBits = 64;
constexpr int kWords = 4;
constexpr Cycle kDecode = 2;

// One codec with its buffer, and an initiator in front.
class Bench : public sc_core::sc_module {
  public:
    tlm_utils::simple_initiator_socket<Bench> front;

    Bench(const sc_core::sc_module_name& name, const char* code, const Clock& clock)
        : sc_module(name),
          front("front"),
          words_(protect::memory_code(code), kWordBits),
          codec("codec", words_, kDecode, clock),
          buffer_("buffer", kWords * words_.stored_bytes(), clock),
          clock_(clock) {
        front.bind(codec.front);
        codec.memory.bind(buffer_.socket);
    }

    Cycle write(std::int64_t word, std::vector<std::uint8_t> data) {
        return burst(front, clock_, tlm::TLM_WRITE_COMMAND, word * 8, data.data(),
                     static_cast<std::int64_t>(data.size()));
    }
    std::vector<std::uint8_t> read(std::int64_t word, std::int64_t words) {
        std::vector<std::uint8_t> data(static_cast<std::size_t>(words * 8));
        EXPECT_EQ(burst(front, clock_, tlm::TLM_READ_COMMAND, word * 8, data.data(), words * 8), 1 + kDecode);
        return data;
    }
    void flip(std::int64_t word, int bit) {
        std::uint8_t byte = 0;
        const std::int64_t address = word * words_.stored_bytes() + bit / 8;
        debug_burst(codec.memory, tlm::TLM_READ_COMMAND, address, &byte, 1);
        byte = static_cast<std::uint8_t>(byte ^ 1U << (bit % 8));
        debug_burst(codec.memory, tlm::TLM_WRITE_COMMAND, address, &byte, 1);
    }

  private:
    WordCodec words_;

  public:
    EccCodec codec;

  private:
    SramBuffer buffer_;
    const Clock& clock_;
};

const std::vector<std::uint8_t> kZero(8);
const std::vector<std::uint8_t> kFirst = {1, 2, 3, 4, 250, 251, 252, 253};
const std::vector<std::uint8_t> kSecond = {9, 0, 255, 128, 127, 7, 77, 170};

void write_both(Bench& bench) {
    std::vector<std::uint8_t> both = kFirst;
    both.insert(both.end(), kSecond.begin(), kSecond.end());
    EXPECT_EQ(bench.write(1, both), 1);
    EXPECT_EQ(bench.read(1, 2), both);
}

// All of it in one case, because SystemC allows one elaboration a process.
TEST(EccCodec, corrects_detects_and_zeroes) {
    const Clock clock(500);
    Bench none("none", "none", clock);
    Bench parity("parity", "parity", clock);
    Bench secded("secded", "secded", clock);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);

    write_both(none);
    none.flip(1, 0);
    EXPECT_EQ(none.read(1, 1)[0], 0);  // 1 with bit 0 inverted
    EXPECT_EQ(none.codec.stats().detected, 0);

    write_both(parity);
    parity.flip(1, 37);
    EXPECT_EQ(parity.read(1, 1), kZero);
    EXPECT_EQ(parity.read(2, 1), kSecond);
    EXPECT_EQ(parity.codec.stats().detected, 1);

    for (int bit = 0; bit < kWordBits + 8; ++bit) {  // SECDED of 64 bits has 8 check bits
        write_both(secded);
        secded.flip(2, bit);
        EXPECT_EQ(secded.read(2, 1), kSecond) << "bit " << bit;
        secded.flip(2, (bit + 5) % (kWordBits + 8));
        EXPECT_EQ(secded.read(2, 1), kZero) << "two bits from " << bit;
        EXPECT_EQ(secded.read(1, 1), kFirst);
    }
    EXPECT_EQ(secded.codec.stats().corrected, kWordBits + 8);
    EXPECT_EQ(secded.codec.stats().detected, kWordBits + 8);
}

}  // namespace
}  // namespace fluence::accel
