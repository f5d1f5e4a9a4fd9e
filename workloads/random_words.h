// Random graphs of words for tests and self-checks: the structure of random_graph.h with weights and scales
// of a number format.
#pragma once

#include "sim/core/random.h"
#include "workloads/word_graph.h"

namespace fluence::workloads {

// A word of the format, uniform.
Word random_word(WordFormat format, RandomStream& stream);
// A valid graph whose values neither vanish nor saturate everywhere.
WordGraph random_word_graph(WordFormat format, RandomStream& stream);
Words random_word_image(const WordGraph& graph, RandomStream& stream);

}  // namespace fluence::workloads
