#include "sim/crosscheck/crosscheck.h"

#include "sim/crosscheck/tile_formulas.h"

namespace fluence::crosscheck {
namespace {

std::vector<ChangedOutput> changes(const CaseRecord& experiment, const Product& faulty) {
    std::vector<ChangedOutput> changed;
    const std::int64_t n = experiment.tile.n;
    for (std::size_t at = 0; at < faulty.size(); ++at) {
        if (faulty[at] != experiment.golden[at]) {
            const auto index = static_cast<std::int64_t>(at);
            changed.push_back({index / n, index % n, experiment.golden[at], faulty[at]});
        }
    }
    return changed;
}

std::string shown(const std::vector<ChangedOutput>& changed) {
    constexpr std::size_t kShown = 4;
    std::string text;
    for (std::size_t i = 0; i < changed.size() && i < kShown; ++i) {
        text += (text.empty() ? "" : " ") + std::string("C[") + std::to_string(changed[i].i) + "][" +
                std::to_string(changed[i].j) + "]=" + std::to_string(changed[i].faulty);
    }
    return changed.empty() ? "nothing" : changed.size() > kShown ? text + " …" : text;
}

// Records of the multiplier do not say which of its LM stages they struck: the one whose content they saw.
int struck_stage(const RecordFile& file, const FaultRecord& sample) {
    const ArrayConfig& array = file.cases[sample.experiment].tile.array;
    int best = 0;
    std::int64_t most = -1;
    for (int stage = 0; stage < array.multiplier_stages; ++stage) {
        std::int64_t seen = 0;
        for (const FaultRecord& fault : file.faults) {
            if (fault.upset.bank == traces::SiteKind::pe_product) {
                TileUpset upset = fault.upset;
                upset.unit += std::int64_t{stage} * array.rows * array.cols;
                seen += step_tile(file.cases[fault.experiment].tile, upset).before == fault.before ? 1 : 0;
            }
        }
        if (seen > most) {
            most = seen;
            best = stage;
        }
    }
    return best;
}

class Checker {
  public:
    explicit Checker(const RecordFile& file) : file_(file) { result_.path = file.path; }

    FileResult check() {
        for (const CaseRecord& experiment : file_.cases) {
            check_golden(experiment);
        }
        for (const FaultRecord& fault : file_.faults) {
            check_fault(fault);
        }
        for (const LatencyRecord& latency : file_.latencies) {
            check_latency(latency);
        }
        return std::move(result_);
    }

  private:
    void disagree(int line, const std::string& text) {
        result_.disagreements.push_back(file_.path + ":" + std::to_string(line) + ": " + text);
    }

    void check_golden(const CaseRecord& experiment) {
        if (step_tile(experiment.tile).product != experiment.golden) {
            disagree(experiment.line, "the fault-free product of " + experiment.name + " differs");
            result_.products_right = false;
        }
    }

    void check_fault(const FaultRecord& fault) {
        const CaseRecord& experiment = file_.cases[fault.experiment];
        TileUpset upset = fault.upset;
        if (upset.bank == traces::SiteKind::pe_product && experiment.tile.array.multiplier_stages > 1) {
            if (stage_ < 0) {
                stage_ = struck_stage(file_, fault);
            }
            upset.unit += std::int64_t{stage_} * experiment.tile.array.rows * experiment.tile.array.cols;
        }
        SiteTally& tally = result_.sites[fault.site];
        tally.control = traces::is_control(upset.bank);
        ++tally.records;
        const std::string name = fault.site + "(" + std::to_string(fault.r) + "," + std::to_string(fault.c) +
                                 ") bit " + std::to_string(fault.bit) + " edge " + std::to_string(fault.edge);
        const auto compare = [&](const char* fidelity, const Product& product) {
            const std::vector<ChangedOutput> changed = changes(experiment, product);
            const bool same = changed == fault.changed;
            if (!same) {
                disagree(fault.line, name + ", " + fidelity + ": " + shown(changed) + ", recorded " +
                                         shown(fault.changed));
            }
            return same;
        };
        const SteppedTile stepped = step_tile(experiment.tile, upset);
        const bool stepped_agrees = compare("stepped", stepped.product);
        tally.stepped += stepped_agrees ? 1 : 0;
        if (stepped.before == fault.before && stepped.after == fault.after) {
            ++tally.registers;
        } else {
            disagree(fault.line, name + ", register: holds " + std::to_string(stepped.before) + " and then " +
                                     std::to_string(stepped.after) + ", recorded " +
                                     std::to_string(fault.before) + " and " + std::to_string(fault.after));
        }
        const std::optional<Product> predicted = predicted_product(experiment.tile, upset);
        if (predicted && compare("by formula", *predicted)) {
            ++tally.predicted;
            tally.both += stepped_agrees ? 1 : 0;
        }
    }

    void check_latency(const LatencyRecord& record) {
        LatencyTally tally;
        tally.record = record;
        const Tile& tile = record.tile;
        const SteppedTile stepped = step_tile(tile);
        tally.product_right = stepped.product == plain_product(tile);
        tally.stepped_stream = stepped.last_result - tile.stream + 1;
        tally.stepped_total = stepped.last_result - tile.preload() + 1;
        const TileLatency predicted = predicted_latency(tile);
        tally.predicted_stream = predicted.stream;
        tally.predicted_total = predicted.total;
        if (!tally.agrees()) {
            disagree(record.line, record.label + ": the latency differs");
        }
        result_.latencies.push_back(tally);
    }

    const RecordFile& file_;
    FileResult result_;
    int stage_ = -1;  // of the multiplier; −1: not looked for yet
};

}  // namespace

FileResult crosscheck(const RecordFile& file) {
    return Checker(file).check();
}

Totals total(const std::vector<FileResult>& results) {
    Totals totals;
    for (const FileResult& result : results) {
        totals.all_agree = totals.all_agree && result.products_right;
        for (const auto& [name, tally] : result.sites) {
            (tally.control ? totals.control_records : totals.data_records) += tally.records;
            (tally.control ? totals.control_agree : totals.data_agree) +=
                tally.control ? tally.stepped : tally.both;
            totals.contents += tally.records;
            totals.contents_agree += tally.registers;
        }
        for (const LatencyTally& latency : result.latencies) {
            ++totals.latencies;
            totals.latencies_agree += latency.agrees() ? 1 : 0;
        }
    }
    totals.all_agree = totals.all_agree && totals.data_agree == totals.data_records &&
                       totals.latencies_agree == totals.latencies;
    return totals;
}

}  // namespace fluence::crosscheck
