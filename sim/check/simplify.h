// Steps that make a setup smaller or plainer: each proposes changed setups, in the order in which they are
// worth trying. Proposals may be refused by the machine.
#pragma once

#include <vector>

#include "sim/check/setup.h"

namespace fluence::check {

std::vector<Setup> plainer_policies(const Setup& setup);
std::vector<Setup> plainer_machines(const Setup& setup);
std::vector<Setup> smaller_networks(const Setup& setup);

}  // namespace fluence::check
