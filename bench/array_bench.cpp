// Rates of the register-true array on one core: PE-cycles a second (PEs × edges) while folds stream through
// it back to back. The boundary hands over real operands and takes every sum; only edges of the model's own
// stepping count.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sim/array/array_model.h"
#include "sim/core/random.h"
#include "sim/dataflow/space_time.h"

namespace fluence {
namespace {

constexpr std::uint64_t kSeed = 20;
constexpr int kFolds = 8;
constexpr int kSteps = 256;

// A·B for every fold; operands lie as the feeders' buffers would hold them.
class Matrices : public array::Boundary {
  public:
    explicit Matrices(const ArrayConfig& config) : config_(config) {
        RandomStream random(kSeed, RandomPurpose::testing, 0);
        const auto fill = [&](std::vector<std::int8_t>& codes, int lanes) {
            codes.resize(static_cast<std::size_t>(lanes) * kSteps);
            for (std::int8_t& code : codes) {
                code = static_cast<std::int8_t>(random.next32());
            }
        };
        fill(rows_, config.rows);
        fill(columns_, config.cols);
    }

    void row_operands(std::int32_t, std::int64_t step, int first, int last, std::int32_t* values) override {
        feed(rows_, config_.rows, step, first, last, values);
    }
    void column_operands(std::int32_t, std::int64_t step, int first, int last,
                         std::int32_t* values) override {
        feed(columns_, config_.cols, step, first, last, values);
    }
    void stationary_row(std::int32_t, int row, std::int32_t* values) override {
        feed(columns_, config_.cols, row + config_.cols - 1, 0, config_.cols, values);
    }
    void result(std::int32_t, std::int64_t, int, int, std::int32_t sum) override {
        sums_ += sum;
        ++results_;
    }
    std::int64_t results() const { return results_; }
    std::int64_t sums() const { return sums_; }

  private:
    static void feed(const std::vector<std::int8_t>& codes, int lanes, std::int64_t step, int first, int last,
                     std::int32_t* values) {
        for (int lane = first; lane < last; ++lane) {
            values[lane] = codes[static_cast<std::size_t>((step - lane) % kSteps * lanes + lane)];
        }
    }

    const ArrayConfig& config_;
    std::vector<std::int8_t> rows_, columns_;  // [step][lane]
    std::int64_t results_ = 0, sums_ = 0;
};

ArrayConfig array_of(const char* dataflow, int edge) {
    ArrayConfig config;
    config.rows = config.cols = edge;
    config.dataflow = dataflow;
    config.shadow_weights = config.dataflow_kind() != DataflowKind::output_stationary;
    return config;
}

std::vector<traces::Fold> back_to_back(const ArrayConfig& config) {
    const dataflow::SpaceTimeMap map(config);
    const auto steps_or = [](bool steps, int edge) { return steps ? kSteps : edge; };
    std::vector<traces::Fold> folds;
    for (int i = 0; i < kFolds; ++i) {
        traces::Fold f;
        f.used_rows = config.rows;
        f.used_cols = config.cols;
        f.pixels = steps_or(map.weight_stationary(), config.rows);
        f.terms = steps_or(map.output_stationary(), config.rows);
        f.channels = steps_or(map.input_stationary(), config.cols);
        f.preload = i == 0 ? 1 : map.preload_after(folds.back());
        f.stream = map.stream_after_preload(f.preload);
        if (i > 0) {
            f.stream = std::max(f.stream, map.stream_after(folds.back(), kSteps));
        }
        f.preload = map.output_stationary() ? f.stream : f.preload;
        f.end = map.fold_end(f, false);
        folds.push_back(f);
    }
    return folds;
}

void stream_folds(benchmark::State& state, const ArrayConfig& config) {
    const std::vector<traces::Fold> folds = back_to_back(config);
    Matrices matrices(config);
    std::int64_t edges = 0;
    for (auto iteration : state) {
        static_cast<void>(iteration);
        const std::unique_ptr<array::ArrayModel> model = array::make_array(config);
        for (std::size_t i = 0; i < folds.size(); ++i) {
            model->enqueue(static_cast<std::int32_t>(i), folds[i], array::ActivationCodes::signed_codes);
        }
        traces::Cycle t = 0;
        do {
            model->edge(++t, matrices);
        } while (!model->idle());
        edges += t;
    }
    benchmark::DoNotOptimize(matrices.sums());
    if (matrices.results() == 0) {
        state.SkipWithError("no sum left the array");
    }
    state.SetItemsProcessed(edges * config.rows * config.cols);
}

}  // namespace
}  // namespace fluence

int main(int argc, char** argv) {
    using namespace fluence;
    benchmark::Initialize(&argc, argv);
    for (const char* dataflow : {"weight-stationary", "input-stationary", "output-stationary"}) {
        for (const int edge : {8, 16, 32}) {
            const std::string size = std::to_string(edge) + "x" + std::to_string(edge);
            benchmark::RegisterBenchmark(
                ("array/" + std::string(dataflow) + "/" + size).c_str(),
                [=](benchmark::State& state) { stream_folds(state, array_of(dataflow, edge)); });
        }
    }
    for (const bool gemmini : {true, false}) {
        const char* name = gemmini ? "array/gemmini-ws/16x16" : "array/tinytpu-ws/16x16";
        benchmark::RegisterBenchmark(name, [=](benchmark::State& state) {
            ArrayConfig config = array_of("weight-stationary", 16);
            config.control = ArrayControl::travelling;
            config.operand_register = gemmini ? OperandRegister::input : OperandRegister::output;
            config.shadow_weights = gemmini;
            stream_folds(state, config);
        });
    }
    benchmark::RegisterBenchmark("array/weight-stationary/16x16/saturating", [](benchmark::State& state) {
        ArrayConfig config = array_of("weight-stationary", 16);
        config.accumulator_bits = 20;
        config.overflow = Overflow::saturate;
        stream_folds(state, config);
    });
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
