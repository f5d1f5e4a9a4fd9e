// `fluence select`: a protection plan for a network, as a file.
#pragma once

#include "apps/commands.h"

namespace fluence::apps {

int run_select(const Arguments& arguments);

}  // namespace fluence::apps
