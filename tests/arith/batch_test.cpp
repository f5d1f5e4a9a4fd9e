// A batch gives what its images give one by one; its consequences of faults are those of full re-execution.
#include "workloads/batch.h"

#include <gtest/gtest.h>

#include <map>

#include "sim/arith/engine.h"
#include "tests/arith/exactness.h"
#include "tests/arith/random_faults.h"
#include "tests/support/random_graph.h"

namespace fluence {
namespace {

using arith::Engine;
using arith::GoldenRun;
using arith::OutputBounds;
using arith::reference_run;
using workloads::Codes;
using workloads::Graph;

constexpr std::uint64_t kSeed = 17;

struct Batch {
    Graph single, graph;
    std::vector<Codes> images;
    Codes input;
};

Batch random_batch(RandomStream& stream) {
    Batch batch;
    batch.single = test::random_graph(stream);
    const int images = static_cast<int>(stream.below(3)) + 1;
    batch.graph = workloads::batched(batch.single, images, "batch");
    for (int i = 0; i < images; ++i) {
        batch.images.push_back(test::random_image(batch.single, stream));
    }
    batch.input = workloads::stacked(batch.images, batch.graph.tensor(batch.graph.input).shape);
    return batch;
}

std::map<std::string, std::size_t> by_name(const Graph& graph) {
    std::map<std::string, std::size_t> names;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        names[graph.tensors[i].name] = i;
    }
    return names;
}

TEST(Batch, ReferenceGivesWhatItsImagesGiveOneByOne) {
    for (std::uint64_t sample = 0; sample < 300; ++sample) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + " sample " + std::to_string(sample));
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const Batch batch = random_batch(stream);
        const std::vector<Codes> tensors = reference_run(batch.graph, {}, batch.input, {});
        const auto names = by_name(batch.single);
        for (std::size_t i = 0; i < batch.images.size(); ++i) {
            const std::vector<Codes> alone = reference_run(batch.single, {}, batch.images[i], {});
            for (std::size_t t = 0; t < batch.graph.tensors.size(); ++t) {
                const workloads::TensorInfo& info = batch.graph.tensors[t];
                ASSERT_EQ(workloads::image_of(tensors[t], info.shape, static_cast<int>(i)),
                          alone[names.at(info.name)])
                    << info.name << ", image " << i;
            }
        }
    }
}

class BatchRun : public testing::TestWithParam<arith::KernelKind> {};
INSTANTIATE_TEST_SUITE_P(Arith, BatchRun, testing::ValuesIn(arith::supported_kernels()),
                         [](const auto& row) { return std::string(arith::name_of(row.param)); });

TEST_P(BatchRun, EngineEqualsReferenceWithAndWithoutFaults) {
    for (std::uint64_t sample = 0; sample < 100; ++sample) {
        RandomStream stream(kSeed, RandomPurpose::testing, 1000 + sample);
        const Batch batch = random_batch(stream);
        const auto bounds =
            sample % 2 == 0 ? test::random_bounds(batch.graph, stream) : std::vector<OutputBounds>{};
        Engine engine(batch.graph, bounds, GetParam());
        const GoldenRun golden = engine.run(batch.input);
        ASSERT_EQ(golden.tensors, reference_run(batch.graph, bounds, batch.input, {}))
            << "seed " << kSeed << " sample " << sample;
        for (int fault = 0; fault < 15; ++fault) {
            SCOPED_TRACE("seed " + std::to_string(kSeed) + " sample " + std::to_string(sample) + " fault " +
                         std::to_string(fault));
            test::expect_exact(engine, bounds, golden, batch.input,
                               test::random_faults(batch.graph, golden, stream));
            ASSERT_FALSE(testing::Test::HasFailure());
        }
    }
}

}  // namespace
}  // namespace fluence
