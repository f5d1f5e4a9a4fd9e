// A slow, independent reference of the machine under an upset: every register, buffer word and DRAM word is
// real state that moves edge by edge. It takes control alone from the timeline (which word is transferred
// when, when a fold is preloaded and begins to stream, when the vector unit reads an element) and derives
// what an upset does by moving the struck bits along. Nothing here is computed in closed form.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/dataflow/memory_map.h"
#include "sim/fault/upset.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::test {

using traces::Cycle;

struct StepperResult {
    std::vector<workloads::Codes> tensors;  // as the vector unit made them; the logits as the host reads them
    bool corrected = false, detected = false;
    WordBits struck, struck_after;  // the register or word, before and after the upset
    // What the checksum column summed up, by (layer, pixel, first channel of the block).
    std::map<std::tuple<int, std::int64_t, std::int64_t>, std::int64_t> checksums;
};

class Stepper {
  public:
    // Keeps references to its arguments.
    Stepper(const workloads::Graph& graph, const AcceleratorConfig& config, const protect::Policy& policy,
            const traces::Timeline& timeline, const workloads::Codes& image);
    ~Stepper();

    // None of `upsets` of a neuron.
    StepperResult run(const std::vector<fault::Upset>& upsets);

  private:
    struct Machine;
    struct Control;
    const workloads::Graph& graph_;
    const AcceleratorConfig& config_;
    const protect::Policy& policy_;
    const traces::Timeline& timeline_;
    const workloads::Codes& image_;
    dataflow::MemoryMap map_;
    std::unique_ptr<Control> control_;
};

}  // namespace fluence::test
