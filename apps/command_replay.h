// `fluence replay`: recorded upsets again, explained.
#pragma once

#include "apps/commands.h"

namespace fluence::apps {

int run_replay(const Arguments& arguments);

}  // namespace fluence::apps
