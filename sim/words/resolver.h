// Upset → its exact consequences on a machine of words (docs/formats-numbers.md): closed form, from the
// timeline, the space-time map and the memory map, as fault::Resolver for int8. The register-true machine
// (stepped_machine.h) finds the same, bit for bit.
#pragma once

#include <memory>
#include <vector>

#include "sim/arith/word_values.h"
#include "sim/core/accelerator_config.h"
#include "sim/fault/sites.h"
#include "sim/fault/upset.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "workloads/word_graph.h"

namespace fluence::words {

// The order in which the machine adds; engines of its runs are made with it.
arith::MachineOrder machine_order(const workloads::WordGraph& graph, const AcceleratorConfig& config);

// Where upsets strike: registers of the array and of the vector unit, words of the buffers and of DRAM with
// their check bits.
std::vector<fault::SiteClass> word_site_classes(const workloads::WordGraph& graph,
                                                const AcceleratorConfig& config,
                                                const protect::Policy& policy);

struct WordResolution {
    // Why nothing changed on the way to a layer's outputs; none: something did.
    fault::DeadReason dead = fault::DeadReason::none;
    // The struck register or value before and after (the low 64 bits of wider ones), as fault::Resolution.
    std::uint64_t golden_bits = 0, faulty_bits = 0;
    std::int32_t layer = -1;
    bool corrected = false;    // a code corrected at least one read
    bool detected = false;     // a code detected at least one read that it could not correct
    bool aborted = false;      // DueAction::abort: the inference ended
    traces::Cycle ended = -1;  // and in which cycle; the run's cycles: when the host read the logits
    arith::ValueRun run;       // nothing changed where aborted
};

class WordResolver {
  public:
    // Keeps a reference to `timeline`, of a run of the graph under the policy; copies the others. Throws what
    // check_machine() throws.
    WordResolver(const workloads::WordGraph& graph, const AcceleratorConfig& config,
                 const protect::Policy& policy, const traces::Timeline& timeline);
    ~WordResolver();

    // The joint effect of upsets in one inference. `values`: made with machine_order(), and the image loaded.
    // `visit`: as WordValues::propagate(). Throws std::out_of_range for sites that the machine does not have.
    WordResolution resolve(const std::vector<traces::Upset>& upsets, arith::WordValues& values,
                           const arith::WordValues::Visit& visit = {}) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace fluence::words
