// Without upsets the array computes matrix products, and every sum comes in the cycle that the space-time map
// says.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/dataflow/space_time.h"
#include "tests/array/fold_sequence.h"
#include "tests/support/environment.h"

namespace fluence::test {
namespace {

std::vector<Result> expected_results(const FoldSequence& sequence) {
    const dataflow::SpaceTimeMap map(sequence.config);
    std::vector<Result> results;
    for (std::size_t i = 0; i < sequence.folds.size(); ++i) {
        const GemmFold& f = sequence.folds[i];
        for (std::int64_t m = 0; m < f.times.pixels; ++m) {
            for (std::int64_t n = 0; n < f.times.channels; ++n) {
                Result result;
                result.fold = static_cast<std::int32_t>(i);
                result.step = map.result_step(f.times, m, n);
                result.row = map.result_row(m);
                result.col = map.result_column(m, n);
                result.cycle = map.accumulate_cycle(f.times, result.step, result.row, result.col);
                result.sum = partial_sum(sequence, f, m, n, f.times.terms);
                results.push_back(result);
            }
        }
    }
    std::sort(results.begin(), results.end());
    return results;
}

// Edges at which the model says that nothing moves are passed over where `skipping`.
std::vector<Result> run(const FoldSequence& sequence, bool skipping) {
    const std::unique_ptr<array::ArrayModel> model = array::make_array(sequence.config);
    Feeder feeder(sequence);
    std::size_t known = 0;
    const auto preload = [&](std::size_t i) { return sequence.folds[i].times.preload; };
    for (Cycle t = 0; t <= sequence.end; ++t) {
        while (known < sequence.folds.size() && preload(known) <= t + 1) {
            const GemmFold& f = sequence.folds[known];
            model->enqueue(static_cast<std::int32_t>(known), f.times, f.codes);
            ++known;
        }
        const bool entering = std::any_of(sequence.folds.begin(), sequence.folds.end(),
                                          [&](const GemmFold& f) { return f.times.preload == t; });
        if (skipping && model->idle() && !entering) {
            continue;
        }
        feeder.begin_edge(t);
        model->edge(t, feeder);
    }
    EXPECT_TRUE(model->idle());
    return feeder.sorted_results();
}

void expect_products(ArrayConfig (*array)(RandomStream&)) {
    const std::uint64_t seed = environment("FLUENCE_TEST_SEED", 20261121);
    const std::uint64_t samples = environment("FLUENCE_TEST_ARRAYS", 3000);
    for (std::uint64_t sample = 0; sample < samples && !testing::Test::HasFailure(); ++sample) {
        RandomStream random(seed, RandomPurpose::testing, sample);
        const FoldSequence sequence = random_sequence(random, array(random), Operands::codes);
        SCOPED_TRACE("FLUENCE_TEST_SEED=" + std::to_string(seed) + " sample " + std::to_string(sample) +
                     ": " + sequence.description());
        ASSERT_EQ(run(sequence, sample % 2 == 1), expected_results(sequence));
    }
}

TEST(Results, AreMatrixProductsInTheMapsCycles) {
    expect_products(random_array);
}

TEST(Results, AreMatrixProductsUnderTravellingControlToo) {
    expect_products(random_travelling_array);
}

// The last PE of a full fold hands over the last sum; behind that edge nothing moves, at the one before it
// does.
TEST(Results, TheArrayIsIdleFromTheEdgeThatHandsOverTheLastSum) {
    for (const char* dataflow : {"weight-stationary", "input-stationary", "output-stationary"}) {
        for (const Drain drain : {Drain::shift, Drain::parallel}) {
            FoldSequence sequence;
            sequence.config.rows = 3;
            sequence.config.cols = 4;
            sequence.config.dataflow = dataflow;
            sequence.config.drain = drain;
            GemmFold f;
            f.times.used_rows = 3;
            f.times.used_cols = 4;
            f.times.pixels = f.times.terms = f.times.channels = 4;
            (sequence.output_stationary() ? f.times.pixels : f.times.terms) = 3;
            f.a.assign(static_cast<std::size_t>(f.times.pixels * f.times.terms), 1);
            f.b.assign(static_cast<std::size_t>(f.times.terms * f.times.channels), 1);
            f.times.preload = 1;
            f.times.stream = dataflow::SpaceTimeMap(sequence.config).stream_after_preload(1);
            sequence.folds = {f};
            const std::unique_ptr<array::ArrayModel> model = array::make_array(sequence.config);
            model->enqueue(0, f.times, f.codes);
            const Cycle last = expected_results(sequence).back().cycle;
            Feeder feeder(sequence);
            for (Cycle t = 1; t <= last; ++t) {
                model->edge(t, feeder);
                EXPECT_FALSE(model->idle()) << sequence.description() << " after edge " << t;
            }
            model->edge(last + 1, feeder);
            EXPECT_TRUE(model->idle()) << sequence.description();
        }
    }
}

}  // namespace
}  // namespace fluence::test
