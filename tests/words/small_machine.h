// A network of two layers, small enough to write down, on a machine of 2×2 PEs, and where its values lie.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/accel/machine.h"
#include "sim/arith/word_formats.h"
#include "sim/dataflow/memory_map.h"
#include "sim/words/stepped_machine.h"
#include "tests/accel/machines.h"
#include "tests/support/upsets.h"
#include "tests/words/word_machines.h"
#include "workloads/word_reference.h"

namespace fluence::words {

using traces::Cycle;
using traces::SiteKind;
using traces::Upset;
using workloads::WordFormat;
using workloads::Words;

// y[n][m] = b1[n] + Σ_k w1[n][k]·x[k][m] for 3 channels k, 2 channels n and 2 pixels m; z[j] = b2[j] + Σ_i
// w2[j][i]·y[i], i = 2n + m. Scales are such that nothing is shifted.
struct Numbers {
    std::array<std::array<double, 2>, 3> x = {{{3, -5}, {7, 2}, {-4, 6}}};
    std::array<std::array<double, 3>, 2> w1 = {{{2, -3, 5}, {1, 4, -6}}};
    std::array<double, 2> b1 = {10, -20};
    std::array<std::array<double, 4>, 2> w2 = {{{1, -2, 3, 1}, {2, 1, -1, 4}}};
    std::array<double, 2> b2 = {5, 6};

    double y(int n, int m) const {
        double sum = 0;
        for (int k = 0; k < 3; ++k) {
            sum += w1[n][k] * x[k][m];
        }
        return sum + b1[n];
    }
    std::array<double, 4> y() const { return {y(0, 0), y(0, 1), y(1, 0), y(1, 1)}; }
    std::array<double, 2> z(const std::array<double, 4>& of) const {
        std::array<double, 2> sums = b2;
        for (int j = 0; j < 2; ++j) {
            for (int i = 0; i < 4; ++i) {
                sums[j] += w2[j][i] * of[i];
            }
        }
        return sums;
    }
};

// What a run must come to: the first layer's outputs and the logits, as numbers.
struct Expected {
    std::array<double, 4> y{};
    std::array<double, 2> z{};
};
inline Expected of(const Numbers& numbers) {
    return {numbers.y(), numbers.z(numbers.y())};
}
// Where the second layer reads other outputs than the first one made, or made others.
inline Expected of(const Numbers& numbers, const std::array<double, 4>& made,
                   const std::array<double, 4>& read) {
    return {made, numbers.z(read)};
}

// The network on a machine of 2×2 PEs: two folds a reduction of three.
class Small {
  public:
    explicit Small(WordFormat format, const std::string& dataflow = "weight-stationary", int word_bits = 64,
                   int bytes_per_cycle = 8, const protect::Policy& policy = {},
                   const VectorUnitConfig& vector_unit = {4, Cycles(3)})
        : format_(format), policy_(policy) {
        config_ = test::machine("small", {2, 2, 512, 512, 1024, word_bits, 128, bytes_per_cycle},
                                OperandRegister::output, false);
        config_.vector_unit = vector_unit;
        config_.array.dataflow = dataflow;
        config_.array.format = machine_format(format);
        config_.array.operand_bits = 8 * stored_widths(config_.array.format).operand;
        config_.array.accumulator_bits = is_float(config_.array.format) ? 32
                                         : format == WordFormat::fxp16  ? 48
                                                                        : 80;
        network();
        structure_ = workloads::stored_structure(graph_);
        timeline_ = accel::time_machine(structure_, config_, policy_);
        map_ = std::make_unique<dataflow::MemoryMap>(structure_, config_);
        machine_ = std::make_unique<SteppedWordMachine>(graph_, config_, policy_, timeline_);
    }

    // Words that stand for the numbers.
    void expect(const std::vector<Upset>& upsets, const Expected& expected) const {
        const SteppedWordMachine::Run run = machine_->run(image_, upsets);
        for (std::size_t i = 0; i < expected.y.size(); ++i) {
            EXPECT_EQ(run.tensors[1][i], word(expected.y[i])) << "output " << i;
        }
        for (std::size_t i = 0; i < expected.z.size(); ++i) {
            EXPECT_EQ(run.logits[i], word(expected.z[i])) << "logit " << i;
        }
        EXPECT_EQ(run.tensors[2], run.logits);
    }
    SteppedWordMachine::Run run(const std::vector<Upset>& upsets) const {
        return machine_->run(image_, upsets);
    }

    // Saturated, or rounded, where the format does.
    workloads::Word word(double value) const {
        if (is_float(config_.array.format)) {
            return workloads::nearest_word(format_, 1, value);
        }
        const double most = std::ldexp(1.0, workloads::word_bits(format_) - 1);
        const auto code = static_cast<std::int64_t>(std::min(std::max(value, -most), most - 1));
        return static_cast<workloads::Word>(code) & (~0U >> (32 - workloads::word_bits(format_)));
    }

    Upset upset(SiteKind site, std::int64_t unit, Cycle cycle, int bit) const {
        return test::upset(site, unit, cycle, bit);
    }

    // A value in DRAM: its word, the value's lowest bit in it, and the first load that brings it (null: none)
    // with its place there.
    struct Stored {
        std::int64_t word = 0;
        int bit = 0;
        const traces::Load* load = nullptr;
        std::int64_t place = 0, buffer_word = 0;
        Cycle read() const { return load->read_cycle(place); }
        Cycle written() const { return load->write_cycle(place); }
    };
    Stored weight(int layer, std::int64_t index) const {
        return found(map_->weight_word(layer_id(layer), index), map_->weight_bit(layer_id(layer), index));
    }
    Stored activation(int tensor, std::int64_t element) const {
        return found(map_->activation_word(tensor_id(tensor), element),
                     map_->activation_bit(tensor_id(tensor), element));
    }
    // From byte `byte` of the layer's biases on; a shift, on a new word behind them.
    Stored bias(int layer, int byte) const {
        const int unit = config_.dram.word_bytes();
        return found(map_->parameters(layer_id(layer)).first_word + byte / unit, byte % unit * 8);
    }
    Stored shift(int layer, int index) const {
        const int bias_words = (2 * stored_widths(config_.array.format).bias + 7) / 8;
        return found(map_->parameters(layer_id(layer)).first_word + bias_words, 8 * index);
    }
    Upset in_dram(const Stored& stored, Cycle cycle, int bit) const {
        return upset(SiteKind::dram, stored.word, cycle, stored.bit + bit);
    }
    const traces::Store& store_of(TensorId tensor) const {
        for (const traces::Store& store : timeline_.stores) {
            if (store.tensor == tensor) {
                return store;
            }
        }
        throw std::logic_error("no store");
    }

    const traces::Fold& fold(std::size_t index) const { return timeline_.folds.at(index); }
    const traces::VectorPass& pass(std::size_t index) const { return timeline_.passes.at(index); }
    Cycle cycles() const { return timeline_.cycles; }
    int sum_bits() const { return 8 * stored_widths(config_.array.format).sum; }
    // The word of the output buffer of an accumulator, and its lowest bit there.
    Upset in_sum(std::int64_t accumulator, Cycle cycle, int bit) const {
        const std::int64_t in_word = config_.output_buffer.word_bits / sum_bits();
        return upset(SiteKind::output_buffer, accumulator / in_word, cycle,
                     static_cast<int>(accumulator % in_word) * sum_bits() + bit);
    }
    const AcceleratorConfig& config() const { return config_; }
    const protect::Policy& policy() const { return policy_; }
    const workloads::WordGraph& graph() const { return graph_; }
    const traces::Timeline& timeline() const { return timeline_; }
    const Words& image() const { return image_; }

  private:
    void network() {
        const Numbers numbers;
        const bool fixed = workloads::is_fixed_point(format_);
        const double unit = fixed ? std::ldexp(1.0, 1 - workloads::word_bits(format_)) : 1;
        graph_.format = format_;
        workloads::Graph& structure = graph_.structure;
        structure.name = "small";
        const auto s32 = workloads::NumberFormat::s32;
        structure.tensors = {{"x", {3, 1, 2}, s32, unit},
                             {"y", {2, 1, 2}, s32, unit * unit},
                             {"z", {2, 1, 1}, s32, unit * unit * unit}};
        structure.input = tensor_id(0);
        structure.logits = tensor_id(2);
        structure.layers.resize(2);
        graph_.layers.resize(2);
        graph_.reach = {1, 1, 1};
        for (int i = 0; i < 2; ++i) {
            workloads::Layer& layer = structure.layers[i];
            layer.name = i == 0 ? "conv" : "linear";
            layer.kind = i == 0 ? workloads::OpKind::conv : workloads::OpKind::linear;
            layer.inputs = {tensor_id(i)};
            layer.output = tensor_id(i + 1);
            graph_.layers[i].weight_scale = unit;
            graph_.layers[i].bias_scale = unit * structure.tensors[i].scale;
        }
        const auto put = [&](Words& words, const auto& values) {
            for (const double value : values) {
                words.push_back(word(value));
            }
        };
        const auto put_biases = [&](Words& words, const std::array<double, 2>& values) {
            for (const double value : values) {
                words.push_back(format_ == WordFormat::bf16
                                    ? workloads::nearest_word(WordFormat::fp32, 1, value)
                                    : word(value));
            }
        };
        for (int n = 0; n < 2; ++n) {
            put(graph_.layers[0].weights, numbers.w1[n]);
            put(graph_.layers[1].weights, numbers.w2[n]);
        }
        put_biases(graph_.layers[0].bias, numbers.b1);
        put_biases(graph_.layers[1].bias, numbers.b2);
        for (const auto& channel : numbers.x) {
            put(image_, channel);
        }
        workloads::validate(graph_, "small");
    }

    Stored found(std::int64_t word, int bit) const {
        for (const traces::Load& load : timeline_.loads) {
            std::int64_t place = 0;
            for (const traces::Segment& segment : load.segments) {
                if (word >= segment.dram_word && word < segment.dram_word + segment.words) {
                    const std::int64_t offset = word - segment.dram_word;
                    return {word, bit, &load, place + offset, segment.buffer_word + offset};
                }
                place += segment.words;
            }
        }
        return {word, bit, nullptr, 0, 0};
    }

    WordFormat format_;
    const protect::Policy policy_;
    workloads::WordGraph graph_;
    workloads::Graph structure_;
    AcceleratorConfig config_;
    traces::Timeline timeline_;
    std::unique_ptr<dataflow::MemoryMap> map_;
    std::unique_ptr<SteppedWordMachine> machine_;
    Words image_;
};

}  // namespace fluence::words
