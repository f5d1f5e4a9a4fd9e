// The register-true machine without upsets, over all dataflows and conventions of the array: it computes what
// the fast machine computes, and where sums are exact what the integer engine computes.
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <map>

#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/core/error.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

constexpr std::uint64_t kSeed = 20260903;

class Draw {
  public:
    explicit Draw(RandomStream& random) : random_(random) {}
    int between(int low, int high) {
        return low + static_cast<int>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
    }
    bool chance(int in) { return random_.below(static_cast<std::uint64_t>(in)) == 0; }
    template <class T, std::size_t N>
    T one_of(const std::array<T, N>& values) {
        return values[random_.below(N)];
    }

    // Conventions that the array's rules allow: drawn until the reader of machine files accepts them.
    AcceleratorConfig machine() {
        for (;;) {
            AcceleratorConfig config;
            config.name = "random";
            config.clock_mhz = 100;
            config.array = array();
            config.dram.word_bits = one_of(std::array{8, 16, 32, 64, 128});
            config.dram.bytes_per_cycle = one_of(std::array{1, 4, 8, 12});
            config.dram.latency = Cycles(between(0, 9));
            const auto bytes = [&](int word_bits) { return Bytes(2LL * (word_bits / 8) * between(20, 90)); };
            config.weight_buffer = {bytes(config.dram.word_bits), config.dram.word_bits};
            config.activation_buffer = {bytes(config.dram.word_bits), config.dram.word_bits};
            config.output_buffer.word_bits = one_of(std::array{32, 32, 64, 128});
            config.output_buffer.size = bytes(config.output_buffer.word_bits);
            config.vector_unit.lanes = between(1, 5);
            config.vector_unit.pipeline_depth = Cycles(between(0, 4));
            try {
                config = parse_accelerator(to_json(config), "random");
                config.activation_buffer.keep_activations = chance(2);
                return config;
            } catch (const InputError&) {
            }
        }
    }

  private:
    ArrayConfig array() {
        ArrayConfig array;
        array.rows = between(1, 6);
        array.cols = between(1, 6);
        array.dataflow =
            one_of(std::array<const char*, 3>{"weight-stationary", "output-stationary", "input-stationary"});
        array.operand_register = chance(2) ? OperandRegister::input : OperandRegister::output;
        array.shadow_weights = chance(2);
        array.preload = chance(3) ? Preload::serial : Preload::overlapped;
        array.control = chance(3) ? ArrayControl::travelling : ArrayControl::central;
        array.multiplier_stages = chance(2) ? between(1, 3) : 0;
        array.accumulator_stages = chance(2) ? between(2, 4) : 1;
        array.drain = chance(2) ? Drain::parallel : Drain::shift;
        array.skew = chance(2) ? Skew::internal : Skew::external;
        array.partial_folds = chance(3) ? PartialFolds::full : PartialFolds::actual;
        array.operand_bits = one_of(std::array{8, 8, 16, 32});
        array.accumulator_bits = one_of(std::array{32, 32, 16, 20});
        array.overflow = chance(3) ? Overflow::saturate : Overflow::wrap;
        if (array.control == ArrayControl::travelling) {  // what Gemmini's mesh and tiny-tpu's array have
            array.multiplier_stages = 0;
            array.accumulator_stages = 1;
            array.overflow = Overflow::wrap;
            array.skew = Skew::external;
            array.drain = Drain::shift;
        }
        return array;
    }

    RandomStream& random_;
};

TEST(DetailedDataflows, equal_the_fast_machine_under_random_conventions) {
    std::map<std::string, int> ran;
    for (std::uint64_t sample = 0; sample < 260; ++sample) {
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        Draw draw(stream);
        test::RandomGraphOptions options;
        options.max_blocks = 3;
        options.max_channels = 8;
        options.max_extent = 7;
        options.max_images = 3;
        const workloads::Graph graph = test::random_graph(stream, options);
        const workloads::Codes image = test::random_image(graph, stream);
        const AcceleratorConfig config = draw.machine();
        protect::Policy policy;
        policy.name = "random";
        for (protect::MemoryPart& part : policy.memory) {
            part.code = draw.one_of(std::array<const char*, 3>{"none", "parity", "secded"});
        }
        SCOPED_TRACE("seed " + std::to_string(kSeed) + ", sample " + std::to_string(sample) + "\n" +
                     to_json(config).dump());
        MachineRun fast;
        try {
            fast = run_machine(graph, config, policy, image);
        } catch (const InputError&) {
            continue;  // the machine drawn is too small
        }
        const bool exact = config.array.accumulator_bits == 32 && config.array.overflow == Overflow::wrap;
        if (exact && config.array.dataflow_kind() != DataflowKind::input_stationary) {
            policy.checksum.emplace();
            fast = run_machine(graph, config, policy, image);
        }
        const DetailedRun run = run_detailed(graph, config, policy, fast.timeline, image, {});
        EXPECT_EQ(run.tensors, fast.tensors);
        if (exact) {
            EXPECT_EQ(run.tensors, arith::reference_run(graph, {}, image, {}));
        }
        EXPECT_FALSE(run.corrected || run.detected || run.suppressed || run.unrepaired || run.aborted);
        if (HasFailure()) {
            return;
        }
        ++ran[config.array.dataflow +
              (config.array.control == ArrayControl::travelling ? ", travelling" : ", central")];
    }
    for (const auto& [kind, count] : ran) {
        std::cout << kind << ": " << count << '\n';
        EXPECT_GE(count, 5) << kind;
    }
    EXPECT_EQ(ran.size(), 6u);
}

}  // namespace
}  // namespace fluence::accel
