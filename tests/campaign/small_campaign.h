// A campaign that takes a second: a random network of a few layers on the 16×16 machine, five policies.
#pragma once

#include <string>

#include "sim/campaign/experiment.h"
#include "workloads/bundle.h"

namespace fluence::test {

inline constexpr int kImages = 12;

workloads::Bundle small_bundle();
campaign::Experiment small_experiment(const std::string& fault_model = "seu");

}  // namespace fluence::test
