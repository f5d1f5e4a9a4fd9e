#include "sim/accel/systemc_setup.h"

#include <systemc>

namespace fluence::accel {

void quiet_systemc() {
    sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
    sc_core::sc_report_handler::set_actions(sc_core::SC_WARNING, sc_core::SC_THROW);
}

}  // namespace fluence::accel
