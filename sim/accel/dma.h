// Moves words between DRAM and the chip. One port to DRAM, shared by loads and stores: the request that
// stands longest goes first; of requests of one cycle a store goes first, then parameters, activations,
// weights. A transfer occupies the port for its words, or whole bursts of them, at the DRAM's bandwidth, and
// while DRAM opens a row for it. A store into the activation buffer occupies the DMA for as long as its words
// would occupy the port. A transfer that finds the port of its buffer taken waits, and what stands behind it
// too.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <systemc>
#include <vector>

#include "sim/accel/buffer_ports.h"
#include "sim/accel/interfaces.h"
#include "sim/accel/workload.h"
#include "sim/dataflow/dram_port.h"

namespace fluence::accel {

class Dma : public sc_core::sc_module, public TransferRequests {
  public:
    tlm_utils::simple_initiator_socket<Dma> dram;
    tlm_utils::simple_initiator_socket<Dma> weight_buffer;
    tlm_utils::simple_initiator_socket<Dma> activation_buffer;
    tlm_utils::simple_initiator_socket<Dma> vector_unit;  // parameters to it, finished codes from it
    sc_core::sc_port<TransferReports> reports;

    SC_HAS_PROCESS(Dma);
    Dma(const sc_core::sc_module_name& name, const Workload& workload, PortTable& ports);

    void request_load(std::int32_t load) override;
    void request_store(std::int32_t store) override;

  private:
    struct Request {
        Cycle cycle = 0;
        int priority = 0;
        std::int32_t index = 0;
    };
    void enqueue(int priority, std::int32_t index);
    Request take_first();
    // The transfer begins when its buffer (null: none) has a port for its words.
    TransferTimes occupy(const traces::Transfer& planned, const TransferTimes& times, BufferPorts* buffer);
    void serve();
    void load(std::int32_t index, Cycle begin);
    void store(std::int32_t index, Cycle begin);
    // Throws where the memory's own delay is not the one that the timing assumes.
    void expect(Cycle latency, Cycle answered) const;
    void deliver(const traces::Load& load, const traces::Segment& segment);

    const Workload& workload_;
    std::vector<Request> queue_;
    sc_core::sc_event arrived_;
    PortTable& ports_;
    dataflow::DramPort port_;
    Cycle port_free_ = 0;
    std::vector<std::uint8_t> words_;  // of the segment that is moving
};

}  // namespace fluence::accel
