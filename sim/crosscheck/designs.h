// The public arrays whose measurements can be checked, and which register of theirs is which of ours.
#pragma once

#include <string>
#include <vector>

#include "traces/upset.h"

namespace fluence::crosscheck {

struct SiteName {
    const char* name;
    traces::SiteKind bank;
    bool behind_last_row;  // the registers that follow the last row of PEs
};

struct KnownDesign {
    const char* name;
    const char* preset;  // in configs/accelerators
    bool mirrored;       // PE column c computes output column C−1−c
    bool staged;         // multiplier and accumulator stages are parameters
    std::vector<SiteName> sites;
};

const std::vector<KnownDesign>& known_designs();

}  // namespace fluence::crosscheck
