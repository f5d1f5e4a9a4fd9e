#include "traces/timeline.h"

#include <gtest/gtest.h>

#include <sstream>

#include "sim/core/error.h"
#include "traces/timeline_csv.h"
#include "traces/traffic.h"

namespace fluence::traces {
namespace {

Timeline sample() {
    Timeline timeline;
    timeline.cycles = 1234567890123;
    timeline.decode_cycles = {3, 2, 1, 0};
    Load load;
    load.layer = layer_id(1);
    load.content = Content::activations;
    load.owner = 7;
    load.buffer = Memory::activation_buffer;
    load.begin = 10;
    load.latency = 5;
    load.word_bytes = 8;
    load.bytes_per_cycle = 4;
    load.segments = {{100, 0, 3}, {200, 3, 2}};
    timeline.loads = {load, load};
    timeline.loads[1].to_vector_unit = true;
    timeline.loads[1].begin = 40;
    Store store;
    store.tensor = tensor_id(2);
    store.segments = {{5, 0, 1}};
    store.begin = 99;
    timeline.stores = {store};
    Fold fold;
    fold.group = 3;
    fold.k_folds = 4;
    fold.pixels = 1LL << 40;
    fold.stream = 60;
    fold.end = 88;
    timeline.folds = {fold};
    VectorPass pass;
    pass.operand_loads = {0, -1};
    pass.elements = 17;
    pass.lanes = 16;
    pass.begin = 90;
    timeline.passes = {pass};
    LayerStats stats;
    stats.name = "conv, \"quoted\"";
    stats.utilisation = 0.1 + 0.2;
    stats.buffer_writes = -1;
    timeline.layers = {stats, {}};
    timeline.layers[1].name = "second";
    timeline.stalls = {{layer_id(1), StallCause::drain, 5, 70}};
    return timeline;
}

std::string binary(const Timeline& timeline) {
    std::ostringstream stream;
    write(stream, timeline);
    return stream.str();
}

TEST(Timeline, words_follow_the_formula_of_the_header) {
    const Load load = sample().loads[0];
    EXPECT_EQ(load.words(), 5);
    // 8-byte words at 4 bytes a cycle: one word every second cycle.
    EXPECT_EQ(load.read_cycle(4), 10 + 8);
    EXPECT_EQ(load.write_cycle(0), 10 + 5 + 1);
    EXPECT_EQ(load.done(), 10 + 8 + 5 + 1);
}

// 8 bytes a word, 4 a cycle. From word 2 on 12 bytes of bursts and 7 cycles, from word 4 on 16 and 14; behind
// the last word 8 bytes more end the burst.
TEST(Timeline, gaps_delay_the_words_behind_them) {
    Load load = sample().loads[0];
    EXPECT_EQ(load.port_free(), 10 + 10);
    load.gaps = {{2, 12, 7}, {4, 16, 14}, {5, 24, 14}};
    EXPECT_EQ(load.read_cycle(0), 10);
    EXPECT_EQ(load.read_cycle(1), 12);
    EXPECT_EQ(load.read_cycle(2), 10 + (16 + 12) / 4 + 7);
    EXPECT_EQ(load.read_cycle(3), 10 + (24 + 12) / 4 + 7);
    EXPECT_EQ(load.read_cycle(4), 10 + (32 + 16) / 4 + 14);
    EXPECT_EQ(load.done(), 10 + 12 + 14 + 5 + 1);
    EXPECT_EQ(load.port_free(), 10 + (40 + 24) / 4 + 14);
    load.gaps = {{0, 0, 3}};
    EXPECT_EQ(load.read_cycle(0), 13);
    EXPECT_EQ(load.port_free(), 23);
    load.kept = true;
    EXPECT_EQ(load.done(), 10);
}

// Words 0 … 9 twice but for two, 20 and 21 kept; stores of 30 … 32 and, kept, 20 and 21.
TEST(Timeline, traffic_counts_every_word_and_each_once) {
    Timeline timeline;
    timeline.loads.resize(3);
    timeline.loads[0].segments = {{0, 0, 4}, {4, 4, 6}};
    timeline.loads[1].segments = {{2, 0, 8}};
    timeline.loads[2].segments = {{20, 0, 2}};
    timeline.loads[2].kept = true;
    timeline.stores.resize(2);
    timeline.stores[0].segments = {{30, 0, 3}};
    timeline.stores[1].segments = {{20, 0, 2}};
    timeline.stores[1].to_buffer = true;
    const DramTraffic traffic = dram_traffic(timeline);
    EXPECT_EQ(traffic.read_words, 18);
    EXPECT_EQ(traffic.unique_read_words, 10);
    EXPECT_EQ(traffic.write_words, 3);
    EXPECT_EQ(traffic.unique_write_words, 3);
    EXPECT_EQ(traffic.kept_words, 2);
}

TEST(Timeline, binary_form_round_trips_exactly) {
    Timeline timeline = sample();
    timeline.loads[1].gaps = {{2, 12, 7}, {4, 16, 14}};
    std::istringstream stream(binary(timeline));
    const Timeline read = read_timeline(stream, "memory");
    EXPECT_EQ(read.cycles, timeline.cycles);
    EXPECT_EQ(read.decode_cycles, timeline.decode_cycles);
    ASSERT_EQ(read.loads.size(), 2u);
    EXPECT_EQ(read.loads[0].owner, 7);
    ASSERT_EQ(read.loads[1].gaps.size(), 2u);
    EXPECT_EQ(read.loads[1].gaps[1].bytes, 16);
    EXPECT_EQ(read.loads[1].gaps[1].cycles, 14);
    EXPECT_FALSE(read.loads[0].to_vector_unit);
    EXPECT_TRUE(read.loads[1].to_vector_unit);
    ASSERT_EQ(read.loads[0].segments.size(), 2u);
    EXPECT_EQ(read.loads[0].segments[1].dram_word, 200);
    EXPECT_EQ(read.folds.at(0).pixels, 1LL << 40);
    EXPECT_EQ(read.passes.at(0).operand_loads, (std::vector<std::int32_t>{0, -1}));
    EXPECT_EQ(read.layers.at(0).name, timeline.layers[0].name);
    EXPECT_EQ(read.layers.at(0).utilisation, 0.1 + 0.2);
    EXPECT_EQ(read.layers.at(0).buffer_writes, -1);
    EXPECT_EQ(read.stalls.at(0).cause, StallCause::drain);
    EXPECT_EQ(read.stalls.at(0).end, 70);
    EXPECT_EQ(binary(read), binary(timeline));
}

TEST(Timeline, every_truncation_and_a_wrong_magic_are_input_errors) {
    const std::string whole = binary(sample());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        std::istringstream stream(whole.substr(0, size));
        EXPECT_THROW(read_timeline(stream, "pipe"), InputError) << size << " bytes";
    }
    std::string other = whole;
    other[0] = 'X';
    std::istringstream stream(other);
    EXPECT_THROW(read_timeline(stream, "pipe"), InputError);
}

TEST(Timeline, records_csv_has_a_row_a_record_in_order_of_time) {
    Timeline timeline = sample();
    timeline.layers[0].name = "first,\"1\"";
    std::ostringstream stream;
    write_records_csv(stream, timeline);
    EXPECT_EQ(stream.str(),
              "record,index,layer,what,memory,begin,end,words\n"
              "load,0,second,activations,activation_buffer,10,24,5\n"
              "load,1,second,activations,vector_unit,40,54,5\n"
              "fold,0,\"first,\"\"1\"\"\",g3 n0 k0,,60,88,1099511627776\n"
              "pass,0,\"first,\"\"1\"\"\",g0 n0,,90,0,17\n"
              "store,0,\"first,\"\"1\"\"\",activations,dram,99,100,1\n");
}

TEST(Timeline, residency_csv_ends_a_run_where_its_words_are_written_again) {
    Timeline timeline = sample();
    timeline.loads[1].to_vector_unit = false;
    timeline.loads[1].segments = {{300, 4, 2}};
    std::ostringstream stream;
    write_residency_csv(stream, timeline);
    // The second load writes word 4 at edge 40+5+1; words 0 to 2 stay until the end.
    EXPECT_EQ(stream.str(),
              "memory,first_word,words,content,owner,filled,replaced\n"
              "activation_buffer,0,3,activations,7,20,1234567890123\n"
              "activation_buffer,3,2,activations,7,24,46\n"
              "activation_buffer,4,2,activations,7,48,1234567890123\n"
              "array,0,0,fold,0,60,88\n");
}

TEST(Timeline, residency_csv_shows_kept_tensors_accumulators_and_folds) {
    Timeline timeline = sample();
    timeline.cycles = 500;
    timeline.loads.resize(1);
    timeline.loads[0].kept = true;  // the store below left the words there
    timeline.loads[0].begin = 100;
    timeline.stores[0].to_buffer = true;
    timeline.stores[0].segments = {{100, 2, 4}};
    timeline.stores[0].begin = 20;
    timeline.folds[0].pixels = 17;
    timeline.folds[0].used_rows = 3;
    timeline.folds[0].used_cols = 2;
    timeline.passes[0].group = 3;
    timeline.passes[0].accumulator = 64;
    std::ostringstream stream;
    write_residency_csv(stream, timeline);
    // Words of the store at edges 21 to 24; 17 elements at 16 lanes are read in cycles 90 and 91.
    EXPECT_EQ(stream.str(),
              "memory,first_word,words,content,owner,filled,replaced\n"
              "activation_buffer,2,4,kept activations,2,24,500\n"
              "output_buffer,64,17,accumulators,0,88,92\n"
              "array,0,6,fold,0,60,88\n");
}

}  // namespace
}  // namespace fluence::traces
