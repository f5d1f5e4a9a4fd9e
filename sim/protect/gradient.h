// Gradient statistics (Amarnath et al., "Soft error resilient deep learning systems using neuron gradient
// statistics"): g_i = y_i − y_{i−1} in the circular order of a layer's neurons. In a convolution channel i
// against channel i − 1 at the same pixel; in a fully connected layer neuron i against i − 1.
//
// A gradient is flagged where |g − μ| > t·s·√(1 + 1/n), with mean μ, sample deviation s and number n over the
// calibration images. A wrong y_i flags i and i + 1, so only the first of each run of flags is zeroed. Runs
// are circular: one that goes over the last channel begins where the channel before is not flagged. Where all
// are flagged there is no first one, and nothing is zeroed. Of adjacent wrong neurons only the first is
// zeroed, and where they are equal the true one behind them as well; where y_i is wrong by little, i alone
// may pass and i + 1 be zeroed in its place.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/arith/pixel_filter.h"
#include "sim/protect/layer_filters.h"
#include "workloads/graph.h"

namespace fluence::protect {

// Larger thresholds let every gradient of 8-bit codes pass anyway.
inline constexpr double kMaxGradientThreshold = 1e6;

// Statistics of the gradients of one layer. Codes are integers, so the sums are exact and do not depend on
// the order of images.
class GradientProfile {
  public:
    GradientProfile(GradientPart::Statistics statistics, const workloads::Shape& shape);

    // The layer's output for one image.
    void add(const workloads::Codes& output);

    // t at which the largest gradient seen just passes.
    double auto_threshold() const;
    // The gradients that pass under threshold t, one pair a key: of the layer, a channel or a neuron (flat
    // element). 0: under auto_threshold(), which lets everything pass that was seen, rounding or not.
    Limits limits(double t) const;

    struct Moments {
        std::int64_t n = 0, sum = 0, squares = 0;
        std::int32_t lowest = 0, highest = 0;
        double mean() const;
        double deviation() const;  // sample deviation; 0 where n < 2
        double reach() const;      // s·√(1 + 1/n)
    };
    const std::vector<Moments>& moments() const { return moments_; }

  private:
    GradientPart::Statistics statistics_;
    workloads::Shape shape_;
    std::vector<Moments> moments_;  // by key
};

// Where the limits of a channel and a pixel stand among the layer's (Limits). Images of a batch share theirs.
std::int64_t gradient_key(GradientPart::Statistics statistics, const workloads::Shape& shape,
                          std::int64_t channel, std::int64_t pixel);

// Its thresholds: both limits, saturated to 9 bits, which no gradient of codes leaves. Comparison 0 says
// whether a run of flags goes over the last channel.
std::shared_ptr<const arith::PixelFilter> gradient_filter(Limits limits, GradientPart::Statistics statistics,
                                                          const workloads::Shape& shape);

}  // namespace fluence::protect
