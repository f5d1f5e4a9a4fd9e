// Ctrl-C and SIGTERM for commands that save what they have before they end.
#pragma once

#include <atomic>

namespace fluence::apps {

inline constexpr int kInterruptedExitCode = 130;  // 128 + SIGINT, as shells have it

// Set by a signal handler, which can reach nothing but static storage.
std::atomic<bool>& stop_requested();
// From here on the first Ctrl-C (or SIGTERM) asks to stop in order, the second ends the program at once.
void handle_interrupts();

}  // namespace fluence::apps
