#include "sim/check/run_state.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "sim/campaign/plan.h"
#include "sim/core/error.h"
#include "sim/core/json.h"

namespace fluence::check {
namespace {

constexpr const char* kFormat = "fluence-selfcheck-state";

}  // namespace

bool RunState::has(std::int64_t batch) const {
    return batch < prefix_ || beyond_.count(batch) != 0;
}

void RunState::add(std::int64_t batch, BatchReport report) {
    beyond_.emplace(batch, std::move(report));
    fold();
}

void RunState::fold() {
    while (!ended() && !beyond_.empty() && beyond_.begin()->first == prefix_) {
        const BatchReport& report = beyond_.begin()->second;
        tally_.add(report.tally);
        mismatches_.insert(mismatches_.end(), report.mismatches.begin(), report.mismatches.end());
        beyond_.erase(beyond_.begin());
        ++prefix_;
    }
}

Tally RunState::tally() const {
    Tally tally = tally_;
    for (const auto& [batch, report] : beyond_) {
        if (!ended()) {
            tally.add(report.tally);
        }
    }
    return tally;
}

std::vector<Mismatch> RunState::mismatches() const {
    std::vector<Mismatch> all = mismatches_;
    for (const auto& [batch, report] : beyond_) {
        if (!ended()) {
            all.insert(all.end(), report.mismatches.begin(), report.mismatches.end());
        }
    }
    return all;
}

void RunState::save(const std::string& path) const {
    nlohmann::json beyond = nlohmann::json::array();
    for (const auto& [batch, report] : beyond_) {
        beyond.push_back(to_json(report));
        beyond.back()["batch"] = batch;
    }
    nlohmann::json value = to_json(BatchReport{tally_, mismatches_});
    value["format"] = kFormat;
    value["program"] = campaign::program_version();
    value["seed"] = seed_;
    value["cases_per_batch"] = kCasesPerBatch;
    value["done_below"] = prefix_;
    value["done_beyond"] = std::move(beyond);
    const std::string partial = path + ".partial";
    std::ofstream stream(partial, std::ios::binary | std::ios::trunc);
    stream << value.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    stream.close();
    if (!stream || std::rename(partial.c_str(), path.c_str()) != 0) {
        throw InputError(path, "", "cannot be written");
    }
}

RunState RunState::load(const std::string& path, std::uint64_t seed, OnMismatch on_mismatch) {
    const nlohmann::json value = read_json_file(path);
    JsonObject root(value, path);
    root.choice("format", {kFormat});
    const std::string program = root.text("program");
    const auto file_seed = root.raw("seed");
    if (file_seed != seed) {
        root.fail("seed", "is " + file_seed.dump(), std::to_string(seed) + ", or --seed " + file_seed.dump());
    }
    if (program != campaign::program_version() ||
        root.integer("cases_per_batch", 1, INT64_MAX) != kCasesPerBatch) {
        root.fail("program", "is " + program + ": its cases are not those of this one",
                  campaign::program_version());
    }
    RunState state(seed, on_mismatch);
    state.prefix_ = root.integer("done_below", 0, INT64_MAX);
    BatchReport below = parse_report(root);
    state.tally_ = std::move(below.tally);
    state.mismatches_ = std::move(below.mismatches);
    for (JsonObject& beyond : root.objects("done_beyond")) {
        const std::int64_t batch = beyond.integer("batch", 0, INT64_MAX);
        state.beyond_.emplace(batch, parse_report(beyond));
        beyond.finish();
    }
    root.finish();
    state.fold();
    return state;
}

}  // namespace fluence::check
