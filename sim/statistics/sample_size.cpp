#include "sim/statistics/sample_size.h"

#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <stdexcept>

namespace fluence::statistics {
namespace {

void require_share(double value, const char* name) {
    if (!(value > 0 && value < 1)) {
        throw std::invalid_argument(std::string(name) + " lies between 0 and 1");
    }
}

void require_population(double population) {
    if (!(population >= 1)) {
        throw std::invalid_argument("a population has at least one member");
    }
}

}  // namespace

double normal_quantile(double confidence) {
    require_share(confidence, "confidence");
    return quantile(complement(boost::math::normal_distribution<double>(), (1 - confidence) / 2));
}

double cut_off_point(double confidence) {
    constexpr double kThousand = 1000;
    return std::round(kThousand * normal_quantile(confidence)) / kThousand;
}

double sample_size(double margin, double confidence, double population, double proportion) {
    require_share(margin, "margin");
    require_share(proportion, "proportion");
    require_population(population);
    const double t = cut_off_point(confidence);
    const double spread = t * t * proportion * (1 - proportion);
    const double unlimited = spread / (margin * margin);
    if (std::isinf(population)) {
        return std::ceil(unlimited);
    }
    return std::ceil(population / (1 + margin * margin * (population - 1) / spread));
}

double margin_of(double faults, double confidence, double population, double proportion) {
    require_share(proportion, "proportion");
    require_population(population);
    if (!(faults > 0)) {
        throw std::invalid_argument("a sample has at least one fault");
    }
    const double t = cut_off_point(confidence);
    const double unlimited = t * std::sqrt(proportion * (1 - proportion) / faults);
    if (std::isinf(population)) {
        return unlimited;
    }
    return faults >= population ? 0 : unlimited * std::sqrt((population - faults) / (population - 1));
}

}  // namespace fluence::statistics
