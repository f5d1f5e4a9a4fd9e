#pragma once

#include "apps/commands.h"

namespace fluence::apps {

// `fluence merge OUT SHARD...`: the results of a campaign from those of its shards.
int run_merge(const Arguments& arguments);

}  // namespace fluence::apps
