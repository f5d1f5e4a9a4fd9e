// `fluence cycles`: compute cycles of a table of layers.
#pragma once

#include "apps/commands.h"

namespace fluence::apps {

int run_cycles(const Arguments& arguments);

}  // namespace fluence::apps
