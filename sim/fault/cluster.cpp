#include "sim/fault/cluster.h"

#include <algorithm>
#include <map>
#include <optional>

namespace fluence::fault {
namespace {

struct Cells {
    std::int64_t words = 0;
    std::int32_t bits = 0;  // of a word
    std::int64_t interleave = 1;
};

std::optional<Cells> cells_of(SiteKind site, const WordLayout& layout) {
    const auto cells = [&](Memory memory, std::int64_t words, int word_bits) {
        return Cells{words, protect::stored_bits(layout.policy, memory, word_bits),
                     layout.policy.memory[index_of(memory)].interleave};
    };
    const auto buffer = [&](Memory memory, const BufferConfig& config) {
        return cells(memory, config.size.count() / config.word_bytes(), config.word_bits);
    };
    switch (site) {
        case SiteKind::weight_buffer:
            return buffer(Memory::weight_buffer, layout.config.weight_buffer);
        case SiteKind::activation_buffer:
            return buffer(Memory::activation_buffer, layout.config.activation_buffer);
        case SiteKind::output_buffer:
            return buffer(Memory::output_buffer, layout.config.output_buffer);
        case SiteKind::dram:
            return cells(Memory::dram, layout.dram_words, layout.config.dram.word_bits);
        default:
            return std::nullopt;
    }
}

std::int64_t lowest_bit(const WordBits& bits) {
    std::int64_t bit = 0;
    while (bit < kMaxWordBits && !bits[static_cast<std::size_t>(bit)]) {
        ++bit;
    }
    return bit;
}

}  // namespace

std::vector<Upset> cluster_upsets(const Upset& first, const Cluster& cluster, const WordLayout& layout) {
    if (cluster.single()) {
        return {first};
    }
    const std::int64_t bit = lowest_bit(first.bits);
    const std::optional<Cells> cells = cells_of(first.site, layout);
    if (!cells) {
        Upset upset = first;
        for (std::int64_t b = bit; b < std::min<std::int64_t>(bit + cluster.cols, kMaxWordBits); ++b) {
            upset.bits.set(static_cast<std::size_t>(b));
        }
        return {upset};
    }
    if (bit >= cells->bits) {
        return {first};  // a cell that this policy's memory does not have
    }
    const std::int64_t d = cells->interleave;
    const std::int64_t row = first.unit / d, column = bit * d + first.unit % d;
    std::map<std::int64_t, WordBits> struck;  // by word
    for (std::int64_t r = row; r < row + cluster.rows; ++r) {
        for (std::int64_t c = column; c < std::min(column + cluster.cols, cells->bits * d); ++c) {
            const std::int64_t word = r * d + c % d;
            if (word < cells->words) {
                struck[word].set(static_cast<std::size_t>(c / d));
            }
        }
    }
    std::vector<Upset> upsets;
    for (const auto& [word, bits] : struck) {
        upsets.push_back(first);
        upsets.back().unit = word;
        upsets.back().bits = bits;
    }
    return upsets;
}

}  // namespace fluence::fault
