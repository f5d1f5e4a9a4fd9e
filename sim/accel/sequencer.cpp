#include "sim/accel/sequencer.h"

#include <algorithm>

namespace fluence::accel {

Sequencer::Sequencer(const sc_core::sc_module_name& name, const Clock& clock)
    : sc_module(name), units("units"), upsets("upsets"), clock_(clock) {
    SC_METHOD(tick);
}

void Sequencer::tick() {
    const Cycle t = clock_.next_edge();
    // Nothing moved in the cycles that were passed over, so their upsets may strike now.
    upsets->edge(t);
    for (int i = 0; i < units.size(); ++i) {
        units[i]->edge(t);
    }
    upsets->cycle(t);
    for (int i = 0; i < units.size(); ++i) {
        units[i]->cycle(t);
    }
    const Cycle following = next();
    if (!halted_ && following != kNever) {
        next_trigger(clock_.span(following - t));
    }
}

Cycle Sequencer::next() const {
    Cycle first = kNever;
    for (int i = 0; i < units.size(); ++i) {
        first = std::min(first, units[i]->next());
    }
    return first;
}

}  // namespace fluence::accel
