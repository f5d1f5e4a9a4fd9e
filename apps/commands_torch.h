// fluence import and fluence train; built with Torch only.
#pragma once

#include "apps/commands.h"

namespace fluence::apps {

int run_import(const Arguments& arguments);
int run_train(const Arguments& arguments);

}  // namespace fluence::apps
