// Impossible machines and wrong inputs: one line that names file, key and what would do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/accel/workload.h"
#include "sim/core/error.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

// 3×3 convolution of 2 channels of 6×10 to 5 channels, then 2 classes.
workloads::Graph small_graph(RandomStream& stream) {
    test::GraphBuilder builder("small", stream, {2, 6, 10}, workloads::NumberFormat::u8);
    test::GraphBuilder::ConvOptions options;
    options.window = {3, 3, 1, 1, 1, 1, 1, 1};
    builder.logits(builder.flatten(builder.conv(builder.input(), 5, options)), 2);
    return builder.finish();
}

// What run_machine() says, and that it is the same line as without a process of its own.
std::string message(const AcceleratorConfig& config) {
    RandomStream stream(3, RandomPurpose::testing, 0);
    const workloads::Graph graph = small_graph(stream);
    const workloads::Codes image = test::random_image(graph, stream);
    std::string line;
    try {
        run_machine(graph, config, {}, image);
    } catch (const InputError& error) {
        line = error.what();
    }
    try {
        const protect::Policy policy;
        const Workload workload(graph, config, policy);
    } catch (const InputError& error) {
        EXPECT_EQ(line, error.what());
    }
    return line;
}

TEST(MachineErrors, weight_buffer_smaller_than_a_fold) {
    AcceleratorConfig config = test::machine("m", {});
    config.weight_buffer.size = Bytes(32);  // a fold is 4 rows of one 8-byte word
    EXPECT_EQ(
        message(config),
        "m: weight_buffer.bytes: is 32, and one fold of weights of layer \"conv0\" needs 32 in each half "
        "(valid: at least 64)");
    config.weight_buffer.size = Bytes(64);
    EXPECT_EQ(message(config), "");
}

TEST(MachineErrors, activation_buffer_smaller_than_a_row) {
    AcceleratorConfig config = test::machine("m", {});
    // The first output row needs input rows 0 and 1: 20 bytes, 3 words, of 2 channels. The second needs
    // rows 0 to 2: 4 words each.
    config.activation_buffer.size = Bytes(96);
    EXPECT_EQ(
        message(config),
        "m: activation_buffer.bytes: is 96, and the input of one fold of one output row of layer \"conv0\" "
        "needs 64 in each half (valid: at least 128)");
}

TEST(MachineErrors, output_buffer_smaller_than_a_row) {
    AcceleratorConfig config = test::machine("m", {});
    config.output_buffer.size = Bytes(312);  // 10 pixels × 4 columns × 4 bytes, twice: 320
    EXPECT_EQ(message(config),
              "m: output_buffer.bytes: is 312, and one row of accumulators of layer \"conv0\" needs 160 in "
              "each half "
              "(valid: at least 320)");
    config.output_buffer.size = Bytes(320);
    EXPECT_EQ(message(config), "");
}

TEST(MachineErrors, unknown_dataflow_lists_the_known_ones) {
    AcceleratorConfig config = test::machine("m", {});
    config.array.dataflow = "weightstationary";
    EXPECT_EQ(message(config),
              "m: array.dataflow: there is no dataflow \"weightstationary\" (valid: weight-stationary, "
              "output-stationary, input-stationary)");
}

TEST(MachineErrors, image_of_another_size) {
    RandomStream stream(3, RandomPurpose::testing, 0);
    const workloads::Graph graph = small_graph(stream);
    try {
        run_machine(graph, test::machine("m", {}), {}, workloads::Codes(5));
        FAIL();
    } catch (const InputError& error) {
        EXPECT_STREQ(error.what(), "small: image: has 5 codes, and the network's input has 120");
    }
}

TEST(MachineErrors, what_goes_wrong_inside_the_process_is_told) {
    RandomStream stream(3, RandomPurpose::testing, 0);
    workloads::Graph graph = small_graph(stream);
    const workloads::Codes image = test::random_image(graph, stream);
    protect::Policy policy;
    policy.memory[0].code = "no such code";  // parse_policy() lets no such policy through
    EXPECT_THROW(run_machine(graph, test::machine("m", {}), policy, image), std::exception);
}

}  // namespace
}  // namespace fluence::accel
