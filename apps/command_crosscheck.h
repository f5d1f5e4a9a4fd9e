// `fluence crosscheck FILE.jsonl…`
#pragma once

#include "apps/commands.h"

namespace fluence::apps {

int run_crosscheck(const Arguments& arguments);

}  // namespace fluence::apps
