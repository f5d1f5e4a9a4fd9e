// oneDNN's int8 convolution, for layers and CPUs on which it is exact.
//
// Exact means three things. The CPU has AVX-512 VNNI (supported(KernelKind::onednn)): older instructions
// saturate sums of two products at 2¹⁵, and for signed activations oneDNN halves the weights there. No sum
// needs more than the 24 bits of a float's mantissa, because oneDNN 2 takes its 32-bit sums through floats
// when it stores them (fits_floats()). And a probe has come out right: oneDNN 2.6 mistakes the layout of some
// grouped weights with signed activations (four groups of one input and two outputs, windows of 2×4, say).
//
// It computes on one thread: callers fork (OneOpenmpThread).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/arith/engine.h"

namespace fluence::arith {

class OnednnConv {
  public:
    // Whether Σ|w|·256 of every output channel is at most 2²⁴ (256: unsigned codes, or signed ones moved by
    // 128, which is how oneDNN handles them).
    static bool fits_floats(const workloads::Layer& layer);

    // Null where it would not be exact; the CPU is the caller's to check. `window`: that of MacLayer, where a
    // linear layer is a convolution over its whole input.
    static std::unique_ptr<OnednnConv> make_exact(const workloads::Layer& layer,
                                                  const workloads::Shape& input,
                                                  const workloads::Shape& output,
                                                  const workloads::Window& window, bool unsigned_input);
    ~OnednnConv();

    // Sums without bias, [output pixel][output channel].
    std::vector<std::int32_t> run(const Codes& input) const;

  private:
    struct Impl;
    OnednnConv(const workloads::Layer& layer, const workloads::Shape& input, const workloads::Shape& output,
               const workloads::Window& window, bool unsigned_input);

    std::unique_ptr<Impl> impl_;
};

}  // namespace fluence::arith
