// `fluence simulate`: how long one inference takes on a machine, layer by layer.
#pragma once

#include "apps/commands.h"

namespace fluence::apps {

int run_simulate(const Arguments& arguments);

}  // namespace fluence::apps
