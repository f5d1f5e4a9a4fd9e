#include "sim/fault/registry.h"

#include <stdexcept>

namespace fluence::fault {

const std::vector<FaultModel>& fault_model_table() {
    static const std::vector<FaultModel> table = {
        {"seu", "one bit of the machine's storage inverted at one cycle, uniform over bits and cycles", true,
         parse_seu, write_seu, seu_sites},
        {"neuron-flip", "one bit of one stored layer output inverted, uniform over outputs and bits", false,
         parse_neuron_flip, write_neuron_flip, neuron_flip_sites},
    };
    return table;
}

const FaultModel& fault_model(const std::string& name) {
    for (const FaultModel& model : fault_model_table()) {
        if (name == model.name) {
            return model;
        }
    }
    throw std::out_of_range(name);
}

}  // namespace fluence::fault
