// A small campaign's header and rows, made by formula, for the tests of the result store.
#pragma once

#include "sim/campaign/result_store.h"

namespace fluence::test {

// Two policies, two layers, `batches` batches of three images with two faults each.
campaign::CampaignHeader sample_header(std::int64_t batches);
campaign::BatchResult sample_batch(std::int64_t batch);

}  // namespace fluence::test
