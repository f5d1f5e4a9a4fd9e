#include "sim/protect/suppressor_area.h"

#include <algorithm>

#include "sim/cost/logic.h"
#include "sim/cost/sram.h"
#include "sim/protect/layer_filters.h"

namespace fluence::protect {
namespace {

constexpr int kCodeBits = 8;

// A score is the larger neighbour taken from the code; it is compared with a threshold register. Three codes
// are kept.
GateEquivalents just_say_zero_lane() {
    const GateEquivalents subtractor = cost::adder(kCodeBits + 1);
    return subtractor * 3.0 + cost::multiplexers(kCodeBits) + cost::flipflops(3 * kCodeBits) +
           cost::enabled_flipflops(kScoreBits);
}

// Its lane has thresholds as wide as codes; limits of their differences are a bit wider.
GateEquivalents gradient_suppression_lane() {
    return cost::gradient_lane(kCodeBits) + cost::enabled_flipflops(2 * (kGradientLimitBits - kCodeBits));
}

GateEquivalents median_lane() {
    return cost::median(3, kCodeBits) + cost::flipflops(3 * kCodeBits);
}

}  // namespace

std::vector<cost::AreaNode> suppressor_logic(const AcceleratorConfig& config, const Policy& policy) {
    const auto lanes = static_cast<double>(config.vector_unit.lanes);
    std::vector<cost::AreaNode> parts;
    if (policy.relu_check) {
        parts.push_back(cost::added_part(
            "ReLU check", (cost::equality_comparator(kCodeBits) + cost::flipflops(kCodeBits)) * lanes));
    }
    if (policy.gradient) {
        parts.push_back(cost::added_part("gradient suppression", gradient_suppression_lane() * lanes));
    }
    if (policy.median) {
        parts.push_back(cost::added_part("median", median_lane() * lanes));
    }
    if (policy.just_say_zero) {
        parts.push_back(cost::added_part("just say zero", just_say_zero_lane() * lanes));
    }
    return parts;
}

std::vector<cost::AreaNode> suppressor_area(const AcceleratorConfig& config, const Policy& policy) {
    std::vector<cost::AreaNode> parts = suppressor_logic(config, policy);
    if (const std::int64_t bytes = filter_buffer_bytes(policy); bytes > 0) {
        const std::int64_t words = (bytes + config.vector_unit.lanes - 1) / config.vector_unit.lanes;
        parts.push_back(
            cost::added_part(kFilterBuffer, cost::sram(words, kCodeBits * config.vector_unit.lanes)));
    }
    return parts;
}

}  // namespace fluence::protect
