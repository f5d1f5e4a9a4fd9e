// The networks that Fluence can build and train by itself: an explicit table, one row a network.
#pragma once

#include <string>
#include <vector>

#include "workloads/graph.h"

namespace fluence::models {

struct NetworkInfo {
    const char* name;
    const char* summary;
};

// In the order of `fluence list`.
std::vector<NetworkInfo> networks();
bool is_network(const std::string& name);

}  // namespace fluence::models
