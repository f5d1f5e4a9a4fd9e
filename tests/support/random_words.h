// The random graphs of words under the name that tests use.
#pragma once

#include "workloads/random_words.h"

namespace fluence::test {

using workloads::random_word;
using workloads::random_word_graph;
using workloads::random_word_image;

}  // namespace fluence::test
