#include "sim/accel/sequencer.h"

#include <algorithm>

namespace fluence::accel {

Sequencer::Sequencer(const sc_core::sc_module_name& name, const Clock& clock)
    : sc_module(name), units("units"), upsets("upsets"), clock_(clock) {
    SC_METHOD(tick);
}

void Sequencer::tick() {
    const Cycle t = clock_.next_edge();
    for (int i = 0; i < units.size(); ++i) {
        units[i]->edge(t);
    }
    upsets->cycle(t);
    for (int i = 0; i < units.size(); ++i) {
        units[i]->cycle(t);
    }
    const Cycle following = next();
    if (halted_) {
        return;
    }
    if (following == kNever) {
        next_trigger(woken_);
    } else {
        next_trigger(clock_.span(following - t), woken_);
    }
}

void Sequencer::wake(Cycle t) {
    woken_.notify(clock_.span(t) - sc_core::sc_time_stamp());
}

Cycle Sequencer::next() const {
    Cycle first = upsets->next();
    for (int i = 0; i < units.size(); ++i) {
        first = std::min(first, units[i]->next());
    }
    return first;
}

}  // namespace fluence::accel
