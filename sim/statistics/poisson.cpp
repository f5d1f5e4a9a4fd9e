#include "sim/statistics/poisson.h"

#include <boost/math/distributions/poisson.hpp>
#include <stdexcept>

namespace fluence::statistics {
namespace {

void require_mean(double mean) {
    if (!(mean >= 0) || mean > 1e6) {
        throw std::invalid_argument("a mean number of upsets lies between 0 and 1e6");
    }
}

}  // namespace

std::vector<double> poisson_weights(double mean, int most) {
    require_mean(mean);
    std::vector<double> weights;
    for (int k = 0; k <= most; ++k) {
        weights.push_back(mean == 0 ? (k == 0 ? 1.0 : 0.0)
                                    : pdf(boost::math::poisson_distribution<double>(mean), k));
    }
    return weights;
}

double poisson_tail(double mean, int most) {
    require_mean(mean);
    return mean == 0 ? 0 : cdf(complement(boost::math::poisson_distribution<double>(mean), most));
}

int poisson_reach(double mean, double share) {
    int most = 1;
    while (poisson_tail(mean, most) > share) {
        ++most;
    }
    return most;
}

double expected_upsets(double fit_per_mbit, double bits, double cycles, double clock_hz) {
    constexpr double kBitsPerMbit = 1e6, kSecondsOfFit = 1e9 * 3600;
    return fit_per_mbit / kBitsPerMbit / kSecondsOfFit * bits * (cycles / clock_hz);
}

}  // namespace fluence::statistics
