#include "sim/check/setup.h"

#include <algorithm>

#include "sim/accel/workload.h"
#include "sim/core/json.h"
#include "sim/dataflow/registry.h"
#include "sim/fault/sum_rule.h"
#include "sim/protect/array_orders.h"
#include "sim/protect/layer_filters.h"
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

workloads::Bundle profiled_bundle(const Setup& setup) {
    workloads::Bundle bundle;
    bundle.graph = setup.graph;
    const arith::Engine engine(setup.graph, {}, fault::sum_rule(setup.graph, setup.config));
    const arith::GoldenRun golden = engine.run(setup.image);
    for (std::size_t t = 0; t < golden.tensors.size(); ++t) {
        bundle.profile.push_back(
            profile_of(setup.graph.tensors[t].shape, golden.tensors[t], setup.range_margin));
    }
    return bundle;
}

}  // namespace

std::vector<arith::OutputBounds> bounds_of(const Setup& setup) {
    if (!setup.policy.range) {
        return {};
    }
    return protect::output_bounds(setup.policy, profiled_bundle(setup));
}

std::vector<arith::LayerFilters> filters_of(const Setup& setup) {
    workloads::Bundle bundle;
    bundle.graph = setup.graph;
    if (setup.policy.range) {
        bundle = profiled_bundle(setup);
    }
    bundle.calibration_count = 1;
    for (const std::int32_t code : setup.image) {
        bundle.calibration.push_back(static_cast<std::uint8_t>(code));
    }
    const arith::SumRule sums = fault::sum_rule(setup.graph, setup.config);
    return protect::layer_filters(setup.policy, setup.graph,
                                  protect::filter_tables(setup.policy, bundle, sums));
}

void check_runnable(const Setup& setup) {
    parse_accelerator(fluence::to_json(setup.config), setup.config.name);
    protect::parse_policy(protect::to_json(setup.policy), setup.policy.name);
    const dataflow::MemoryMap map(setup.graph, setup.config,
                                  protect::array_orders(setup.policy, setup.graph, setup.config));
    dataflow::dataflow_of(setup.config)
        .plan(setup.graph, setup.config, map, accel::plan_options(setup.policy, setup.graph));
}

}  // namespace fluence::check
