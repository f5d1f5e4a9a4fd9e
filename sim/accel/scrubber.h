// Reads the words of one memory in turn, one a period, and writes back what the code corrected
// (protect::MemoryPart).
#pragma once

#include <systemc>

#include "sim/accel/interfaces.h"

namespace fluence::accel {

class Scrubber : public sc_core::sc_module, public ClockedUnit {
  public:
    sc_core::sc_port<Scrubbing> codec;

    // `period` 0: never. In no cycle from `end` on.
    Scrubber(const sc_core::sc_module_name& name, Cycle period, std::int64_t words, Cycle end)
        : sc_module(name), codec("codec"), period_(period), words_(words), end_(end), due_(later(0)) {}

    Cycle next() const override { return write_ != kNever ? write_ : due_; }
    void edge(Cycle t) override {
        if (t == write_) {
            codec->write_scrubbed();
            write_ = kNever;
        }
    }
    void cycle(Cycle t) override {
        if (t == due_) {
            codec->read_for_scrubbing((t / period_ - 1) % words_);
            write_ = t + 1;
            due_ = later(t);
        }
    }

  private:
    Cycle later(Cycle t) const { return period_ > 0 && t + period_ < end_ ? t + period_ : kNever; }

    Cycle period_;
    std::int64_t words_;
    Cycle end_;
    Cycle due_;
    Cycle write_ = kNever;
};

}  // namespace fluence::accel
