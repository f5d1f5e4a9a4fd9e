// Control connections between the modules; data flows through TLM sockets.
#pragma once

#include <cstdint>
#include <systemc>

#include "sim/accel/run_observer.h"

namespace fluence::accel {

// Asks the DMA for a transfer of the tile plan. The request stands from the present cycle on.
class TransferRequests : public virtual sc_core::sc_interface {
  public:
    virtual void request_load(std::int32_t load) = 0;
    virtual void request_store(std::int32_t store) = 0;
};

// The DMA reports that it began a transfer; its words move from `begin` on as traces::Load and Store say.
class TransferReports : public virtual sc_core::sc_interface {
  public:
    virtual void load_began(std::int32_t load, Cycle begin, Cycle latency) = 0;
    virtual void store_began(std::int32_t store, Cycle begin, Cycle latency) = 0;
};

// The array executes a fold in two steps, called at the fold's edges.
class FoldCommands : public virtual sc_core::sc_interface {
  public:
    virtual BufferTraffic preload(std::int32_t fold) = 0;
    virtual BufferTraffic stream(std::int32_t fold) = 0;
};

// The vector unit executes a pass, called in its first cycle.
class PassCommands : public virtual sc_core::sc_interface {
  public:
    virtual BufferTraffic run(std::int32_t pass) = 0;
};

}  // namespace fluence::accel
