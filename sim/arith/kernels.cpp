#include "sim/arith/kernels.h"

#include <stdexcept>

namespace fluence::arith {

const char* name_of(KernelKind kind) {
    switch (kind) {
        case KernelKind::portable:
            return "portable";
        case KernelKind::avx2:
            return "avx2";
        case KernelKind::onednn:
            return "onednn";
    }
    throw std::logic_error("unknown kernel kind");
}

bool supported(KernelKind kind) {
#if defined(__x86_64__)
    switch (kind) {
        case KernelKind::portable:
            return true;
        case KernelKind::avx2:
            return __builtin_cpu_supports("avx2") != 0;
        case KernelKind::onednn:
            return __builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("avx2") != 0;
    }
    throw std::logic_error("unknown kernel kind");
#else
    return kind == KernelKind::portable;
#endif
}

std::vector<KernelKind> supported_kernels() {
    std::vector<KernelKind> kinds;
    for (const KernelKind kind : {KernelKind::portable, KernelKind::avx2, KernelKind::onednn}) {
        if (supported(kind)) {
            kinds.push_back(kind);
        }
    }
    return kinds;
}

KernelKind best_kernel() {
    return supported_kernels().back();
}

const Kernels& kernels(KernelKind kind) {
#if defined(__x86_64__)
    return kind == KernelKind::portable ? kPortableKernels : kAvx2Kernels;
#else
    (void)kind;
    return kPortableKernels;
#endif
}

void RequantiseBlock::set(int channel, std::int32_t multiplier_code, std::uint8_t shift_code) {
    const unsigned s = shift_code & 63u;
    const int lane = (channel & 1) * 4 + channel / 2;
    multiplier[channel] = multiplier_code;
    rounding[lane] = s == 0 ? 0 : std::uint64_t{1} << (s - 1);
    shift[lane] = s;
    sign[lane] = (std::uint64_t{1} << 63) >> s;
}

}  // namespace fluence::arith
