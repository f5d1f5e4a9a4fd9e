// The path of an upset in words: struck here, read by these MACs, changed these values, masked or not there.
#pragma once

#include <string>

#include "sim/campaign/fault_path.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::analysis {

// Several lines, the last one ended too. Positions: outputs as channel, row, column; MACs as ranges of m, k
// and n inside their group, both ends included.
std::string path_text(const campaign::FaultPath& path, const workloads::Graph& graph,
                      const traces::Timeline& timeline);

}  // namespace fluence::analysis
