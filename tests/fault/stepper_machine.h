// The state of the stepper and what moves it; for its own .cpp files.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/fault/stepper.h"
#include "tests/fault/stepper_memory.h"

namespace fluence::test {

using traces::Fold;
using traces::Load;
using traces::Segment;
using traces::VectorPass;
using workloads::Codes;
using workloads::Layer;
using workloads::NumberFormat;
using workloads::OpKind;
using workloads::Shape;

// Which A[m,·] of which fold a register's content belongs to; travels with the data.
struct Tag {
    int fold = -1;
    std::int64_t m = 0;
};
struct Activation {
    std::uint8_t bits = 0;
    Tag tag;
};
struct Sum {
    std::uint32_t value = 0;
    std::int64_t wide = 0;  // of the checksum column
    Tag tag;
};

inline std::int32_t as_code(NumberFormat format, std::uint32_t bits) {
    switch (format) {
        case NumberFormat::u8:
            return static_cast<std::uint8_t>(bits);
        case NumberFormat::s8:
            return static_cast<std::int8_t>(bits);
        case NumberFormat::s32:
            break;
    }
    return static_cast<std::int32_t>(bits);
}

// What happens in which cycle, whatever the data are.
struct Stepper::Control {
    struct Word {
        int item = 0;
        std::int64_t dram_word = 0, buffer_word = 0;
    };
    struct Feed {
        int fold = 0;
        std::int64_t m = 0;
        int row = 0;
    };
    struct WeightRow {
        int fold = 0;
        int row = 0;
    };
    struct Element {
        int pass = 0;
        std::int64_t i = 0;
    };
    struct Accumulation {
        Tag tag;
        int col = 0;
    };
    struct Step {
        std::vector<Word> load_writes, store_writes;  // at the edge
        std::vector<WeightRow> shifts;                // at the edge
        std::vector<Feed> feeds;                      // sampled at the edge
        std::vector<Word> load_reads;                 // in the cycle
        std::vector<WeightRow> weight_reads;
        std::vector<Feed> activation_reads;
        std::vector<Accumulation> accumulator_reads;
        std::vector<Element> vector_reads;
    };
    std::vector<Step> steps;
    // Which bytes of which elements a DRAM word of activations is made of.
    struct Byte {
        std::size_t element = 0;
        int byte = 0, bit = 0;
    };
    std::map<std::int64_t, std::vector<Byte>> activation_bytes;

    Step& at(Cycle cycle) {
        if (cycle < 0) {
            throw std::logic_error("timeline: something happens before cycle 0");
        }
        if (static_cast<std::size_t>(cycle) >= steps.size()) {
            steps.resize(static_cast<std::size_t>(cycle) + 1);
        }
        return steps[static_cast<std::size_t>(cycle)];
    }
};

// The state, and how it moves over one edge and through one cycle.
struct Stepper::Machine {
    const Stepper& model;
    const workloads::Graph& graph;
    const traces::Timeline& timeline;
    const int rows, cols;
    const bool at_input, shadowed;
    WordMemory dram, weight_buffer, activation_buffer, output_buffer;
    std::vector<std::vector<Activation>> act;  // [row][col]; one more column for the checksum
    std::vector<std::vector<Sum>> sum;         // [row][col]; `input`: one more row
    std::vector<std::vector<std::uint8_t>> weight, shadow;
    // The same behind the edge that is being computed.
    std::vector<std::vector<Activation>> new_act;
    std::vector<std::vector<Sum>> new_sum;
    std::vector<std::vector<std::uint8_t>> new_weight, new_shadow;
    std::vector<std::vector<std::int64_t>> checksum_weight;                    // [fold][row]
    std::map<std::pair<int, std::int64_t>, WordBits> in_flight;                // (load, DRAM word)
    std::map<std::pair<int, int>, std::vector<std::uint8_t>> fetched_weights;  // (fold, row)
    std::map<std::pair<Cycle, int>, std::uint8_t> fetched_activations;         // (edge, row)
    std::map<std::tuple<int, std::int64_t, int>, std::uint32_t> old_sums;      // (fold, m, col)
    std::map<std::int64_t, WordBits> parameters;                               // by DRAM word
    StepperResult result;

    explicit Machine(const Stepper& stepper);
    void edge(Cycle t, const Control::Step& step, const Control::Step* next);
    void cycle(Cycle t, const Control::Step& step);
    void strike(const fault::Upset& upset);

    std::vector<Activation> feed_at(Cycle t, const Control::Step* step, bool data);
    Sum multiply(const Activation& a, const Sum& above, int r, int c) const;
    void accumulate(const Sum& last, int c);
    void write_accumulator(std::int64_t accumulator, std::uint32_t value);
    std::uint32_t read_accumulator(std::int64_t accumulator);
    std::int64_t buffer_word(int load, std::int64_t dram_word) const;
    std::uint32_t operand(int load, TensorId tensor, std::int64_t element);
    std::int64_t gemm_element(const Fold& fold, std::int64_t m, int row) const;
    std::uint32_t parameter(const Layer& layer, LayerId id, int which, std::size_t index) const;
    void produce(const VectorPass& pass, std::int64_t i);
    std::int32_t combine(const VectorPass& pass, std::int64_t out);
    std::int32_t requantise(const Layer& layer, LayerId id, std::int64_t acc, std::size_t index) const;
    WordBits stored_word(TensorId tensor, std::int64_t word) const;
    void fill_dram(const Codes& image);
};

}  // namespace fluence::test
