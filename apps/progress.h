// How far a long command is, on standard error: a bar that redraws itself on a terminal, a plain line now and
// then everywhere else, so that logs stay readable.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fluence::apps {

struct ProgressState {
    std::int64_t done = 0, total = 0;
    double per_second = 0;    // 0: not known yet
    double seconds_left = 0;  // meaningful with a rate
};

// "1:02:03", "2:03", "0:03".
std::string clock_text(double seconds);
// "9000 of 20000 faults (45 %), 312 faults/s, 0:35 left".
std::string progress_text(const ProgressState& state, const std::string& unit);
// "[#########...........] " of `cells` cells in front of the text.
std::string progress_bar(const ProgressState& state, int cells);

class ProgressDisplay {
  public:
    explicit ProgressDisplay(std::string unit);  // "faults", "images" …
    ~ProgressDisplay();                          // ends the line of the bar
    ProgressDisplay(const ProgressDisplay&) = delete;
    ProgressDisplay& operator=(const ProgressDisplay&) = delete;

    void show(const ProgressState& state);
    // At the rate since the display began.
    void count(std::int64_t done, std::int64_t total);

  private:
    std::string unit_;
    bool terminal_;
    bool drawn_ = false;
    const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point last_{};
};

}  // namespace fluence::apps
