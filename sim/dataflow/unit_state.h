// Registers and words of the machine outside the PE array and the memories, one bank a kind. Fault sites and
// the register-true machine take their counts from here.
#pragma once

#include <optional>
#include <vector>

#include "sim/dataflow/registers.h"
#include "workloads/graph.h"

namespace fluence::dataflow {

// What a policy puts into the machine.
struct UnitParts {
    bool checksum = false;  // a checksum column with its comparator
    bool relu_check = false;
    bool range_restriction = false;
    int added_stages = 0;           // of the vector unit's pipeline
    bool duplicates = false;        // duplicated filters: kept sums and their comparators
    std::int64_t filter_bytes = 0;  // of the buffer of a filter of whole pixels
    int filter_threshold_bits = 0;  // of the register of a lane of that filter
    int kept_answers = 0;           // at the inference end: so many answers
    bool kept_classes = false;      // of each the class of every image, otherwise all logits
    int kept_bits = 0;              // of one of those
    int confidence_thresholds = 0;  // registers
    int confidence_threshold_bits = 0;
};

std::vector<RegisterBank> unit_banks(const workloads::Graph& graph, const AcceleratorConfig& config,
                                     const UnitParts& parts);
// The bank of that kind; nothing where the machine has none.
std::optional<RegisterBank> unit_bank(const workloads::Graph& graph, const AcceleratorConfig& config,
                                      const UnitParts& parts, traces::SiteKind kind);

}  // namespace fluence::dataflow
