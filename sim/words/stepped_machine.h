// The register-true machine of words (fxp16, fxp32, bf16, fp32): every register of the array, every word of
// the memories and every register of the vector unit, moved cycle by cycle under the control of a timeline,
// with bits inverted in any of them (docs/formats-numbers.md, "Machines of words"). Nothing here is closed
// form: it is what the tile level's answers (resolver.h) are held against.
//
// Words of the memories stand behind their codes: encoded when they are written, decoded when they are read.
// In cycle t: edge(t), at which registers and words take their new values; the upsets of cycle t; then words
// are read. A stretch of cycles in which nothing moves is passed over.
#pragma once

#include <memory>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "traces/upset.h"
#include "workloads/word_graph.h"

namespace fluence::words {

class SteppedWordMachine {
  public:
    struct Run {
        std::vector<workloads::Words> tensors;  // as the vector unit finished them; the input as given
        workloads::Words logits;   // as the host reads them from DRAM behind the last cycle; none if aborted
        bool corrected = false;    // a code corrected a read
        bool detected = false;     // a code detected in a read what it could not correct
        bool aborted = false;      // and the policy ended the inference: tensors are as far as it got
        traces::Cycle ended = -1;  // in which cycle; the run's cycles: when the host read the logits
    };

    // Keeps references to `graph` and `timeline`, of a run of the graph's workloads::stored_structure() on
    // this machine under this policy. Throws std::invalid_argument for a machine of another format than the
    // graph's, travelling control, or a timeline with other decoders; what check_policy() throws.
    SteppedWordMachine(const workloads::WordGraph& graph, const AcceleratorConfig& config,
                       const protect::Policy& policy, const traces::Timeline& timeline);
    ~SteppedWordMachine();

    // One inference of `image` (words of the input) under `upsets`, in any order; any number of times, each
    // from the start. Throws InputError where the image has not the size of the input, std::out_of_range
    // for an upset of a site, unit, bit or cycle that the machine does not have.
    Run run(const workloads::Words& image, const std::vector<traces::Upset>& upsets) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace fluence::words
