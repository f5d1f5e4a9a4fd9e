#pragma once

#include "apps/commands.h"

namespace fluence::apps {

// `fluence run EXPERIMENT`: runs or resumes a campaign and prints its report.
int run_run(const Arguments& arguments);

}  // namespace fluence::apps
