// The graphs that other tests draw: valid, varied, reproducible.
#include "tests/support/random_graph.h"

#include <gmock/gmock.h>

#include <set>

namespace fluence::test {
namespace {

using workloads::Graph;
using workloads::Layer;
using workloads::OpKind;

RandomStream stream(std::uint64_t sample) {
    return RandomStream(7, RandomPurpose::testing, sample);
}

TEST(RandomGraph, CoversEveryOperatorAndKindOfConvolution) {
    std::set<OpKind> kinds;
    bool grouped = false, depthwise = false, strided = false, padded = false, dilated = false,
         shuffled = false, cut = false;
    for (std::uint64_t sample = 0; sample < 300; ++sample) {
        SCOPED_TRACE("seed 7, sample " + std::to_string(sample));
        RandomStream draws = stream(sample);
        const Graph graph = random_graph(draws);
        ASSERT_NO_THROW(validate(graph, "random"));
        for (const Layer& layer : graph.layers) {
            kinds.insert(layer.kind);
            cut |= layer.channels_before < 0;
            shuffled |= layer.kind == OpKind::subsample && layer.groups > 1;
            if (layer.kind == OpKind::conv) {
                const int channels = graph.tensor(layer.inputs[0]).shape.channels;
                grouped |= layer.groups > 1 && layer.groups < channels;
                depthwise |= layer.groups > 1 && layer.groups == channels;
                strided |= layer.window.stride_h > 1;
                padded |= layer.window.pad_w > 0;
                dilated |= layer.window.dilation_h > 1;
            }
        }
    }
    EXPECT_EQ(kinds.size(), 8u);
    EXPECT_TRUE(grouped && depthwise && strided && padded && dilated && shuffled && cut);
}

TEST(RandomGraph, SameSeedSameGraph) {
    RandomStream first = stream(3);
    RandomStream second = stream(3);
    const Graph a = random_graph(first);
    const Graph b = random_graph(second);
    ASSERT_EQ(a.layers.size(), b.layers.size());
    for (std::size_t i = 0; i < a.layers.size(); ++i) {
        EXPECT_EQ(a.layers[i].weights, b.layers[i].weights);
        EXPECT_EQ(a.layers[i].multiplier, b.layers[i].multiplier);
    }
    EXPECT_EQ(random_image(a, first), random_image(b, second));
}

TEST(RandomGraph, ConvolutionsOnlyHasNothingElse) {
    RandomGraphOptions options;
    options.convolutions_only = true;
    for (std::uint64_t sample = 0; sample < 50; ++sample) {
        RandomStream draws = stream(sample);
        for (const Layer& layer : random_graph(draws, options).layers) {
            EXPECT_TRUE(layer.has_macs());
        }
    }
}

// MACs from the layer shapes of the papers: 5·5·28²·6 + 5·5·6·10²·16 + 400·120 + 120·84 + 84·10.
TEST(RandomGraph, LenetHasTheMacsOfLenet5) {
    RandomStream draws = stream(1);
    const Graph graph = lenet_like_graph(draws);
    std::int64_t macs = 0;
    for (const Layer& layer : graph.layers) {
        macs += layer.has_macs() ? gemm_shape(graph, layer).macs() : 0;
    }
    EXPECT_EQ(macs, 117600 + 240000 + 48000 + 10080 + 840);
}

TEST(RandomGraph, ResnetHasShortcutsOfBothKinds) {
    RandomStream draws = stream(1);
    const Graph graph = resnet_like_graph(draws);
    int adds = 0, subsamples = 0;
    for (const Layer& layer : graph.layers) {
        adds += layer.kind == OpKind::add ? 1 : 0;
        subsamples += layer.kind == OpKind::subsample ? 1 : 0;
    }
    EXPECT_EQ(adds, 3);
    EXPECT_EQ(subsamples, 2);
}

}  // namespace
}  // namespace fluence::test
