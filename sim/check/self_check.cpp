#include "sim/check/self_check.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "sim/campaign/workers.h"

namespace fluence::check {
namespace {

class Run {
  public:
    explicit Run(const SelfCheckOptions& options)
        : options_(options),
          state_(options.seed, options.on_mismatch),
          begin_(std::chrono::steady_clock::now()) {
        if (!options.state_path.empty() && access(options.state_path.c_str(), F_OK) == 0) {
            state_ = RunState::load(options.state_path, options.seed, options.on_mismatch);
        }
        const Tally tally = state_.tally();
        before_ = cases_ = tally.cases;
        mismatches_ = tally.mismatches;
    }

    RunState run() {
        const std::int64_t batches = (options_.cases + kCasesPerBatch - 1) / kCasesPerBatch;
        std::vector<std::int64_t> missing;
        for (std::int64_t batch = 0; batch < batches; ++batch) {
            if (!state_.has(batch)) {
                missing.push_back(batch);
            }
        }
        report();
        if (!missing.empty() && !state_.ended()) {
            run_missing(missing);
        }
        return std::move(state_);
    }

  private:
    void run_missing(const std::vector<std::int64_t>& missing) {
        campaign::WorkerCallbacks callbacks;
        callbacks.start = [this] {
            return [this](std::int64_t batch) {
                const BatchReport done = run_batch(options_.seed, batch, options_.cases, options_.compare);
                return to_json(done).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
            };
        };
        callbacks.done = [this](std::int64_t batch, const std::string& bytes) {
            const nlohmann::json value = nlohmann::json::parse(bytes);
            JsonObject object(value, "batch");
            take(batch, parse_report(object));
        };
        callbacks.stop = [this] { return bad_ || (options_.stop != nullptr && options_.stop->load()); };
        campaign::run_in_workers(campaign::workers_or_processors(options_.jobs), missing, callbacks,
                                 "fluence selfcheck");
    }

    // Batches end in any order, but begin in ascending order: all in front of a bad one will be in.
    void take(std::int64_t batch, BatchReport done) {
        bad_ = bad_ || (options_.on_mismatch == OnMismatch::stop && !done.mismatches.empty());
        cases_ += done.tally.cases;
        mismatches_ += done.tally.mismatches;
        state_.add(batch, std::move(done));
        if (!options_.state_path.empty()) {
            state_.save(options_.state_path);
        }
        report();
    }

    void report() const {
        if (!options_.progress) {
            return;
        }
        SelfCheckProgress progress;
        progress.done = cases_;
        progress.total = std::max(options_.cases, cases_);
        progress.mismatches = mismatches_;
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
        if (progress.done > before_ && elapsed.count() > 0) {
            progress.per_second = static_cast<double>(progress.done - before_) / elapsed.count();
            progress.seconds_left = static_cast<double>(progress.total - progress.done) / progress.per_second;
        }
        options_.progress(progress);
    }

    const SelfCheckOptions& options_;
    RunState state_;
    std::chrono::steady_clock::time_point begin_;
    std::int64_t before_ = 0;  // cases done by earlier runs
    std::int64_t cases_ = 0, mismatches_ = 0;
    bool bad_ = false;  // a mismatch ends the run
};

}  // namespace

RunState run_self_check(const SelfCheckOptions& options) {
    return Run(options).run();
}

}  // namespace fluence::check
