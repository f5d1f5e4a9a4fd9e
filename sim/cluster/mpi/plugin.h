// What the program and its MPI part, a library that it loads, agree on.
#pragma once

#include "sim/cluster/communicator.h"

namespace fluence::cluster {

inline constexpr const char* kPluginFile = "fluence_mpi.so";  // beside the program
inline constexpr const char* kPluginSymbol = "fluence_open_mpi";
using OpenMpi = Communicator* (*)();

}  // namespace fluence::cluster
