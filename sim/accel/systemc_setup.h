// How this program has the SystemC kernel report.
#pragma once

namespace fluence::accel {

// Notices are dropped, warnings are errors. Call before the elaboration.
void quiet_systemc();

}  // namespace fluence::accel
