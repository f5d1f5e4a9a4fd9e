#include "models/narrow_ranges.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "workloads/number_formats.h"

namespace fluence::models {
namespace {

using workloads::NumberFormat;

// Of fxp8.
std::int32_t least_code() {
    return lowest_code(NumberFormat::s8, workloads::DataFormat::fxp8);
}

double scale_of(const Range& range, std::size_t grid) {
    const double widest = activation_scale(range, NumberFormat::s8, workloads::DataFormat::fxp8);
    return std::ldexp(widest, -static_cast<int>(grid));
}

}  // namespace

void measure_grids(const FloatGraph& graph, const at::Tensor& batch, const std::vector<Range>& ranges,
                   GridErrors& errors) {
    errors.resize(ranges.size());
    evaluate(graph, batch, [&](int tensor, const at::Tensor& values) {
        const auto t = static_cast<std::size_t>(tensor);
        for (std::size_t grid = 0; grid < kGrids; ++grid) {
            const double scale = scale_of(ranges[t], grid);
            const at::Tensor codes = (values / scale + 0.5).floor_().clamp_(least_code(), kMaxS8);
            errors[t][grid] += (codes * scale - values).square_().sum(at::kDouble).item<double>();
        }
    });
}

void narrow_ranges(const FloatGraph& graph, const GridErrors& errors, std::vector<Range>& ranges,
                   std::vector<std::string>& report) {
    const std::vector<NumberFormat> formats =
        tensor_formats(graph, false, workloads::DataFormat::fxp8, graph.name);
    for (std::size_t t = 0; t < ranges.size(); ++t) {
        const int producer = graph.producer(static_cast<int>(t));
        const FloatOp* op = producer < 0 ? nullptr : &graph.ops[static_cast<std::size_t>(producer)];
        const bool own_scale =
            formats[t] == NumberFormat::s8 && (op == nullptr || !moves_codes(op_kind(op->kind)));
        const auto least = std::min_element(errors[t].begin(), errors[t].end());
        const auto grid = static_cast<std::size_t>(least - errors[t].begin());
        if (grid == 0 || !own_scale) {
            continue;
        }
        const double scale = scale_of(ranges[t], grid);
        ranges[t].lo = std::max(ranges[t].lo, least_code() * scale);
        ranges[t].hi = std::min(ranges[t].hi, kMaxS8 * scale);
        report.push_back((op == nullptr ? "input" : op->name) + ": activations saturate at 1/" +
                         std::to_string(1U << grid) + " of their range");
    }
}

}  // namespace fluence::models
