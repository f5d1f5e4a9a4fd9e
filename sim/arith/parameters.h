// A layer's vector-unit parameters with those that a fault changes.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/fault_effect.h"
#include "workloads/graph.h"

namespace fluence::arith {

struct Parameters {
    std::vector<std::int32_t> bias, multiplier;
    std::vector<std::uint8_t> shift;

    // Later changes of the same parameter win. Reuses its memory.
    void assign(const workloads::Layer& layer, const LayerFault* fault) {
        bias = layer.bias;
        multiplier = layer.multiplier;
        shift = layer.shift;
        if (fault == nullptr) {
            return;
        }
        for (const ParameterChange& change : fault->parameters) {
            const auto at = static_cast<std::size_t>(change.index);
            switch (change.parameter) {
                case Parameter::bias:
                    bias[at] = change.value;
                    break;
                case Parameter::multiplier:
                    multiplier[at] = change.value;
                    break;
                case Parameter::shift:
                    shift[at] = static_cast<std::uint8_t>(change.value & 63);
                    break;
            }
        }
    }
};

}  // namespace fluence::arith
