// The PE array, a fold at a time: reads the fold's weights and activations from the buffers, adds its
// products to the accumulators in the output buffer. When each word is read and written inside the fold is
// dataflow::WeightStationaryMap's to say; the controller calls at the edges that follow from it.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <systemc>
#include <vector>

#include "sim/accel/interfaces.h"
#include "sim/accel/tensor_window.h"
#include "sim/accel/workload.h"
#include "sim/dataflow/tensor_layout.h"

namespace fluence::accel {

class WeightStationaryArray : public sc_core::sc_module, public FoldCommands {
  public:
    tlm_utils::simple_initiator_socket<WeightStationaryArray> weight_buffer;
    tlm_utils::simple_initiator_socket<WeightStationaryArray> activation_buffer;
    tlm_utils::simple_initiator_socket<WeightStationaryArray> output_buffer;

    WeightStationaryArray(const sc_core::sc_module_name& name, const Workload& workload);

    // The weights enter the array (at edge Fold::preload).
    BufferTraffic preload(std::int32_t fold) override;
    // The activations stream through it (from edge Fold::stream on).
    BufferTraffic stream(std::int32_t fold) override;

  private:
    template <class Socket>
    void read(Socket& socket, Memory memory, std::int64_t address, std::uint8_t* data, std::int64_t bytes);
    void fetch_activations(const traces::Fold& fold);
    // A[m,k] of all pixels of the fold for reduction row k; returns how many were read from the buffer.
    std::int64_t gather(const traces::Fold& fold, std::int64_t k);
    void multiply(const traces::Fold& fold, int row);
    BufferTraffic accumulate(const traces::Fold& fold);
    const workloads::Layer& layer_of(const traces::Fold& fold) const {
        return workload_.graph.layer(fold.layer);
    }

    const Workload& workload_;
    std::int32_t held_ = -1;            // the fold whose weights entered last
    std::vector<std::int8_t> weights_;  // row, column of the array
    TensorWindow window_;
    std::vector<std::int32_t> column_;    // A[·,k]
    std::vector<std::int32_t> products_;  // channel, pixel of the fold
    std::vector<std::uint8_t> words_;
};

}  // namespace fluence::accel
