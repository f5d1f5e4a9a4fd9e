#include "sim/fault/registry.h"

#include <stdexcept>

#include "sim/fault/layer_choice.h"

namespace fluence::fault {

const std::vector<FaultModel>& fault_model_table() {
    static const std::vector<FaultModel> table = {
        {"seu", "one bit of the machine's storage inverted at one cycle, uniform over bits and cycles", true,
         true, Pattern::bit, parse_seu, write_seu, seu_sites, nullptr},
        {"mbu", "a cluster of adjacent bits of the machine's storage, begun at a uniform bit and cycle", true,
         true, Pattern::cluster, parse_mbu, write_mbu, seu_sites, strike_cluster},
        {"neuron-flip", "one bit of one stored layer output inverted, uniform over outputs and bits", false,
         false, Pattern::bit, parse_layers, write_layers, neuron_sites, nullptr},
        {"neuron-rand", "one stored layer output replaced by a uniform random code", false, false,
         Pattern::unit, parse_layers, write_layers, neuron_sites, strike_random_code},
        {"mac-bits", "MAC outputs with six distinct random wrong bits of their 32", false, true,
         Pattern::unit, parse_mac_errors, write_mac_errors, mac_output_sites, strike_six_bits},
        {"mac-word", "MAC outputs with a run of wrong bits around a random one", false, true, Pattern::unit,
         parse_mac_errors, write_mac_errors, mac_output_sites, strike_word},
        {"dropout", "neurons computed on unprotected PEs output 0, each with the same probability", false,
         false, Pattern::unit, parse_dropout, write_dropout, dropout_sites, nullptr, "probability"},
        {"agn", "normally distributed noise on the outputs of neurons that are computed on unprotected PEs",
         false, false, Pattern::unit, parse_noise, write_noise, noise_sites, nullptr, "sigma"},
        {"weight-flip", "one bit of one stored weight inverted from the beginning on, uniform over weights",
         false, false, Pattern::bit, parse_layers, write_layers, weight_sites, nullptr},
        {"stuck-at",
         "one bit of a register of the PE array held at 0 or 1, for the whole run or from a cycle on", true,
         false, Pattern::bit, parse_stuck_at, write_stuck_at, register_sites, strike_held},
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
