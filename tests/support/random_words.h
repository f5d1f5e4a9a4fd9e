// Random graphs of words for tests: the structure of workloads/random_graph.h with weights and scales of a
// number format.
#pragma once

#include "sim/core/random.h"
#include "workloads/word_graph.h"

namespace fluence::test {

// A word of the format, uniform.
workloads::Word random_word(workloads::WordFormat format, RandomStream& stream);
// A valid graph whose values neither vanish nor saturate everywhere.
workloads::WordGraph random_word_graph(workloads::WordFormat format, RandomStream& stream);
workloads::Words random_word_image(const workloads::WordGraph& graph, RandomStream& stream);

}  // namespace fluence::test
