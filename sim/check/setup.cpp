#include "sim/check/setup.h"

#include <algorithm>

#include "sim/core/json.h"
#include "sim/dataflow/registry.h"
#include "sim/fault/sum_rule.h"
#include "sim/protect/range.h"
#include "workloads/bundle.h"

namespace fluence::check {
namespace {

// The smallest and largest code of each channel, drawn in by `margin`.
workloads::ChannelProfile profile_of(const workloads::Shape& shape, const workloads::Codes& codes,
                                     int margin) {
    workloads::ChannelProfile profile;
    for (std::int64_t c = 0; c < shape.channels; ++c) {
        const auto first = codes.begin() + c * shape.plane();
        const auto [lo, hi] = std::minmax_element(first, first + shape.plane());
        const std::int32_t inward = std::min(margin, (*hi - *lo) / 2);
        profile.lo.push_back(*lo + inward);
        profile.hi.push_back(*hi - inward);
    }
    return profile;
}

}  // namespace

std::vector<arith::OutputBounds> bounds_of(const Setup& setup) {
    if (!setup.policy.range) {
        return {};
    }
    workloads::Bundle bundle;
    bundle.graph = setup.graph;
    const arith::Engine engine(setup.graph, {}, fault::sum_rule(setup.graph, setup.config));
    const arith::GoldenRun golden = engine.run(setup.image);
    for (std::size_t t = 0; t < golden.tensors.size(); ++t) {
        bundle.profile.push_back(
            profile_of(setup.graph.tensors[t].shape, golden.tensors[t], setup.range_margin));
    }
    return protect::output_bounds(setup.policy, bundle);
}

void check_runnable(const Setup& setup) {
    parse_accelerator(fluence::to_json(setup.config), setup.config.name);
    protect::parse_policy(protect::to_json(setup.policy), setup.policy.name);
    const dataflow::MemoryMap map(setup.graph, setup.config);
    dataflow::dataflow_of(setup.config).plan(setup.graph, setup.config, map);
}

}  // namespace fluence::check
