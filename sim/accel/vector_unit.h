// The vector unit: drains accumulators from the output buffer (bias, requantisation, clamp), executes the
// layers without MACs on operands from the activation buffer, and collects the codes until whole words of
// them are stored. Under a policy with range restriction or a checksum comparator its pipeline is longer;
// what those do to values is no matter of timing and left to the engine (sim/arith, sim/protect).
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <map>
#include <systemc>
#include <vector>

#include "sim/accel/interfaces.h"
#include "sim/accel/tensor_window.h"
#include "sim/accel/vector_arithmetic.h"
#include "sim/accel/workload.h"
#include "sim/dataflow/tensor_layout.h"

namespace fluence::accel {

class VectorUnit : public sc_core::sc_module, public PassCommands {
  public:
    tlm_utils::simple_initiator_socket<VectorUnit> output_buffer;
    tlm_utils::simple_initiator_socket<VectorUnit> activation_buffer;
    // Writes are parameters, reads are finished codes; both by DRAM byte address.
    tlm_utils::simple_target_socket<VectorUnit> dma;

    VectorUnit(const sc_core::sc_module_name& name, const Workload& workload);

    void run(std::int32_t pass) override;

  private:
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    void take_parameters(const dataflow::Region& region, const tlm::tlm_generic_payload& payload);
    const LayerParameters& parameters_of(LayerId layer);
    template <class Socket>
    void read(Socket& socket, Memory memory, std::int64_t address, std::uint8_t* data, std::int64_t bytes);
    void drain_block(const traces::VectorPass& pass);
    void run_range(const traces::VectorPass& pass);
    // Puts a finished code where the DMA fetches it.
    void stage(const dataflow::TensorLayout& layout, std::vector<std::uint8_t>& staged, std::int64_t element,
               std::int32_t code);
    std::vector<std::uint8_t>& staged_words(TensorId stored);

    const Workload& workload_;
    std::vector<std::uint8_t> parameter_words_;
    LayerId parameter_layer_{};
    LayerParameters parameters_;
    std::vector<TensorWindow> windows_;                         // one an operand
    std::map<std::int32_t, std::vector<std::uint8_t>> staged_;  // by tensor: its region's bytes
    std::vector<std::uint8_t> accumulators_;
};

}  // namespace fluence::accel
