#include "sim/check/batch.h"

#include <algorithm>
#include <limits>

#include "sim/check/draw.h"
#include "sim/core/error.h"

namespace fluence::check {
namespace {

struct Machine {
    Setup setup;
    TileLevelRun run;
    int refused = 0;
};

// Draws again where the machine finds out only while it runs that it cannot.
Machine machine_of(std::uint64_t seed, std::int64_t number) {
    RandomStream random(seed, RandomPurpose::self_check_machine, static_cast<std::uint64_t>(number));
    for (int refused = 0;; ++refused) {
        Machine machine;
        int before = 0;
        machine.setup = draw_setup(random, before);
        refused += before;
        try {
            machine.run = run_tile_level(machine.setup);
        } catch (const InputError&) {
            continue;
        }
        machine.refused = refused;
        return machine;
    }
}

UpsetList upsets_of(std::uint64_t seed, std::int64_t number, const UpsetDraw& draw) {
    RandomStream random(seed, RandomPurpose::self_check_upsets, static_cast<std::uint64_t>(number));
    return draw.list(random);
}

// The cases [first, last) of one machine.
void run_machine(std::uint64_t seed, std::int64_t first, std::int64_t last, const Comparison& compare,
                 BatchReport& report) {
    const Machine machine = machine_of(seed, first / kCasesPerMachine);
    const UpsetDraw draw(machine.setup, machine.run.timeline);
    std::vector<UpsetList> lists;
    for (std::int64_t number = first; number < last; ++number) {
        lists.push_back(upsets_of(seed, number, draw));
    }
    const std::vector<Verdict> verdicts = compare(machine.setup, machine.run, lists);
    report.tally.add_machine(machine.setup);
    report.tally.refused += machine.refused;
    for (std::size_t i = 0; i < lists.size(); ++i) {
        report.tally.add_case(machine.setup, lists[i], verdicts[i]);
        if (!verdicts[i].difference.empty()) {
            report.mismatches.push_back({first + static_cast<std::int64_t>(i), verdicts[i].difference});
        }
    }
}

}  // namespace

Case case_of(std::uint64_t seed, std::int64_t number) {
    Machine machine = machine_of(seed, number / kCasesPerMachine);
    UpsetList upsets = upsets_of(seed, number, UpsetDraw(machine.setup, machine.run.timeline));
    return {std::move(machine.setup), std::move(upsets)};
}

BatchReport run_batch(std::uint64_t seed, std::int64_t batch, std::int64_t cases, const Comparison& compare) {
    BatchReport report;
    const std::int64_t end = std::min(cases, (batch + 1) * kCasesPerBatch);
    for (std::int64_t first = batch * kCasesPerBatch; first < end; first += kCasesPerMachine) {
        run_machine(seed, first, std::min(end, first + kCasesPerMachine), compare, report);
    }
    return report;
}

nlohmann::json to_json(const BatchReport& report) {
    nlohmann::json mismatches = nlohmann::json::array();
    for (const Mismatch& mismatch : report.mismatches) {
        mismatches.push_back({{"case", mismatch.number}, {"difference", mismatch.difference}});
    }
    return {{"tally", to_json(report.tally)}, {"mismatches", std::move(mismatches)}};
}

BatchReport parse_report(JsonObject& object) {
    BatchReport report;
    report.tally = parse_tally(object.raw("tally"), object.file());
    for (JsonObject& mismatch : object.objects("mismatches")) {
        const std::int64_t number = mismatch.integer("case", 0, std::numeric_limits<std::int64_t>::max());
        report.mismatches.push_back({number, mismatch.text("difference")});
        mismatch.finish();
    }
    return report;
}

}  // namespace fluence::check
