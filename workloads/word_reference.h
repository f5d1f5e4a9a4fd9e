// The arithmetic of graphs of words by its definition (docs/formats-numbers.md), in plain loops: golden
// activations of exporters come from it, and engines are held against it.
#pragma once

#include <vector>

#include "workloads/word_graph.h"

namespace fluence::workloads {

// A stored value replaced: an element of a layer's weights, or of a layer's output.
struct WordFault {
    std::size_t layer = 0;
    bool in_weights = false;
    std::int64_t index = 0;
    Word word = 0;
};

// The words of all tensors of the inference of an image (words of the input tensor), under `faults`.
std::vector<Words> reference_run(const WordGraph& graph, const Words& image,
                                 const std::vector<WordFault>& faults = {});

// A word as a number, and the nearest word of a number: ties to even; fixed point saturates, floats round
// through fp32. `scale`: of the tensor.
double value_of(WordFormat format, double scale, Word word);
Word nearest_word(WordFormat format, double scale, double value);

}  // namespace fluence::workloads
