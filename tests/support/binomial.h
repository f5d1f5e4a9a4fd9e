#pragma once

#include <cmath>
#include <cstdint>

namespace fluence::test {

// P(from ≤ X ≤ to) of a binomial, summed term by term.
inline double binomial_tail(std::int64_t from, std::int64_t to, std::int64_t total, double p) {
    double sum = 0;
    for (std::int64_t k = from; k <= to; ++k) {
        const double n = static_cast<double>(total), x = static_cast<double>(k);
        sum += std::exp(std::lgamma(n + 1) - std::lgamma(x + 1) - std::lgamma(n - x + 1) + x * std::log(p) +
                        (n - x) * std::log1p(-p));
    }
    return sum;
}

}  // namespace fluence::test
