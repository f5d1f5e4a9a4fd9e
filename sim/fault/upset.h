// Upsets as the fault models draw them, and why one of them may change nothing.
#pragma once

#include "traces/upset.h"

namespace fluence::fault {

using traces::kSiteKindCount;
using traces::name_of;
using traces::site_kind_named;
using traces::SiteKind;
using traces::Upset;

// Why an upset changed nothing.
enum class DeadReason {
    none,    // it is not dead
    absent,  // the struck cell does not exist under this policy (a check bit, say)
    idle,    // the site holds no value: no data yet, a bubble, a row or column that the fold does not use
    overwritten,  // the value is not read again before the site is written anew
    never_read,   // the value is not read again, and the site not written again
    padding,      // the struck bits belong to no value
    corrected,    // a code corrected it on every read
    no_effect,    // it was used, and the arithmetic absorbed it (times zero, equal code …)
};
inline constexpr int kDeadReasonCount = 8;
const char* name_of(DeadReason reason);

}  // namespace fluence::fault
