// Says of the loop that follows that its iterations are independent: `__restrict` on the pointers inside a
// struct does not reach the compiler, and checking every pair of a dozen pointers at run time costs more than
// the loop.
#pragma once

#if defined(__clang__)
#define FLUENCE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define FLUENCE_INDEPENDENT _Pragma("GCC ivdep")
#endif
