#pragma once

#include "apps/commands.h"

namespace fluence::apps {

// `fluence inject BUNDLE`: faults in stored values of a network, in any number format.
int run_inject(const Arguments& arguments);

}  // namespace fluence::apps
