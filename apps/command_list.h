// `fluence list`: what can be named on command lines and in configuration files.
#pragma once

#include "apps/commands.h"

namespace fluence::apps {

int run_list(const Arguments& arguments);

}  // namespace fluence::apps
