// Filters of whole pixels in the machines: what they do to values and cycles of the register-true machine,
// each case worked out by hand or held against plain loops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/core/error.h"
#include "sim/dataflow/space_time.h"
#include "sim/protect/layer_filters.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

using traces::Fold;
using traces::Upset;
using workloads::Codes;

// Two convolutions, of 6 and 5 channels, and a classifier on a 4×4 array: two blocks of channels each.
class DetailedFilters : public testing::Test {
  protected:
    DetailedFilters() : stream_(20261121, RandomPurpose::testing, 0) {
        test::GraphBuilder builder("filters", stream_, {3, 6, 6}, workloads::NumberFormat::u8);
        test::GraphBuilder::ConvOptions options;
        options.window.kernel_h = options.window.kernel_w = 3;
        const TensorId first = builder.conv(builder.input(), 6, options);
        const TensorId second = builder.conv(first, 5, options);
        builder.logits(builder.flatten(second), 4);
        graph_ = builder.finish();
        image_ = test::random_image(graph_, stream_);
        config_ = test::machine("4x4", {});
    }

    void use(const std::string& parts) {
        policy_ = protect::parse_policy(nlohmann::json::parse(R"({"name": "x", )" + parts + "}"), "x");
        workloads::Bundle bundle;
        bundle.graph = graph_;
        bundle.calibration_count = 1;
        bundle.calibration.assign(image_.begin(), image_.end());
        filters_ = protect::layer_filters(policy_, graph_, protect::filter_tables(policy_, bundle, {}));
        timeline_ = run_machine(graph_, config_, policy_, image_).timeline;
    }
    std::vector<DetailedRun> run(const std::vector<std::vector<Upset>>& lists) const {
        return run_detailed_each(graph_, config_, policy_, timeline_, image_, lists, {}, filters_);
    }
    // By plain loops.
    std::vector<Codes> expected(const std::vector<arith::LayerFault>& faults) const {
        return arith::reference_run(graph_, {}, image_, faults, {}, filters_);
    }
    // In the sum of pixel 2 and channel 1 of a layer, at the last row of the array: bit 20.
    Upset struck_sum(std::size_t layer) const {
        const Fold& fold = *std::find_if(timeline_.folds.begin(), timeline_.folds.end(),
                                         [&](const Fold& f) { return index_of(f.layer) == layer; });
        Upset upset;
        upset.site = traces::SiteKind::pe_psum;
        upset.unit = 3 * 4 + 1;
        upset.cycle = dataflow::SpaceTimeMap(config_.array).psum_cycle(fold, 2, 3, 1);
        upset.bits.set(20);
        return upset;
    }
    // What it does to the layer's arithmetic; the sum's bit 20 was 0 or 1.
    static arith::LayerFault fault_of(std::size_t layer, std::int64_t plane, bool up) {
        arith::LayerFault fault;
        fault.layer = layer_id(layer);
        fault.accumulators = {{1 * plane + 2, up ? 1 << 20 : -(1 << 20)}};
        return fault;
    }

    RandomStream stream_;
    workloads::Graph graph_;
    Codes image_;
    AcceleratorConfig config_;
    protect::Policy policy_;
    std::vector<arith::LayerFilters> filters_;
    traces::Timeline timeline_;
};

constexpr const char* kMedian = R"("layer_output": [{"part": "median"}])";
constexpr const char* kGated = R"("mac_output": [{"part": "linear-checksum"}],
    "layer_output": [{"part": "gradient-suppression", "statistics": "layer"}])";

TEST_F(DetailedFilters, a_median_acts_without_upsets_and_is_no_suppression) {
    use(kMedian);
    const DetailedRun clean = run({{}})[0];
    EXPECT_EQ(clean.tensors, expected({}));
    EXPECT_NE(clean.tensors, arith::reference_run(graph_, {}, image_, {}));
    EXPECT_FALSE(clean.suppressed || clean.detected);
}

TEST_F(DetailedFilters, a_median_takes_an_outlier_and_that_is_one) {
    use(kMedian);
    const DetailedRun struck = run({{struck_sum(0)}})[0];
    const bool up = struck.tensors == expected({fault_of(0, 16, true)});
    EXPECT_TRUE(up || struck.tensors == expected({fault_of(0, 16, false)}));
    EXPECT_TRUE(struck.suppressed);
    EXPECT_FALSE(struck.detected);
}

TEST_F(DetailedFilters, a_gated_filter_waits_for_its_detection) {
    use(kGated);
    const std::vector<DetailedRun> runs = run({{}, {struck_sum(0)}, {struck_sum(1)}});
    EXPECT_EQ(runs[0].tensors, arith::reference_run(graph_, {}, image_, {}));
    EXPECT_EQ(runs[0].recovery_cycles, 0);
    const std::array<std::int64_t, 2> planes = {16, 4}, channels = {6, 5};
    const std::int64_t lanes = config_.vector_unit.lanes;
    for (std::size_t layer : {0u, 1u}) {
        const DetailedRun& struck = runs[layer + 1];
        std::vector<std::vector<Codes>> either;
        for (const bool up : {true, false}) {
            arith::LayerFault fault = fault_of(layer, planes[layer], up);
            fault.filter_outputs = true;
            either.push_back(expected({fault}));
        }
        EXPECT_TRUE(struck.tensors == either[0] || struck.tensors == either[1]) << layer;
        EXPECT_TRUE(struck.detected);
        EXPECT_FALSE(struck.unrepaired);
        EXPECT_EQ(struck.recovery_cycles, (planes[layer] + lanes - 1) / lanes * (channels[layer] + 2) + 2);
    }
}

// The pass that completes a tile's pixels is later by ⌈P/lanes⌉·(C + 2) + 2, the one in front of it is not;
// both blocks of channels are stored by the later one.
TEST_F(DetailedFilters, the_cycles_are_those_of_the_formula) {
    use(R"("layer_output": [])");
    const traces::Timeline plain = timeline_;
    use(kMedian);
    const traces::VectorPass& first = timeline_.passes[0];
    const traces::VectorPass& second = timeline_.passes[1];
    ASSERT_EQ(first.channels, 4);
    ASSERT_EQ(second.channels, 2);
    ASSERT_EQ(first.pixels, second.pixels);
    EXPECT_EQ(first.end - first.begin, plain.passes[0].end - plain.passes[0].begin);
    const std::int64_t lanes = config_.vector_unit.lanes;
    EXPECT_EQ(second.end - second.begin,
              plain.passes[1].end - plain.passes[1].begin + (first.pixels + lanes - 1) / lanes * 8 + 2);
    const auto of_layer = [](const traces::Store& store) { return index_of(store.layer) == 0; };
    EXPECT_LT(std::count_if(timeline_.stores.begin(), timeline_.stores.end(), of_layer),
              std::count_if(plain.stores.begin(), plain.stores.end(), of_layer));
    EXPECT_GE(timeline_.stores[0].begin, second.end);
    EXPECT_GT(timeline_.cycles, plain.cycles);
}

TEST_F(DetailedFilters, a_buffer_that_is_too_small_is_named) {
    try {
        use(R"("layer_output": [{"part": "median", "buffer_bytes": 50}])");
        FAIL() << "no error";
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("layer_output.buffer_bytes"));
        EXPECT_THAT(error.what(), testing::HasSubstr("at least "));
    }
}

}  // namespace
}  // namespace fluence::accel
