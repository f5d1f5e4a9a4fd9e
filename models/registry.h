// The networks that Fluence can build and train by itself: an explicit table, one row a network.
#pragma once

#include <string>
#include <vector>

#include "workloads/graph.h"

namespace fluence::models {

struct NetworkInfo {
    const char* name = nullptr;
    const char* summary = nullptr;
    workloads::Shape input;  // what the network was made for
    int classes = 0;
};

// In the order of `fluence list`.
std::vector<NetworkInfo> networks();
bool is_network(const std::string& name);
// Throws InputError naming the valid networks where there is none of that name.
const NetworkInfo& network_info(const std::string& name);

}  // namespace fluence::models
