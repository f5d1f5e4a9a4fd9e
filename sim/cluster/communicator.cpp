#include "sim/cluster/communicator.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "sim/cluster/mpi/plugin.h"
#include "sim/core/error.h"

namespace fluence::cluster {
namespace {

int number_in(const char* variable) {
    const char* text = std::getenv(variable);
    return text != nullptr ? std::atoi(text) : 0;
}

// How many ranks the launcher started: Open MPI's mpirun, or Slurm's srun --mpi=pmix.
int ranks_started() {
    const int ranks = number_in("OMPI_COMM_WORLD_SIZE");
    if (ranks > 0) {
        return ranks;
    }
    return std::getenv("PMIX_RANK") != nullptr ? number_in("SLURM_STEP_NUM_TASKS") : 1;
}

}  // namespace

std::unique_ptr<Communicator> join_job() {
    if (ranks_started() < 2) {
        return nullptr;
    }
    std::error_code ignored;
    const std::string plugin =
        (std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / kPluginFile).string();
    // Global, because MPI loads parts of its own that look for its symbols. Never unloaded.
    void* library = dlopen(plugin.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) {
        throw InputError("mpirun", "",
                         std::string("several ranks need MPI, but it cannot be loaded: ") + dlerror(),
                         "a build with FLUENCE_WITH_MPI=ON and Open MPI on every host, or one rank");
    }
    const auto open = reinterpret_cast<OpenMpi>(dlsym(library, kPluginSymbol));
    if (open == nullptr) {
        throw std::runtime_error(plugin + " is not the MPI part of this program");
    }
    return std::unique_ptr<Communicator>(open());
}

}  // namespace fluence::cluster
