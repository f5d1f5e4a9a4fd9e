#include "sim/core/openmp.h"

#include <dlfcn.h>

namespace fluence {
namespace {

// Looked up, because the runtime is there only when a library brought it along, and its header only with some
// compilers.
template <class Function>
Function* openmp_function(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

void set_threads(int threads) {
    static auto* const set = openmp_function<void(int)>("omp_set_num_threads");
    if (set != nullptr) {
        set(threads);
    }
}

}  // namespace

OneOpenmpThread::OneOpenmpThread() {
    static auto* const most = openmp_function<int()>("omp_get_max_threads");
    if (most != nullptr) {
        before_ = most();
        set_threads(1);
    }
}

OneOpenmpThread::~OneOpenmpThread() {
    if (before_ > 0) {
        set_threads(before_);
    }
}

}  // namespace fluence
