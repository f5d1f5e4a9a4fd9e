#include "sim/accel/workload.h"

#include "sim/dataflow/registry.h"

namespace fluence::accel {

Workload::Workload(const workloads::Graph& network, const AcceleratorConfig& machine,
                   const protect::Policy& protection, Words moving)
    : graph(network),
      config(machine),
      policy(protection),
      timing(protect::timing_of(protection)),
      map(network, machine),
      plan(dataflow::dataflow_of(machine).plan(network, machine, map)),
      clock(machine.clock_mhz),
      words(moving) {}

}  // namespace fluence::accel
