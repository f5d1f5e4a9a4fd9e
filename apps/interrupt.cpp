#include "apps/interrupt.h"

#include <csignal>

namespace fluence::apps {

std::atomic<bool>& stop_requested() {
    static std::atomic<bool> requested{false};
    return requested;
}

void handle_interrupts() {
    stop_requested();  // constructed before a handler can need it
    struct sigaction action {};
    action.sa_handler = [](int) { stop_requested().store(true); };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

}  // namespace fluence::apps
