// ResNet-18 (He et al., 2016) on 3×224×224 with 1,000 classes and random weights: a network of real size.
#pragma once

#include "sim/core/random.h"
#include "workloads/graph.h"

namespace fluence::test {

workloads::Graph resnet18_graph(RandomStream& stream);

}  // namespace fluence::test
