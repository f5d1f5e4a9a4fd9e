// Bursts and rows of DRAM, by hand and against a port that moves byte by byte.
#include "sim/dataflow/dram_port.h"

#include <gtest/gtest.h>

#include "sim/core/random.h"

namespace fluence::dataflow {
namespace {

constexpr std::uint64_t kSeed = 20261121;

DramConfig dram(int word_bits, int row_bytes, int row_miss, int burst_bytes) {
    DramConfig config;
    config.word_bits = word_bits;
    config.bytes_per_cycle = 4;
    config.latency = Cycles(10);
    config.row_bytes = row_bytes;
    config.row_miss = Cycles(row_miss);
    config.burst_bytes = burst_bytes;
    return config;
}

traces::Transfer transfer(const DramConfig& config, DramPort& port, std::vector<traces::Segment> segments) {
    traces::Transfer result;
    result.begin = 100;
    result.word_bytes = config.word_bytes();
    result.bytes_per_cycle = config.bytes_per_cycle;
    result.gaps = port.move(segments);
    result.segments = std::move(segments);
    return result;
}

// Words of 8 bytes, 4 bytes a cycle, rows of 4 words, 20 cycles to open one.
TEST(DramPort, opens_rows_by_hand) {
    const DramConfig config = dram(64, 32, 20, 0);
    DramPort port(config);
    const traces::Transfer first = transfer(config, port, {{2, 0, 4}});  // rows 0 and 1
    EXPECT_EQ(first.port_cycle(0), 100 + 20);
    EXPECT_EQ(first.port_cycle(1), 100 + 20 + 2);
    EXPECT_EQ(first.port_cycle(2), 100 + 40 + 4);
    EXPECT_EQ(first.port_cycle(3), 100 + 40 + 6);
    EXPECT_EQ(first.port_free(), 100 + 40 + 8);
    const traces::Transfer hit = transfer(config, port, {{6, 0, 2}});  // row 1 is open
    EXPECT_TRUE(hit.gaps.empty());
    EXPECT_EQ(hit.port_free(), 104);
    const traces::Transfer back = transfer(config, port, {{0, 0, 1}, {7, 0, 1}});  // rows 0 and 1
    EXPECT_EQ(back.port_cycle(0), 100 + 20);
    EXPECT_EQ(back.port_cycle(1), 100 + 40 + 2);
}

// Bursts of 4 words. Words 2, 3 (burst 0), 4 … 6 (burst 1), 7 (the same), 17 (burst 4).
TEST(DramPort, moves_whole_bursts_by_hand) {
    const DramConfig config = dram(64, 0, 0, 32);
    DramPort port(config);
    const traces::Transfer moved = transfer(config, port, {{2, 0, 4}, {7, 0, 1}, {17, 0, 1}});
    EXPECT_EQ(moved.port_cycle(0), 100 + 2 * 2);  // behind two words of its burst that nobody needs
    EXPECT_EQ(moved.port_cycle(3), 100 + 5 * 2);
    EXPECT_EQ(moved.port_cycle(4), 100 + 7 * 2);
    EXPECT_EQ(moved.port_cycle(5), 100 + 8 * 2 + 1 * 2);
    EXPECT_EQ(moved.port_free(), 100 + 12 * 2);
    EXPECT_EQ(transfer(config, port, {{4, 0, 4}}).port_free(), 100 + 8);
}

TEST(DramPort, without_bursts_and_rows_there_are_no_gaps) {
    const DramConfig config = dram(64, 0, 0, 0);
    DramPort port(config);
    EXPECT_TRUE(transfer(config, port, {{2, 0, 4}, {9, 4, 1}}).gaps.empty());
}

// The slow reference: a list of the bytes that pass the port, burst by burst.
TEST(DramPort, agrees_with_a_port_that_moves_byte_by_byte) {
    for (std::uint64_t sample = 0; sample < 300; ++sample) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + ", sample " + std::to_string(sample));
        RandomStream random(kSeed, RandomPurpose::testing, sample);
        const auto draw = [&](std::uint64_t n) { return static_cast<std::int64_t>(random.below(n)); };
        const int word = 1 << draw(4);
        const int burst = word * (1 << draw(4));
        const int row = burst * static_cast<int>(1 + draw(5));
        DramConfig config = dram(8 * word, row, static_cast<int>(draw(30)), draw(2) == 0 ? 0 : burst);
        config.bytes_per_cycle = static_cast<int>(1 + draw(20));
        const std::int64_t unit = config.burst_bytes == 0 ? word : burst;
        DramPort port(config);
        std::int64_t open = -1;
        for (int t = 0; t < 5; ++t) {
            std::vector<traces::Segment> segments;
            std::int64_t next = draw(50);
            for (std::int64_t s = 1 + draw(6); s > 0; --s) {
                segments.push_back({next, 0, 1 + draw(30)});
                next += draw(4) == 0 ? -draw(next + 1) : segments.back().words + draw(12);
            }
            const traces::Transfer moved = transfer(config, port, segments);
            std::int64_t passed = 0;  // bytes
            std::int64_t waited = 0;
            std::int64_t last_byte = -1;
            std::int64_t index = 0;
            for (const traces::Segment& segment : segments) {
                for (std::int64_t w = segment.dram_word; w < segment.dram_word + segment.words;
                     ++w, ++index) {
                    const std::int64_t byte = w * word;
                    if (byte / row != open) {
                        open = byte / row;
                        waited += config.row_miss.count();
                    }
                    const bool shares = last_byte >= 0 && byte > last_byte && byte / unit == last_byte / unit;
                    last_byte = byte;
                    if (!shares) {
                        passed += unit;  // now all of this burst is under way
                    }
                    const std::int64_t position = passed - unit + byte % unit;
                    ASSERT_EQ(moved.port_cycle(index), 100 + position / config.bytes_per_cycle + waited);
                }
            }
            ASSERT_EQ(moved.port_free(),
                      100 + (passed + config.bytes_per_cycle - 1) / config.bytes_per_cycle + waited);
        }
    }
}

}  // namespace
}  // namespace fluence::dataflow
