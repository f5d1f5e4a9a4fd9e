// `fluence describe`: area of a machine under a policy, or of one hardware unit.
#pragma once

#include "apps/commands.h"

namespace fluence::apps {

int run_describe(const Arguments& arguments);

}  // namespace fluence::apps
