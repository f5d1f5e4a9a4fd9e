// `fluence plan`: how many faults a margin needs, and how long they take.
#pragma once

#include "apps/commands.h"

namespace fluence::apps {

int run_plan(const Arguments& arguments);

}  // namespace fluence::apps
