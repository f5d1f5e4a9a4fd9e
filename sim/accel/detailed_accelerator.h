// The whole register-true machine: its modules and all binding between them.
#pragma once

#include <optional>
#include <systemc>
#include <vector>

#include "sim/accel/detailed_array.h"
#include "sim/accel/detailed_dma.h"
#include "sim/accel/detailed_vector_unit.h"
#include "sim/accel/dram.h"
#include "sim/accel/ecc_codec.h"
#include "sim/accel/injector.h"
#include "sim/accel/machine.h"
#include "sim/accel/recovery_unit.h"
#include "sim/accel/scrubber.h"
#include "sim/accel/sequencer.h"
#include "sim/accel/sram_buffer.h"

namespace fluence::accel {

class DetailedAccelerator : public sc_core::sc_module {
  public:
    // `memory`: the words of DRAM when the run begins (memory_image()).
    DetailedAccelerator(const sc_core::sc_module_name& name, const Script& script,
                        std::vector<std::uint8_t> memory);

    // Instead of what the host puts there: the cells that a run left in DRAM. Before the first cycle.
    void start_from(std::vector<std::uint8_t> cells) { cells_ = std::move(cells); }
    const std::vector<std::uint8_t>& dram_cells() const { return dram_.cells(); }
    // Upsets of cycles that have not begun.
    void attach(const std::vector<traces::Upset>& upsets);
    void observe(ArrayObserver* observer) { array_.observe(observer); }
    // Goes through all cycles before t. Throws std::logic_error where the timeline asks for what cannot be.
    void run_until(Cycle t);
    // Goes through the rest, and lets the host take the logits.
    void run_to_end();

    // What the run made of it; `suppressed` without range restriction, which only a fault-free run can judge.
    DetailedRun result() const;
    const DetailedVectorUnit& vector_unit() const { return vector_unit_; }

  private:
    void start_of_simulation() override;
    void read_logits();

    const Script& script_;
    std::vector<std::uint8_t> memory_, cells_;
    workloads::Codes logits_;
    Cycle reached_ = 0;  // all cycles before it are done

    std::optional<SelectiveMemory> selective_dram_, selective_weights_;  // of policies with selective ECC
    Sequencer sequencer_;
    Injector injector_;
    DetailedDma dma_;
    DetailedArray array_;
    DetailedVectorUnit vector_unit_;
    RecoveryUnit recovery_;
    EccCodec dram_codec_, weight_codec_, activation_codec_, output_codec_;
    Scrubber dram_scrubber_, weight_scrubber_, activation_scrubber_, output_scrubber_;
    Dram dram_;
    SramBuffer weight_buffer_, activation_buffer_, output_buffer_;
};

}  // namespace fluence::accel
