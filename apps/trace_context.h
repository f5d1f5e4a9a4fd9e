// What trace files say about the machine they show.
#pragma once

#include <string>

#include "sim/core/accelerator_config.h"
#include "traces/perfetto.h"

namespace fluence::apps {

traces::TraceContext trace_context(const std::string& network, const AcceleratorConfig& config,
                                   const std::string& policy);

}  // namespace fluence::apps
