#include "sim/dataflow/registry.h"

#include <string>

#include "sim/core/error.h"

namespace fluence::dataflow {

const std::vector<Dataflow>& dataflows() {
    static const std::vector<Dataflow> table = {
        {"weight-stationary", "weights stay in the PEs, activations move right, partial sums down",
         plan_weight_stationary},
        {"output-stationary", "sums stay in the PEs, activations move right, weights down",
         plan_output_stationary},
        {"input-stationary", "activations stay in the PEs, weights move right, partial sums down",
         plan_input_stationary},
    };
    return table;
}

const Dataflow& dataflow_of(const AcceleratorConfig& config) {
    std::string valid;
    for (const Dataflow& dataflow : dataflows()) {
        if (config.array.dataflow == dataflow.name) {
            return dataflow;
        }
        valid += (valid.empty() ? "" : ", ") + std::string(dataflow.name);
    }
    throw InputError(config.name, "array.dataflow", "there is no dataflow \"" + config.array.dataflow + "\"",
                     valid);
}

}  // namespace fluence::dataflow
