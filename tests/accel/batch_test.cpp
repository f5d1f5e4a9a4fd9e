// Batches: cycles worked out by hand from docs/machine.md, and in closed form where everything fits.
#include "workloads/batch.h"

#include <gtest/gtest.h>

#include "machines.h"
#include "sim/accel/machine.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

using traces::Content;
using traces::Timeline;
using workloads::Codes;
using workloads::Graph;

std::int64_t words_of(const Timeline& timeline, Content content) {
    std::int64_t words = 0;
    for (const traces::Load& load : timeline.loads) {
        words += load.content == content ? load.words() : 0;
    }
    return words;
}

// Three inputs, two logits.
Graph linear_graph(int images) {
    RandomStream stream(1, RandomPurpose::testing, 0);
    test::GraphBuilder builder("linear", stream, {3, 1, 1}, workloads::NumberFormat::s8);
    builder.logits(builder.input(), 2);
    return workloads::batched(builder.finish(), images, "linear");
}

// The one-fold layer of docs/machine.md for three images. A plane of three codes takes a word, so that there
// are 3 words of activations: parameters leave DRAM in cycles 0 to 2, activations 3 to 5 (done 5 + 8 = 13),
// weights 6 to 8 (done 16). Preload 17, stream 22, T = 3: end 22 + 2 + 1 + 3 + 1 = 29. A pass of 6 elements
// on 4 lanes ends at 29 + 1 + 1 + 3 = 34. A plane of three logits takes 2 words: 4 words, done at
// 34 + 3 + 8 = 45.
TEST(Batch, one_fold_by_hand) {
    const Timeline timeline = time_machine(linear_graph(3), test::machine("hand", {}), {});
    EXPECT_EQ(timeline.loads.size(), 3u);
    EXPECT_EQ(words_of(timeline, Content::parameters), 3);
    EXPECT_EQ(words_of(timeline, Content::activations), 3);
    EXPECT_EQ(words_of(timeline, Content::weights), 3);
    ASSERT_EQ(timeline.folds.size(), 1u);
    EXPECT_EQ(timeline.folds[0].preload, 17);
    EXPECT_EQ(timeline.folds[0].stream, 22);
    EXPECT_EQ(timeline.folds[0].end, 29);
    ASSERT_EQ(timeline.passes.size(), 1u);
    EXPECT_EQ(timeline.passes[0].begin, 29);
    EXPECT_EQ(timeline.passes[0].end, 34);
    EXPECT_EQ(timeline.cycles, 45);
    EXPECT_EQ(timeline.layers[0].macs, 18);
    EXPECT_EQ(timeline.layers[0].busy_cycles, 3);
}

// PE(0,0) multiplies image i in cycle 22 + i − 1: its weight, inverted at the edge of cycle t, is wrong for
// the images from t − 21 on, and for none from cycle 24 on.
TEST(Batch, a_struck_weight_is_wrong_for_the_images_still_to_come) {
    const Graph graph = linear_graph(3);
    const AcceleratorConfig config = test::machine("hand", {});
    const Timeline timeline = time_machine(graph, config, {});
    const Codes image = {10, 20, 30, 1, 2, 3, 4, 5, 6};
    std::vector<std::vector<traces::Upset>> lists(1);
    for (traces::Cycle cycle = 21; cycle <= 24; ++cycle) {
        traces::Upset upset;
        upset.site = traces::SiteKind::pe_weight;
        upset.cycle = cycle;
        upset.bits.set(6);
        lists.push_back({upset});
    }
    const std::vector<DetailedRun> runs = run_detailed_each(graph, config, {}, timeline, image, lists);
    const std::size_t logits = index_of(graph.logits);
    const workloads::Shape& shape = graph.tensor(graph.logits).shape;
    for (int list = 1; list <= 4; ++list) {
        for (int i = 0; i < 3; ++i) {
            const bool changed =
                workloads::image_of(runs[static_cast<std::size_t>(list)].tensors[logits], shape, i) !=
                workloads::image_of(runs[0].tensors[logits], shape, i);
            EXPECT_EQ(changed, i >= list - 1) << "cycle " << 20 + list << ", image " << i;
        }
    }
}

// Where everything fits, a layer takes what its GEMM with the pixels of all images takes, ⌈K/R⌉·⌈N/C⌉ full
// folds of 2R + C + M − 2 cycles, the first from R cycles before its stream (its weights may be there long
// before its input); weights move once, whatever the batch.
TEST(Batch, a_layer_takes_the_cycles_of_one_large_gemm) {
    test::MachineSize size;
    size.weight_bytes = size.activation_bytes = size.output_bytes = 1 << 20;
    AcceleratorConfig config = test::machine("large", size, OperandRegister::output, false);
    config.array.preload = Preload::serial;
    config.array.partial_folds = PartialFolds::full;
    config.vector_unit.lanes = 1000;
    for (const int images : {1, 2, 3, 8}) {
        RandomStream stream(2, RandomPurpose::testing, 0);
        test::GraphBuilder builder("conv", stream, {3, 7, 6}, workloads::NumberFormat::u8);
        const workloads::Window window = {3, 3, 2, 2, 1, 1, 1, 1};  // to 4×3 pixels
        const TensorId conv = builder.conv(builder.input(), 10, {window, 1, true});
        builder.logits(builder.flatten(conv), 5);
        const Graph graph = workloads::batched(builder.finish(), images, "conv");
        const Timeline timeline = time_machine(graph, config, {});
        struct {
            std::int64_t m, k, n;
        } const gemms[] = {{images * 12, 27, 10}, {images, 120, 5}};
        // Behind one image's flatten, which a batch does without, comes the linear layer.
        const LayerId layers[] = {layer_id(0), layer_id(images == 1 ? 2 : 1)};
        std::int64_t weight_words = 0;
        for (int i = 0; i < 2; ++i) {
            const auto& g = gemms[i];
            const std::int64_t folds = (g.k + 3) / 4 * ((g.n + 3) / 4);
            traces::Cycle first = timeline.cycles;
            traces::Cycle last = 0;
            std::int64_t count = 0;
            for (const traces::Fold& fold : timeline.folds) {
                if (fold.layer == layers[i]) {
                    first = std::min(first, fold.stream - 4);
                    last = std::max(last, fold.end);
                    ++count;
                }
            }
            EXPECT_EQ(count, folds);
            EXPECT_EQ(last - first, folds * (2 * 4 + 4 + g.m - 2)) << images << " images, layer " << i;
            weight_words += g.k * ((g.n + 3) / 4);  // rows of up to 4 weights, a word of 8 each
        }
        EXPECT_EQ(words_of(timeline, Content::weights), weight_words) << images << " images";
    }
}

// Two images of 8×8 do not fit half of the buffer together: they are loaded in pieces, once, and give what
// they give alone.
TEST(Batch, larger_than_the_buffers_is_cut_into_tiles) {
    RandomStream stream(3, RandomPurpose::testing, 0);
    test::GraphBuilder builder("tiles", stream, {2, 8, 8}, workloads::NumberFormat::u8);
    const workloads::Window window = {3, 3, 1, 1, 1, 1, 1, 1};
    builder.logits(builder.flatten(builder.conv(builder.input(), 4, {window, 1, true})), 3);
    const Graph single = builder.finish();
    const std::vector<Codes> images = {test::random_image(single, stream),
                                       test::random_image(single, stream)};
    test::MachineSize size;
    size.activation_bytes = 2 * 2 * 64;  // a half holds one image
    const AcceleratorConfig config = test::machine("small", size);
    const Graph batch = workloads::batched(single, 2, "tiles");
    const MachineRun run =
        run_machine(batch, config, {}, workloads::stacked(images, batch.tensor(batch.input).shape));
    EXPECT_GT(words_of(run.timeline, Content::activations), 2 * 2 * 8);
    for (int i = 0; i < 2; ++i) {
        const MachineRun alone = run_machine(single, config, {}, images[static_cast<std::size_t>(i)]);
        EXPECT_EQ(
            workloads::image_of(run.tensors[index_of(batch.logits)], batch.tensor(batch.logits).shape, i),
            alone.tensors[index_of(single.logits)]);
    }
}

}  // namespace
}  // namespace fluence::accel
