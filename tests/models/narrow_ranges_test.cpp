// Grids of activations against plain loops.
#include "models/narrow_ranges.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/models/script_models.h"

namespace fluence::models {
namespace {

using ::testing::ElementsAre;

FloatOp operation(FloatOpKind kind, const std::string& name, int input) {
    FloatOp op;
    op.kind = kind;
    op.name = name;
    op.inputs = {input};
    op.output = input + 1;
    return op;
}

// A linear layer that doubles its 16 inputs, a maximum over nothing, a linear layer of logits.
FloatGraph doubling() {
    FloatGraph graph;
    graph.name = "doubling";
    for (const int channels : {16, 16, 16, 3}) {
        graph.add_tensor({channels, 1, 1});
    }
    graph.ops = {operation(FloatOpKind::linear, "double", 0), operation(FloatOpKind::max_pool, "pool", 1),
                 operation(FloatOpKind::linear, "logits", 2)};
    graph.ops[0].weight = at::eye(16, at::kDouble) * 2;
    graph.ops[0].bias = at::zeros({16}, at::kDouble);
    graph.ops[2].weight = test::weights({3, 16}, 1).to(at::kDouble);
    graph.ops[2].bias = at::zeros({3}, at::kDouble);
    graph.logits = 3;
    return graph;
}

double squared_error(const at::Tensor& values, double scale) {
    double sum = 0;
    for (std::int64_t i = 0; i < values.numel(); ++i) {
        const double value = values.reshape(-1)[i].item<double>();
        const double code = std::clamp(std::floor(value / scale + 0.5), -128.0, 127.0);
        sum += (code * scale - value) * (code * scale - value);
    }
    return sum;
}

TEST(NarrowRanges, TakeTheGridOfLeastSquaredError) {
    const FloatGraph graph = doubling();
    at::manual_seed(3);
    int narrowed = 0;
    for (const float outlier : {0.4F, 0.6F, 1.2F, 4.0F, 60.0F}) {
        at::Tensor images = at::rand({400, 16, 1, 1}) * 0.8 - 0.4;
        images[17][3] = outlier;
        std::vector<Range> ranges;
        GridErrors errors;
        for (int half = 0; half < 2; ++half) {
            calibrate(graph, images.slice(0, half * 200, half * 200 + 200), ranges);
        }
        const std::vector<Range> widest = ranges;
        for (int half = 0; half < 2; ++half) {
            measure_grids(graph, images.slice(0, half * 200, half * 200 + 200), ranges, errors);
        }
        std::vector<std::string> report;
        narrow_ranges(graph, errors, ranges, report);
        const auto scale = [](const Range& range) {
            return activation_scale(range, workloads::NumberFormat::s8, workloads::DataFormat::fxp8);
        };
        double best = scale(widest[0]);
        for (std::size_t grid = 0; grid < kGrids; ++grid) {
            const double candidate = std::ldexp(scale(widest[0]), -static_cast<int>(grid));
            EXPECT_NEAR(errors[0][grid], squared_error(images, candidate), 1e-4 * errors[0][grid]);
            best = errors[0][grid] < squared_error(images, best) * (1 - 1e-6) ? candidate : best;
        }
        EXPECT_EQ(scale(ranges[0]), best) << outlier;
        EXPECT_EQ(scale(ranges[1]), 2 * best) << outlier;
        // A pool moves codes, and the logits are sums.
        EXPECT_EQ(ranges[2].hi, widest[2].hi);
        EXPECT_EQ(ranges[3].hi, widest[3].hi);
        narrowed += best < scale(widest[0]) ? 1 : 0;
        if (best < scale(widest[0])) {
            ASSERT_EQ(report.size(), 2u);
            EXPECT_THAT(report[0], ::testing::StartsWith("input: activations saturate at 1/"));
            EXPECT_THAT(report[1], ::testing::StartsWith("double: activations saturate at 1/"));
        } else {
            EXPECT_TRUE(report.empty());
        }
    }
    EXPECT_GE(narrowed, 1);
    EXPECT_LE(narrowed, 4);
}

}  // namespace
}  // namespace fluence::models
