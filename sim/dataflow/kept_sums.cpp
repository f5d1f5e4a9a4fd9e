#include "sim/dataflow/kept_sums.h"

#include "sim/dataflow/checksum_column.h"

namespace fluence::dataflow {

// As many pixels as a checksum column has sums for: both are drained tile by tile.
std::int64_t kept_sum_words(const workloads::Graph& graph, const AcceleratorConfig& config) {
    return checksum_words(graph, config);
}

}  // namespace fluence::dataflow
