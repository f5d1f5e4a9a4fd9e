// fluence selfcheck: the fast machine against the detailed one on random cases.
#pragma once

#include "apps/commands.h"

namespace fluence::apps {

// 0 where both agree on every case, 1 where they do not.
int run_selfcheck(const Arguments& arguments);

}  // namespace fluence::apps
