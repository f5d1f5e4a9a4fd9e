#include "sim/fault/upset.h"

namespace fluence::fault {

const char* name_of(DeadReason reason) {
    switch (reason) {
        case DeadReason::none:
            return "none";
        case DeadReason::absent:
            return "absent";
        case DeadReason::idle:
            return "idle";
        case DeadReason::overwritten:
            return "overwritten";
        case DeadReason::never_read:
            return "never_read";
        case DeadReason::padding:
            return "padding";
        case DeadReason::corrected:
            return "corrected";
        case DeadReason::no_effect:
            return "no_effect";
    }
    return "";
}

}  // namespace fluence::fault
