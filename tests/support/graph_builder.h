// The builder that random networks use, under the tests' own namespace.
#pragma once

#include "workloads/graph_builder.h"

namespace fluence::test {

using workloads::GraphBuilder;
using workloads::output_extent;

}  // namespace fluence::test
