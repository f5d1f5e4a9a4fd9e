// Inverts the bits of upsets at their cycles: registers of the array through its bank, words of the memories
// behind their codecs, check bits included, and the state of the checksum column and the vector unit. Held
// bits are forced in every cycle from theirs on, behind the edge and the upsets of the cycle.
#pragma once

#include <systemc>
#include <vector>

#include "sim/accel/interfaces.h"
#include "sim/accel/script.h"
#include "sim/accel/selective_memory.h"
#include "sim/accel/workload.h"
#include "sim/dataflow/array_layers.h"
#include "sim/dataflow/registers.h"
#include "traces/upset.h"

namespace fluence::accel {

class Injector : public sc_core::sc_module, public ClockedUnit {
  public:
    sc_core::sc_port<Registers> array;
    sc_core::sc_port<RegisterAlarm> alarm;
    sc_core::sc_port<UnitState> checksum, vector_unit;
    sc_core::sc_port<Cells> dram, weight_buffer, activation_buffer, output_buffer;

    Injector(const sc_core::sc_module_name& name, const Script& script);

    // DRAM words have no more cells than these; they must outlive the injector.
    void limit_dram_words(const SelectiveMemory& memory) { dram_words_ = &memory; }
    // Adds upsets of cycles that have not begun. Throws InputError for a site or unit that the machine does
    // not have; check() does nothing else. Bits that a unit does not have are left out.
    void attach(const std::vector<traces::Upset>& upsets);
    static void check(const Workload& workload, const std::vector<traces::Upset>& upsets);

    // The cycle of the first upset that is still to strike; every cycle of the run while bits are held;
    // kNever.
    Cycle next() const override;
    void edge(Cycle) override {}
    void cycle(Cycle t) override;

  private:
    void strike(const traces::Upset& upset);
    void strike_register(const traces::Upset& upset);
    void force(const traces::Upset& held, Cycle t);
    void strike_unit(const traces::Upset& upset, const dataflow::RegisterBank& bank);

    // What the codec beside a register is in cycle t.
    protect::RegisterPart codec_of(const traces::Upset& upset, Cycle t) const;
    // What the codec `part` says of inverted stored bits of a register of `bits`. What it cannot correct and
    // does not see stays.
    void judge(const traces::Upset& upset, const WordBits& error, int bits, const protect::RegisterPart& part,
               Cycle t);

    const Workload& workload_;
    const dataflow::ArrayLayers layers_;
    const SelectiveMemory* dram_words_ = nullptr;
    std::vector<traces::Upset> upsets_;  // by cycle
    std::size_t next_ = 0;
    const Cycle cycles_;               // of the run
    Cycle now_ = -1;                   // last cycle
    std::vector<traces::Upset> held_;  // that have begun, by cycle
};

}  // namespace fluence::accel
