// The PE array, a fold at a time: reads the fold's operands from the buffers and adds its products to the
// accumulators in the output buffer, whatever the dataflow. When each word is read and written inside the
// fold is dataflow::SpaceTimeMap's to say; the controller calls at the edges that follow from it.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <systemc>
#include <vector>

#include "sim/accel/interfaces.h"
#include "sim/accel/tensor_window.h"
#include "sim/accel/workload.h"
#include "sim/dataflow/im2col.h"

namespace fluence::accel {

class FoldArray : public sc_core::sc_module, public FoldCommands {
  public:
    tlm_utils::simple_initiator_socket<FoldArray> weight_buffer;
    tlm_utils::simple_initiator_socket<FoldArray> activation_buffer;
    tlm_utils::simple_initiator_socket<FoldArray> output_buffer;

    FoldArray(const sc_core::sc_module_name& name, const Workload& workload);

    // The stationary operand enters the array (at edge Fold::preload).
    void preload(std::int32_t fold) override;
    // The other operand, or both, stream through it (from edge Fold::stream on).
    void stream(std::int32_t fold) override;

  private:
    template <class Socket>
    void read(Socket& socket, Memory memory, std::int64_t address, std::uint8_t* data, std::int64_t bytes);
    void take_weights(const traces::Fold& fold);
    void take_activations(const traces::Fold& fold);
    void fetch_rows(const traces::Fold& fold, const dataflow::Im2col& im2col);
    void multiply(const traces::Fold& fold);
    void accumulate(const traces::Fold& fold);
    // Adds `count` products to the accumulators from `accumulator` on.
    void accumulate_run(bool anew, std::int64_t accumulator, const std::int32_t* products,
                        std::int64_t count);

    const Workload& workload_;
    std::int32_t held_ = -1;                 // the fold whose stationary operand entered last
    TensorWindow window_;                    // activations by DRAM address
    std::vector<std::int8_t> weights_;       // term, channel of the fold
    std::vector<std::int32_t> activations_;  // term, pixel of the fold
    std::vector<std::int32_t> products_;     // channel, pixel of the fold
    std::vector<std::uint8_t> words_;
};

}  // namespace fluence::accel
