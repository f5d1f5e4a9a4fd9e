// A network whose operands are words of one number format: fxp16, fxp32 (two's complement with one integer
// bit and a power-of-two scale), fp32, bf16. The layers are those of workloads/graph.h; the arithmetic is
// defined in docs/formats-numbers.md.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "workloads/graph.h"

namespace fluence::workloads {

enum class WordFormat { fxp16, fxp32, bf16, fp32 };

struct WordFormatInfo {
    WordFormat format;
    const char* name;
    const char* summary;  // one line
};
const std::vector<WordFormatInfo>& word_formats();
std::vector<std::string> word_format_names();
const char* name_of(WordFormat format);
WordFormat word_format_named(const std::string& name);  // throws std::out_of_range

// The stored bits of a number, in the low bits; the others are 0.
using Word = std::uint32_t;
using Words = std::vector<Word>;

// What belongs to Graph::layers[i] besides its structure.
struct WordLayer {
    Words weights;  // conv, linear: words of the format, laid out as Layer::weights
    Words bias;     // conv, linear: one an output channel; words of the format, fp32 words in bf16
    // Value of code 1; fxp: powers of two, floats: 1.
    double weight_scale = 1, bias_scale = 1;
    bool relu = false;
    double ceiling = std::numeric_limits<double>::infinity();  // with relu: larger values become this
};

struct WordGraph {
    WordFormat format = WordFormat::fp32;
    // Names, shapes, windows, order; TensorInfo::scale is the value of code 1 (floats: 1). Formats of tensors
    // are s32 and say nothing; integer weights and what requantises them are empty. One image.
    Graph structure;
    std::vector<WordLayer> layers;
    std::vector<double> reach;  // by tensor: largest |value| over the calibration images
};

int word_bits(WordFormat format);  // fxp16, bf16: 16; fxp32, fp32: 32
bool is_fixed_point(WordFormat format);

// The fixed-point arithmetic of a layer as shifts, from the scales. Unit of the sum: conv, linear: weight
// scale × input scale; others: the smallest scale of an input.
struct WordShifts {
    int bias = 0;             // conv, linear: sum += bias << this
    std::vector<int> inputs;  // add, concat: input << this
    int output = 0;           // then divided by 2^this, rounded, halves up; negative: shifted to the left
};
WordShifts shifts_of(const WordGraph& graph, std::size_t layer);

// The shifts that a machine stores for a layer: conv, linear: of the bias and of the sum; add, concat: of
// each input and of the sum; avg_pool: of the sum. Empty where words only move, and for floats.
std::vector<int> stored_shifts(const WordGraph& graph, std::size_t layer);

// The structure with as many biases and shifts as a machine stores beside the words (all of them 0): what its
// memory map, schedule and cycles are made of.
Graph stored_structure(const WordGraph& graph);

// Checks structure, sizes, words and scales; throws InputError(file, key, reason).
void validate(const WordGraph& graph, const std::string& file);
// What validate() of workloads/graph.h checks, but for formats, weights and what requantises them.
void validate_structure(const Graph& graph, const std::string& file);

}  // namespace fluence::workloads
