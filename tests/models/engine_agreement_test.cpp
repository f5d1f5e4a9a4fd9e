// Two independent implementations of workloads/graph.h held against each other bit for bit: the exporter's
// (Torch tensor operators) and the simulator's (sim/arith).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/integer_network.h"
#include "sim/arith/engine.h"
#include "tests/support/random_graph.h"
#include "workloads/graph_builder.h"

namespace fluence::models {
namespace {

using workloads::Codes;

at::Tensor batch_of(const std::vector<Codes>& images, const workloads::Shape& shape) {
    std::vector<std::int32_t> all;
    for (const Codes& image : images) {
        all.insert(all.end(), image.begin(), image.end());
    }
    return at::tensor(at::ArrayRef<std::int32_t>(all), at::kInt)
        .reshape({static_cast<std::int64_t>(images.size()), shape.channels, shape.height, shape.width});
}

void expect_agreement(const workloads::Graph& graph, RandomStream& stream, std::size_t batch = 2) {
    std::vector<Codes> images;
    while (images.size() < batch) {
        images.push_back(test::random_image(graph, stream));
    }
    std::vector<at::Tensor> tensors(graph.tensors.size());
    const IntegerNetwork network(graph);
    network.run(batch_of(images, graph.tensor(graph.input).shape),
                [&](TensorId id, const at::Tensor& codes) { tensors[index_of(id)] = codes.contiguous(); });
    const arith::Engine engine(graph);
    for (std::size_t image = 0; image < images.size(); ++image) {
        const arith::GoldenRun run = engine.run(images[image]);
        for (std::size_t t = 0; t < tensors.size(); ++t) {
            const at::Tensor flat = tensors[t][static_cast<std::int64_t>(image)].reshape(-1);
            const Codes codes(flat.data_ptr<int>(), flat.data_ptr<int>() + flat.numel());
            ASSERT_EQ(codes, run.tensors[t]) << "tensor " << graph.tensors[t].name << " of " << graph.name;
        }
    }
}

TEST(EngineAgreement, RandomGraphs) {
    constexpr std::uint64_t kSeed = 20240;
    for (std::uint64_t i = 0; i < 200; ++i) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + ", graph " + std::to_string(i));
        RandomStream stream(kSeed, RandomPurpose::testing, i);
        expect_agreement(test::random_graph(stream), stream);
        if (HasFatalFailure()) {
            return;
        }
    }
}

TEST(EngineAgreement, NetworksOfFixedShape) {
    RandomStream stream(20241, RandomPurpose::testing, 0);
    expect_agreement(test::lenet_like_graph(stream), stream);
    expect_agreement(test::resnet_like_graph(stream), stream);
}

// Sums too large for floats, and too large for floats of half codes; and batches as large as those that are
// evaluated, for which Torch chooses other kernels.
TEST(EngineAgreement, LargeSumsInLargeBatches) {
    RandomStream stream(20242, RandomPurpose::testing, 0);
    workloads::GraphBuilder builder("large sums", stream, {16, 6, 6}, workloads::NumberFormat::u8);
    const workloads::GraphBuilder::ConvOptions same{{3, 3, 1, 1, 1, 1, 1, 1}};
    workloads::GraphBuilder::ConvOptions signed_codes = same;
    signed_codes.relu = false;
    TensorId x = builder.conv(builder.input(), 160, same);  // 144 terms
    x = builder.conv(x, 160, signed_codes);                 // 1,440 terms
    x = builder.conv(x, 640, same);
    x = builder.linear(builder.flatten(x), 20, true);  // 23,040 terms
    builder.logits(x, 5);
    expect_agreement(builder.finish(), stream, 40);
}

}  // namespace
}  // namespace fluence::models
