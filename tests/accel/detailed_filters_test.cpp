// Filters of whole pixels in the machines: what they do to values and cycles of the register-true machine,
// each case worked out by hand or held against plain loops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/core/error.h"
#include "sim/dataflow/space_time.h"
#include "sim/protect/layer_filters.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"
#include "tests/support/upsets.h"

namespace fluence::accel {
namespace {

using test::upset;
using traces::Fold;
using traces::Upset;
using workloads::Codes;

// Two convolutions, of 6 and 5 channels, and a classifier on a 4×4 array: two blocks of channels each.
class DetailedFilters : public testing::Test {
  protected:
    DetailedFilters() : stream_(20261121, RandomPurpose::testing, 0) {
        graph_ = test::two_convolutions(stream_);
        image_ = test::random_image(graph_, stream_);
        config_ = test::machine("4x4", {});
    }

    void use(const std::string& parts) {
        policy_ = protect::parse_policy(nlohmann::json::parse(R"({"name": "x", )" + parts + "}"), "x");
        workloads::Bundle bundle;
        bundle.graph = graph_;
        bundle.calibration_count = 1;
        bundle.calibration.assign(image_.begin(), image_.end());
        tables_ = protect::filter_tables(policy_, bundle, {});
        filters_ = protect::layer_filters(policy_, graph_, tables_);
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
        return upset(traces::SiteKind::pe_psum, 3 * 4 + 1,
                     dataflow::SpaceTimeMap(config_.array).psum_cycle(fold, 2, 3, 1), 20);
    }
    Codes first_layer(const DetailedRun& run) const { return run.tensors[index_of(graph_.layers[0].output)]; }
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
    protect::FilterTables tables_;
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

// Channel 1 of pixel 6 is element 16 + 6 of the first pass; the second pass, of channels 4 and 5, completes
// it. The buffer's 65,536 bytes are 6 planes of 10,922.
TEST_F(DetailedFilters, a_code_is_struck_while_it_waits_for_its_pixel) {
    use(kMedian);
    const traces::VectorPass& pass = timeline_.passes[0];
    const traces::VectorPass& last = timeline_.passes[1];
    ASSERT_EQ(pass.pixels, 16);
    ASSERT_EQ(last.elements, 2 * 16);
    const std::int64_t stages = config_.vector_unit.pipeline_depth.count();
    const traces::Cycle came = pass.begin + (16 + 6) / pass.lanes + 1 + stages;
    const traces::Cycle left = last.begin + (2 * 16 - 1) / last.lanes + 1 + stages;
    const auto at = [&](traces::Cycle cycle, std::int64_t unit = 10922 + 6) {
        return std::vector<Upset>{upset(traces::SiteKind::filter_buffer, unit, cycle, 7)};
    };
    const std::vector<DetailedRun> runs =
        run({{}, at(came), at(left - 1), at(came - 1), at(left), at(came, 10922 + 5 + 16), at(came, 65535)});
    const Codes before = arith::reference_run(graph_, {}, image_, {})[index_of(graph_.layers[0].output)];
    arith::LayerFault fault;
    fault.layer = layer_id(0);
    const workloads::NumberFormat format = graph_.tensor(graph_.layers[0].output).format;
    fault.restricted = {{16 + 6, workloads::flip_bits(format, before[16 + 6], 1 << 7), false}};
    for (const std::size_t struck : {1u, 2u}) {
        EXPECT_EQ(runs[struck].tensors, expected({fault})) << struck;
        EXPECT_FALSE(runs[struck].detected);
    }
    for (const std::size_t right : {3u, 4u, 5u, 6u}) {
        EXPECT_EQ(runs[right].tensors, runs[0].tensors) << right;
    }
}

// Limits of the gradients of one layer, by the definition: `lo` and `hi` by pixel and comparison.
Codes suppressed(const Codes& codes, std::int64_t channels,
                 const std::function<std::pair<int, int>(std::int64_t, std::int64_t)>& limits) {
    const std::int64_t plane = static_cast<std::int64_t>(codes.size()) / channels;
    const auto code = [&](std::int64_t c, std::int64_t pixel) {
        return codes[static_cast<std::size_t>((c + channels) % channels * plane + pixel)];
    };
    Codes result = codes;
    for (std::int64_t pixel = 0; pixel < plane; ++pixel) {
        bool before = false;
        for (std::int64_t q = 0; q <= channels; ++q) {
            const std::int64_t c = q - 1;
            const int gradient = code(c, pixel) - code(c - 1, pixel);
            const auto [lo, hi] = limits(pixel, q);
            const bool flag = gradient < lo || gradient > hi;
            if (q > 0 && flag && !before) {
                result[static_cast<std::size_t>(c * plane + pixel)] = 0;
            }
            before = flag;
        }
    }
    return result;
}

// Statistics by layer: the register of lane 1 keeps what it loaded at the layer's beginning. Bit 17 is the
// upper limit's sign. Without the upset nothing is suppressed, because the image is the calibration's.
TEST_F(DetailedFilters, a_flipped_threshold_suppresses_right_codes) {
    use(R"("layer_output": [{"part": "gradient-suppression", "gate": "always", "statistics": "layer"}])");
    const std::int64_t lanes = config_.vector_unit.lanes, channels = 6;
    ASSERT_EQ(timeline_.passes[1].pixels, 16);
    const traces::Cycle begin = timeline_.passes[1].end - ((16 + lanes - 1) / lanes * (channels + 2) + 2);
    const Codes right = arith::reference_run(graph_, {}, image_, {})[index_of(graph_.layers[0].output)];
    const int lo = tables_.gradient[0].lo[0], hi = std::min(tables_.gradient[0].hi[0], 255);
    ASSERT_GE(hi, 0);
    // Comparison 3 of the second group of pixels, the one behind it, and one in front of the first.
    const traces::Cycle third = begin + (channels + 2) + 2 + 3;
    const auto at = [&](traces::Cycle cycle) {
        return std::vector<Upset>{upset(traces::SiteKind::filter_threshold, 1, cycle, 17)};
    };
    const std::vector<DetailedRun> runs = run({{}, at(third), at(third + 1), at(begin + 1)});
    EXPECT_EQ(first_layer(runs[0]), right);
    for (const std::int64_t late : {0, 1}) {
        const Codes expected = suppressed(right, channels, [&](std::int64_t pixel, std::int64_t q) {
            const bool behind = pixel / lanes > 1 || (pixel / lanes == 1 && q >= 3 + late);
            return std::pair(lo, pixel % lanes == 1 && behind ? hi - 256 : hi);
        });
        EXPECT_NE(expected, right) << "no code shows it";
        EXPECT_EQ(first_layer(runs[static_cast<std::size_t>(1 + late)]), expected) << late;
        EXPECT_FALSE(runs[static_cast<std::size_t>(1 + late)].suppressed) << "the codes were right";
    }
    EXPECT_EQ(runs[3].tensors, runs[0].tensors) << "not loaded yet";
}

// By channel a register has a channel's limits for the cycle of its comparison; the last channel's from the
// end of one pixel to the beginning of the next one.
TEST_F(DetailedFilters, thresholds_by_channel_are_loaded_anew) {
    use(R"("layer_output": [{"part": "gradient-suppression", "gate": "always", "statistics": "channel"}])");
    const std::int64_t lanes = config_.vector_unit.lanes, channels = 6;
    const traces::Cycle begin = timeline_.passes[1].end - ((16 + lanes - 1) / lanes * (channels + 2) + 2);
    const Codes right = arith::reference_run(graph_, {}, image_, {})[index_of(graph_.layers[0].output)];
    const protect::Limits& limits = tables_.gradient[0];
    for (std::int64_t q = 0; q <= channels; ++q) {
        const traces::Cycle cycle = begin + 2 + q;  // of pixel 0
        const Codes expected = suppressed(right, channels, [&](std::int64_t pixel, std::int64_t comparison) {
            const auto c = static_cast<std::size_t>(comparison == 0 ? channels - 1 : comparison - 1);
            const bool struck =
                (pixel == 0 && comparison == q) || (q == channels && pixel == lanes && comparison == 0);
            const int bits = (std::min(limits.hi[c], 255) & 0x1FF) ^ (struck ? 1 << 8 : 0);
            return std::pair(limits.lo[c], bits >= 256 ? bits - 512 : bits);
        });
        const DetailedRun struck = run({{upset(traces::SiteKind::filter_threshold, 0, cycle, 17)}})[0];
        EXPECT_EQ(first_layer(struck), expected) << q;
    }
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
