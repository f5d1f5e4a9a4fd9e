// The whole machine: its modules and all binding between them.
#pragma once

#include <systemc>

#include "sim/accel/controller.h"
#include "sim/accel/dma.h"
#include "sim/accel/dram.h"
#include "sim/accel/ecc_codec.h"
#include "sim/accel/fold_array.h"
#include "sim/accel/sram_buffer.h"
#include "sim/accel/vector_unit.h"

namespace fluence::accel {

class Accelerator : public sc_core::sc_module {
  public:
    // `memory`: the words of DRAM when the run begins (memory_image()); empty where no words move. `observer`
    // may be null.
    Accelerator(const sc_core::sc_module_name& name, const Workload& workload,
                std::vector<std::uint8_t> memory, RunObserver* observer);

    // Every store of the plan is made.
    bool finished() const { return controller_.finished(); }
    // What is in DRAM, decoded; by tensor, a flatten's output too. For use when the run has ended.
    std::vector<workloads::Codes> tensors();

  private:
    void start_of_simulation() override;

    const Workload& workload_;
    std::vector<std::uint8_t> memory_;

    PortTable ports_;
    Controller controller_;
    Dma dma_;
    FoldArray array_;
    VectorUnit vector_unit_;
    EccCodec dram_codec_, weight_codec_, activation_codec_, output_codec_;
    Dram dram_;
    SramBuffer weight_buffer_, activation_buffer_, output_buffer_;
};

}  // namespace fluence::accel
