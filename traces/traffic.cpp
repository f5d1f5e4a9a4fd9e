#include "traces/traffic.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace fluence::traces {
namespace {

using Run = std::pair<std::int64_t, std::int64_t>;  // [first, last)

void add(std::vector<Run>& runs, const Transfer& transfer) {
    for (const Segment& segment : transfer.segments) {
        runs.emplace_back(segment.dram_word, segment.dram_word + segment.words);
    }
}

std::int64_t different_words(std::vector<Run> runs) {
    std::sort(runs.begin(), runs.end());
    std::int64_t words = 0;
    std::int64_t end = 0;
    for (const auto& [first, last] : runs) {
        words += std::max<std::int64_t>(0, last - std::max(first, end));
        end = std::max(end, last);
    }
    return words;
}

}  // namespace

DramTraffic dram_traffic(const Timeline& timeline) {
    DramTraffic traffic;
    std::vector<Run> read;
    std::vector<Run> written;
    for (const Load& load : timeline.loads) {
        if (!load.kept) {
            traffic.read_words += load.words();
            add(read, load);
        }
    }
    for (const Store& store : timeline.stores) {
        if (store.to_buffer) {
            traffic.kept_words += store.words();
        } else {
            traffic.write_words += store.words();
            add(written, store);
        }
    }
    traffic.unique_read_words = different_words(std::move(read));
    traffic.unique_write_words = different_words(std::move(written));
    return traffic;
}

}  // namespace fluence::traces
