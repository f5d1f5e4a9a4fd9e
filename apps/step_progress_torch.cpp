#include "apps/step_progress_torch.h"

#include <iostream>

namespace fluence::apps {

void StepProgress::update(const std::string& step, std::int64_t done, std::int64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (step != step_ || done < last_) {
        display_.reset();
        step_ = step;
        first_ = done;
        started_ = now;
    }
    if (display_ == nullptr) {
        display_ = std::make_unique<ProgressDisplay>(step);
    }
    last_ = done;
    const double elapsed = std::chrono::duration<double>(now - started_).count();
    ProgressState state{done, total, 0, 0};
    if (done > first_ && elapsed > 0) {
        state.per_second = static_cast<double>(done - first_) / elapsed;
        state.seconds_left = static_cast<double>(total - done) / state.per_second;
    }
    display_->show(state);
    if (done >= total) {
        display_.reset();
    }
}

void StepProgress::line(const std::string& text) {
    display_.reset();
    std::cerr << text << std::endl;
}

}  // namespace fluence::apps
