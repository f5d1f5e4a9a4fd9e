#include "tests/accel/memory_rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "sim/dataflow/space_time.h"

namespace fluence::test {
namespace {

using dataflow::SpaceTimeMap;
using traces::Cycle;
using traces::Fold;
using traces::Load;
using traces::Segment;
using traces::Store;
using traces::Timeline;
using traces::VectorPass;

constexpr unsigned kDma = 1, kArray = 2, kVectorUnit = 4;

// Who accesses each bank of a buffer in each cycle.
class Banks {
  public:
    Banks(const BufferConfig& buffer, Cycle cycles)
        : buffer_(buffer),
          users_(2, std::vector<unsigned char>(static_cast<std::size_t>(cycles + kMargin))) {}

    // `word`: in units of `bytes`.
    void access(std::int64_t word, std::int64_t bytes, Cycle cycle, unsigned user) {
        const bool second = buffer_.banks == 2 && word * bytes >= buffer_.half().count();
        unsigned char& users = users_[second ? 1 : 0].at(static_cast<std::size_t>(cycle + kMargin / 2));
        users = static_cast<unsigned char>(users | user);
    }
    void check(const char* name) const {
        for (const auto& bank : users_) {
            for (std::size_t i = 0; i < bank.size(); ++i) {
                const int count = (bank[i] & 1) + (bank[i] >> 1 & 1) + (bank[i] >> 2 & 1);
                ASSERT_LE(count, buffer_.ports)
                    << name << " in cycle " << static_cast<Cycle>(i) - kMargin / 2;
            }
        }
    }

  private:
    static constexpr Cycle kMargin = 64;
    const BufferConfig& buffer_;
    std::vector<std::vector<unsigned char>> users_;
};

struct Reads {
    SpaceTimeMap map;
    const Timeline& timeline;

    int decode(Memory memory) const { return timeline.decode_cycles[index_of(memory)]; }
    bool stationary(Memory buffer) const {
        return (map.weight_stationary() && buffer == Memory::weight_buffer) ||
               (map.input_stationary() && buffer == Memory::activation_buffer);
    }
    // Calls visit(cycle) for every cycle in which the fold reads the buffer.
    template <class Visit>
    void of_fold(const Fold& fold, Memory buffer, Visit visit) const {
        if (stationary(buffer)) {
            for (int r = 0; r < fold.used_rows; ++r) {
                visit(map.stationary_read_cycle(fold, r, decode(buffer)));
            }
            return;
        }
        const bool columns = map.output_stationary() && buffer == Memory::weight_buffer;
        for (int lane = 0; lane < (columns ? fold.used_cols : fold.used_rows); ++lane) {
            for (std::int64_t t = 0; t < map.steps(fold); ++t) {
                visit(map.operand_read_cycle(fold, t, lane, decode(buffer)));
            }
        }
    }
};

const Load& load_at(const Timeline& timeline, std::int32_t index) {
    return timeline.loads.at(static_cast<std::size_t>(index));
}

const BufferConfig& buffer_of(const AcceleratorConfig& config, Memory buffer) {
    return buffer == Memory::weight_buffer       ? config.weight_buffer
           : buffer == Memory::activation_buffer ? config.activation_buffer
                                                 : config.output_buffer;
}

// Every word that is written to a buffer: visit(buffer, buffer word, DRAM word, edge, is it a store).
template <class Visit>
void for_each_write(const Timeline& timeline, Visit visit) {
    for (const Load& load : timeline.loads) {
        std::int64_t i = 0;
        for (const Segment& s : load.segments) {
            for (std::int64_t w = 0; w < s.words; ++w, ++i) {
                if (!load.kept && !load.to_vector_unit) {
                    visit(load.buffer, s.buffer_word + w, s.dram_word + w, load.write_cycle(i), false);
                }
            }
        }
    }
    for (const Store& store : timeline.stores) {
        std::int64_t i = 0;
        for (const Segment& s : store.segments) {
            for (std::int64_t w = 0; w < s.words; ++w, ++i) {
                if (store.to_buffer) {
                    visit(Memory::activation_buffer, s.buffer_word + w, s.dram_word + w, store.write_cycle(i),
                          true);
                }
            }
        }
    }
}

void access_sums(const Reads& reads, const Fold& fold, Banks& banks) {
    for (std::int64_t m = 0; m < fold.pixels; ++m) {
        for (std::int64_t n = 0; n < fold.channels; ++n) {
            const Cycle cycle =
                reads.map.accumulate_cycle(fold, reads.map.result_step(fold, m, n), reads.map.result_row(m),
                                           reads.map.result_column(m, n));
            const std::int64_t accumulator = fold.accumulator_of(fold.first_pixel + m, fold.first_n + n);
            banks.access(accumulator, 4, cycle, kArray);
            if (fold.k_fold > 0) {
                banks.access(accumulator, 4, cycle - reads.decode(Memory::output_buffer), kArray);
            }
        }
    }
}

void access_pass(const Timeline& timeline, const VectorPass& pass, Banks& activations, Banks& sums,
                 int word_bytes) {
    for (std::int64_t e = 0; e < pass.elements; ++e) {
        if (pass.operand_loads.empty()) {
            sums.access(pass.accumulator + e, 4, pass.read_cycle(e), kVectorUnit);
        }
        for (const std::int32_t load : pass.operand_loads) {
            if (load >= 0) {
                activations.access(load_at(timeline, load).segments[0].buffer_word, word_bytes,
                                   pass.read_cycle(e), kVectorUnit);
            }
        }
    }
}

}  // namespace

void check_buffer_ports(const AcceleratorConfig& config, const Timeline& timeline) {
    const Reads reads{SpaceTimeMap(config.array), timeline};
    Banks weights(config.weight_buffer, timeline.cycles);
    Banks activations(config.activation_buffer, timeline.cycles);
    Banks sums(config.output_buffer, timeline.cycles);
    const int word_bytes = config.dram.word_bytes();
    const auto banks = [&](Memory buffer) -> Banks& {
        return buffer == Memory::weight_buffer ? weights : activations;
    };
    for_each_write(timeline, [&](Memory buffer, std::int64_t word, std::int64_t, Cycle edge, bool) {
        banks(buffer).access(word, word_bytes, edge - 1, kDma);
    });
    for (const Fold& fold : timeline.folds) {
        for (const Memory buffer : {Memory::weight_buffer, Memory::activation_buffer}) {
            const Load& load =
                load_at(timeline, buffer == Memory::weight_buffer ? fold.weight_load : fold.activation_load);
            reads.of_fold(fold, buffer, [&](Cycle cycle) {
                banks(buffer).access(load.segments[0].buffer_word, word_bytes, cycle, kArray);
            });
        }
        access_sums(reads, fold, sums);
    }
    for (const VectorPass& pass : timeline.passes) {
        access_pass(timeline, pass, activations, sums, word_bytes);
    }
    weights.check("weight buffer");
    activations.check("activation buffer");
    sums.check("output buffer");
}

void check_buffer_contents(const AcceleratorConfig& config, const Timeline& timeline) {
    struct Write {
        Cycle edge = 0;
        std::int64_t dram_word = 0;
        bool store = false;
    };
    std::map<std::pair<Memory, std::int64_t>, std::vector<Write>> writes;
    for_each_write(timeline,
                   [&](Memory buffer, std::int64_t word, std::int64_t dram_word, Cycle edge, bool store) {
                       EXPECT_LT(word * config.dram.word_bytes(), buffer_of(config, buffer).size.count());
                       writes[{buffer, word}].push_back({edge, dram_word, store});
                   });
    std::map<std::int32_t, std::pair<Cycle, Cycle>> used;  // by load: first and last read
    const auto note = [&used](std::int32_t load, Cycle cycle) {
        const auto [it, fresh] = used.try_emplace(load, cycle, cycle);
        it->second = {std::min(it->second.first, cycle), std::max(it->second.second, cycle)};
    };
    const Reads reads{SpaceTimeMap(config.array), timeline};
    for (const Fold& fold : timeline.folds) {
        reads.of_fold(fold, Memory::weight_buffer, [&](Cycle cycle) { note(fold.weight_load, cycle); });
        reads.of_fold(fold, Memory::activation_buffer,
                      [&](Cycle cycle) { note(fold.activation_load, cycle); });
    }
    for (const VectorPass& pass : timeline.passes) {
        for (const std::int32_t load : pass.operand_loads) {
            if (load >= 0) {
                note(load, pass.begin);
                note(load, pass.read_cycle(pass.elements - 1));
            }
        }
    }
    for (const auto& [index, read] : used) {
        const Load& load = load_at(timeline, index);
        EXPECT_GE(read.first, load.done());
        for (const Segment& s : load.segments) {
            for (std::int64_t w = 0; w < s.words; ++w) {
                const Write* last = nullptr;  // what lies there from the first read to the last
                for (const Write& write : writes[{load.buffer, s.buffer_word + w}]) {
                    ASSERT_FALSE(write.edge > read.first && write.edge <= read.second)
                        << "a word is overwritten while load " << index << " is read";
                    if (write.edge <= read.first && (last == nullptr || write.edge > last->edge)) {
                        last = &write;
                    }
                }
                ASSERT_NE(last, nullptr);
                ASSERT_EQ(last->dram_word, s.dram_word + w) << "another word than that of load " << index;
                ASSERT_EQ(last->store, load.kept);
                ASSERT_LE(last->edge, load.done());
            }
        }
    }
}

void check_traffic_and_bounds(const workloads::Graph& graph, const AcceleratorConfig& config,
                              const Timeline& timeline) {
    std::set<std::int64_t> kept;  // DRAM words that never are in DRAM
    for_each_write(timeline, [&](Memory, std::int64_t, std::int64_t dram_word, Cycle, bool store) {
        if (store) {
            kept.insert(dram_word);
        }
    });
    std::int64_t words = 0;
    for (const Load& load : timeline.loads) {
        words += load.kept ? 0 : load.words();
        for (const Segment& s : load.segments) {
            for (std::int64_t w = s.dram_word; w < s.dram_word + s.words; ++w) {
                ASSERT_EQ(kept.count(w) == 1, load.kept);
            }
        }
    }
    for (const Store& store : timeline.stores) {
        words += store.to_buffer ? 0 : store.words();
    }
    std::int64_t counted = 0;
    std::int64_t macs = 0;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const traces::LayerStats& stats = timeline.layers[i];
        EXPECT_GE(stats.dram_read_words + stats.dram_write_words, stats.unique_words) << stats.name;
        counted += stats.dram_read_words + stats.dram_write_words;
        macs += stats.macs;
    }
    EXPECT_EQ(counted, words);
    const SpaceTimeMap map(config.array);
    std::int64_t steps = 0;
    for (const Fold& fold : timeline.folds) {
        steps += map.steps(fold);
    }
    const std::int64_t pes = std::int64_t{config.array.rows} * config.array.cols;
    EXPECT_GE(timeline.cycles, steps);
    EXPECT_GE(timeline.cycles * pes, macs);
    EXPECT_GE(timeline.cycles * config.dram.bytes_per_cycle, words * config.dram.word_bytes());
}

}  // namespace fluence::test
