#pragma once

#include "apps/commands.h"

namespace fluence::apps {

// `fluence report RESULTS`: prints the table of a campaign and writes its report files.
int run_report(const Arguments& arguments);

}  // namespace fluence::apps
