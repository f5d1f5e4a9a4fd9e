// The workload that ships: readable without the front end, executed as its exporter did, as accurate as
// models/pretrained/README.md says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sim/arith/engine.h"
#include "workloads/bundle.h"
#include "workloads/glyphs.h"

namespace fluence {
namespace {

using workloads::Codes;

class ShippedBundle : public ::testing::Test {
  protected:
    const workloads::Bundle bundle_ =
        workloads::read_bundle(FLUENCE_SOURCE_DIR "/workloads/pretrained/lenet5-glyphs");
    const arith::Engine engine_{bundle_.graph};
};

TEST_F(ShippedBundle, EngineReproducesTheGoldenActivations) {
    ASSERT_EQ(bundle_.golden.size(), 2u);
    for (std::size_t image = 0; image < 2; ++image) {
        const arith::GoldenRun run = engine_.run(bundle_.image(static_cast<std::int64_t>(image)));
        for (std::size_t t = 0; t < run.tensors.size(); ++t) {
            EXPECT_EQ(run.tensors[t], bundle_.golden[image][t]) << bundle_.graph.tensors[t].name;
        }
    }
}

TEST_F(ShippedBundle, HasTheStatedAccuracy) {
    ASSERT_EQ(bundle_.image_count, 500);
    int correct = 0;
    for (std::int64_t i = 0; i < bundle_.image_count; ++i) {
        const Codes logits = engine_.run(bundle_.image(i)).tensors[index_of(bundle_.graph.logits)];
        const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
        correct += best == bundle_.labels[static_cast<std::size_t>(i)] ? 1 : 0;
    }
    EXPECT_EQ(correct, 480);
    EXPECT_DOUBLE_EQ(bundle_.fp32_top1, 481.0 / 500);
}

void expect_pixels(const std::vector<std::uint8_t>& codes, const workloads::Dataset& glyphs, double scale) {
    ASSERT_EQ(codes.size(), glyphs.pixels.size());
    for (std::size_t i = 0; i < codes.size(); ++i) {
        ASSERT_LE(std::abs(codes[i] * scale - glyphs.pixels[i] / 255.0), scale) << "pixel " << i;
    }
}

// The glyphs as they are drawn today: a change of the data set must remake weights and bundle.
TEST_F(ShippedBundle, HoldsTodaysGlyphs) {
    const workloads::Dataset glyphs = workloads::glyphs(workloads::Split::test, bundle_.image_count);
    EXPECT_EQ(bundle_.labels, glyphs.labels);
    const double scale = bundle_.graph.tensor(bundle_.graph.input).scale;
    expect_pixels(bundle_.images, glyphs, scale);
    ASSERT_EQ(bundle_.calibration_count, 1000);
    expect_pixels(bundle_.calibration, workloads::glyphs(workloads::Split::train, 1000), scale);
}

}  // namespace
}  // namespace fluence
