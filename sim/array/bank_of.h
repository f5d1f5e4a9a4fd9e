// The bank of registers of a kind that holds a unit.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "traces/upset.h"

namespace fluence::array {

// `Banks`: of elements with `kind` and `units`. Throws std::out_of_range.
template <class Banks>
const typename Banks::value_type& bank_of(const Banks& banks, traces::SiteKind kind, std::int64_t unit) {
    for (const auto& candidate : banks) {
        if (candidate.kind == kind) {
            if (unit < 0 || unit >= candidate.units) {
                throw std::out_of_range(std::string(name_of(kind)) + " " + std::to_string(unit) +
                                        ": the array has " + std::to_string(candidate.units));
            }
            return candidate;
        }
    }
    throw std::out_of_range(std::string("the array has no ") + name_of(kind));
}

}  // namespace fluence::array
