// Registers of the array as signals of a value change dump.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/accel/machine.h"
#include "sim/core/accelerator_config.h"
#include "traces/timeline_vcd.h"
#include "traces/upset.h"

namespace fluence::accel {

class RegisterDump : public ArrayObserver {
  public:
    // Registers whose path matches `pattern` (traces::matches): `array.BANK.rROW_cCOLUMN`, with `_sSTAGE`
    // where a bank has stages; `array.array_skew.uUNIT`.
    RegisterDump(const ArrayConfig& array, const std::string& pattern);

    // In the order of their changes' index.
    const std::vector<traces::VcdSignal>& signals() const { return signals_; }
    // The dump that has the signals as its further ones; before the run.
    void write_to(traces::TimelineVcd& dump) { dump_ = &dump; }
    void cycle(traces::Cycle t, const array::ArrayModel& array) override;

  private:
    std::vector<traces::VcdSignal> signals_;
    std::vector<std::pair<traces::SiteKind, std::int64_t>> registers_;
    traces::TimelineVcd* dump_ = nullptr;
};

}  // namespace fluence::accel
