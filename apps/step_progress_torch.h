// The progress of a command that works in steps: one display a step, with the rate and time left of that
// step.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "apps/progress.h"

namespace fluence::apps {

class StepProgress {
  public:
    // `step` is what is counted ("calibration images"); another step, or a smaller `done`, starts a new
    // display.
    void update(const std::string& step, std::int64_t done, std::int64_t total);
    // Prints a line; ends the display at hand.
    void line(const std::string& text);

  private:
    std::string step_;
    std::int64_t first_ = 0, last_ = 0;
    std::chrono::steady_clock::time_point started_;
    std::unique_ptr<ProgressDisplay> display_;
};

}  // namespace fluence::apps
