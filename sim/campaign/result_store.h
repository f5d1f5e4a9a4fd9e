// The results of a campaign: one SQLite file (docs/results-format.md). While the campaign runs it is
// `FILE.partial`, written in transactions of whole batches; when the last batch is in, it is rewritten in
// canonical order into FILE. The bytes of FILE depend on the experiment alone, not on workers or restarts. A
// shard has a file of its own; merge_shards() makes of all of them the bytes of the campaign run in one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sim/campaign/batching.h"
#include "sim/campaign/outcome.h"
#include "traces/timeline.h"

namespace fluence::campaign {

inline constexpr int kResultSchemaVersion = 6;

struct PolicyRow {
    std::int32_t id = 0;
    std::string name;
    std::string description;
    std::int64_t cycles = 0;          // of one fault-free inference
    double area_ge = 0;               // logic and on-chip memories, NAND2 equivalents
    double protection_area_ge = 0;    // the share of it that the policy adds
    double dram_check_share = 0;      // DRAM check bits over data bits
    double energy_pj = 0;             // of one fault-free inference (sim/accel/energy.h), pJ
    double protection_energy_pj = 0;  // the share of it that the policy adds
    nlohmann::json composition;
    nlohmann::json area_tree;
    std::vector<traces::LayerStats> layers;
};

struct SiteRow {
    std::string kind;
    std::int64_t units = 0;
    std::int32_t bits = 0;
    std::int32_t layer = -1;
    double cross_section = 1;
};

// A stratum of the fault space (docs/statistics.md).
struct StratumRow {
    std::string label;
    std::int32_t upsets = 1;  // that strike one inference
    double weight = 1;        // share of the faults that the experiment is about
    double population = 0;    // different faults; 0: drawn with replacement
    std::int64_t faults = 0;  // of the campaign, if it does not stop before
    double level = 0;         // of a disturbance; 0: the fault model knows none
};

// By the end of a look so many faults and batches are in.
struct LookRow {
    std::int64_t faults = 0, batches = 0;
};

struct CampaignHeader {
    std::string program;          // name and version of what computed the results
    nlohmann::json experiment;    // Experiment::resolved
    std::string workload;         // name of the graph
    std::string workload_digest;  // of weights, images and labels
    nlohmann::json provenance;    // of the bundle
    std::vector<std::string> layer_names;
    std::vector<std::string> layer_kinds;
    double fp32_top1 = -1;
    std::int64_t images = 0, faults = 0, batches = 0;  // of the whole campaign
    Shard shard;
    double confidence = 0.95;
    std::vector<SiteRow> sites;
    std::int64_t dram_words = 0;  // of weights, parameters and activations
    std::vector<PolicyRow> policies;
    std::vector<StratumRow> strata = {StratumRow()};
    std::vector<LookRow> looks;    // empty: the campaign does not stop early
    std::int64_t ended_look = -1;  // at which it stopped before all faults; −1: it did not

    // Of the campaign, or of as much as it needed.
    std::int64_t batches_needed() const;
    std::int64_t faults_needed() const;
};

struct BatchResult {
    std::int64_t batch = 0;
    std::vector<GoldenRow> golden;
    std::vector<FaultRow> faults;
    std::vector<OutcomeRow> outcomes;
};

// Where the rows of an unfinished campaign are.
std::string partial_path(const std::string& path);
// Removes finished and partial results; InputError while another program writes them.
void discard_results(const std::string& path);

// The InputError for results that are in the way; `where` they differ, as a JSON pointer.
[[noreturn]] void fail_other_campaign(const std::string& file, const std::string& where);

// Writing. Opening an existing partial file of the same experiment resumes it, a finished one has all
// batches; a file of another experiment, or one that another program is writing, is an InputError. Full disk
// or a read-only folder is an InputError; batches committed before stay.
class ResultWriter {
  public:
    ResultWriter(const std::string& path, const CampaignHeader& header);
    ~ResultWriter();
    bool finished() const;
    bool has(std::int64_t batch) const;
    std::int64_t committed() const;  // batches
    bool all_committed() const;      // every batch of the shard
    // One transaction, forced to the disk: all of them or none.
    void commit(const std::vector<BatchResult>& results);
    void commit(const BatchResult& result) { commit(std::vector<BatchResult>{result}); }
    // The campaign needs no more than the first `look` + 1 looks, whose batches are in.
    void end_at(std::int64_t look);
    void finish();  // every batch of the shard is in: canonical order, rename

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Writes `path` from the files of all shards of one campaign: the same bytes as if it had run in one. Memory
// does not grow with the campaign. Throws InputError where a file is no shard, belongs to another campaign,
// is unfinished or is there twice, where shards are missing, where results are in the way, and for a disk
// that cannot be written; then nothing is left behind.
void merge_shards(const std::string& path, const std::vector<std::string>& shards);

// Reading of a finished file, or of the partial one where there is no finished one; a snapshot, also while
// the campaign runs. Rows come ordered by (fault, policy) and (image, policy).
class ResultReader {
  public:
    explicit ResultReader(const std::string& path);  // InputError: missing, not a result file, other schema
    ~ResultReader();
    const CampaignHeader& header() const;
    bool complete() const;            // every batch of the campaign is in; never so in a shard
    bool shard_complete() const;      // every batch of the shard is in
    std::int64_t committed() const;   // batches
    const std::string& path() const;  // of the file that is read
    // Faults of each (policy, stratum) and how many of these have the property; SQL on the columns of
    // outcome.
    struct Tally {
        std::int64_t count = 0, total = 0;
    };
    std::vector<std::vector<Tally>> tally(const std::string& property) const;
    bool any_fired() const;  // whether some fault fired under some policy (see fired())
    void for_each_golden(const std::function<void(const GoldenRow&)>& visit) const;
    // InputError where the row is not (or not yet) in the file.
    GoldenRow golden(std::int32_t image, std::int32_t policy) const;
    // Calls visit(fault, rows): the fault and its outcomes, one a policy.
    void for_each_fault(
        const std::function<void(const FaultRow&, const std::vector<OutcomeRow>&)>& visit) const;
    // One fault and its outcomes, one a policy. InputError where it is not (or not yet) in the file.
    std::pair<FaultRow, std::vector<OutcomeRow>> fault(std::int64_t id) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace fluence::campaign
