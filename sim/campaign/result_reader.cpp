#include <filesystem>

#include "sim/campaign/result_schema.h"
#include "sim/campaign/result_store.h"
#include "sim/core/error.h"

namespace fluence::campaign {
namespace {

constexpr int kBusyMilliseconds = 60000;

std::string existing(const std::string& path) {
    std::error_code ignored;
    for (const std::string& candidate : {path, partial_path(path)}) {
        if (std::filesystem::is_regular_file(candidate, ignored)) {
            return candidate;
        }
    }
    throw InputError(path, "", "there is no result file here", "a file written by fluence run");
}

}  // namespace

struct ResultReader::Impl {
    Database database;
    CampaignHeader header;
    std::int64_t committed = 0;

    [[noreturn]] void damaged(const std::string& table, const std::string& reason) const {
        throw InputError(database.path(), table, "is damaged (" + reason + ")");
    }
};

ResultReader::ResultReader(const std::string& path) : impl_(std::make_unique<Impl>()) {
    // Read-write, because the reader of a killed campaign's file first undoes its open transaction; SQLite
    // falls back to read-only where it may not write.
    impl_->database = Database(existing(path), Database::Open::read_write);
    impl_->database.set_busy_timeout(kBusyMilliseconds);
    impl_->database.execute("BEGIN");  // one snapshot for everything that follows
    check_schema(impl_->database);
    impl_->header = read_header(impl_->database);
    impl_->committed = impl_->database.integer("SELECT count(*) FROM batch");
}

ResultReader::~ResultReader() = default;

const CampaignHeader& ResultReader::header() const {
    return impl_->header;
}

bool ResultReader::complete() const {
    return impl_->committed == impl_->header.batches_needed() && impl_->header.shard.whole();
}

bool ResultReader::shard_complete() const {
    return impl_->committed == impl_->header.shard.size(impl_->header.batches_needed());
}

std::int64_t ResultReader::committed() const {
    return impl_->committed;
}

const std::string& ResultReader::path() const {
    return impl_->database.path();
}

std::vector<std::vector<ResultReader::Tally>> ResultReader::tally(const std::string& property) const {
    std::vector<std::vector<Tally>> counts(impl_->header.policies.size(),
                                           std::vector<Tally>(impl_->header.strata.size()));
    Statement rows(impl_->database,
                   "SELECT policy, stratum, sum(" + property +
                       "), count(*) FROM outcome JOIN fault ON fault.id = outcome.fault GROUP BY 1, 2");
    while (rows.next()) {
        const auto policy = static_cast<std::size_t>(rows.integer());
        const auto stratum = static_cast<std::size_t>(rows.integer());
        if (policy >= counts.size() || stratum >= counts[policy].size()) {
            impl_->damaged("fault", "there is no such stratum or policy");
        }
        counts[policy][stratum].count = rows.integer();
        counts[policy][stratum].total = rows.integer();
    }
    return counts;
}

bool ResultReader::any_fired() const {
    std::string reasons;
    for (int i = 0; i < fault::kDeadReasonCount; ++i) {
        if (fired(static_cast<fault::DeadReason>(i))) {
            reasons += (reasons.empty() ? "" : ",") + std::to_string(i);
        }
    }
    return impl_->database.integer("SELECT EXISTS(SELECT 1 FROM outcome WHERE dead IN (" + reasons + "))") !=
           0;
}

void ResultReader::for_each_golden(const std::function<void(const GoldenRow&)>& visit) const {
    Statement rows(impl_->database, kSelectGolden);
    while (rows.next()) {
        visit(read_golden(rows));
    }
}

GoldenRow ResultReader::golden(std::int32_t image, std::int32_t policy) const {
    Statement rows(impl_->database, "SELECT * FROM golden WHERE image = " + std::to_string(image) +
                                        " AND policy = " + std::to_string(policy));
    if (!rows.next()) {
        throw InputError(path(), "golden",
                         "image " + std::to_string(image) + " has not been run without faults",
                         "images that are done");
    }
    return read_golden(rows);
}

void ResultReader::for_each_fault(
    const std::function<void(const FaultRow&, const std::vector<OutcomeRow>&)>& visit) const {
    Statement faults(impl_->database, kSelectFaults);
    Statement outcomes(impl_->database, kSelectOutcomes);
    std::vector<OutcomeRow> rows(impl_->header.policies.size());
    std::int64_t visited = 0;
    while (faults.next()) {
        const FaultRow fault = read_fault(faults, path());
        for (std::size_t policy = 0; policy < rows.size(); ++policy) {
            if (!outcomes.next()) {
                impl_->damaged("outcome", "rows are missing");
            }
            rows[policy] = read_outcome(outcomes, path());
            if (rows[policy].fault != fault.id || rows[policy].policy != static_cast<std::int32_t>(policy)) {
                impl_->damaged("outcome", "rows of fault " + std::to_string(fault.id) + " are missing");
            }
        }
        visit(fault, rows);
        ++visited;
    }
    if (complete() && visited != impl_->header.faults_needed()) {
        impl_->damaged("fault", "rows are missing");
    }
}

std::pair<FaultRow, std::vector<OutcomeRow>> ResultReader::fault(std::int64_t id) const {
    const std::string key = std::to_string(id);
    Statement faults(impl_->database, "SELECT * FROM fault WHERE id = " + key);
    if (!faults.next()) {
        throw InputError(path(), "fault", "there is no fault " + key,
                         "0 to " + std::to_string(impl_->header.faults - 1) +
                             (complete() ? "" : ", of those that are done"));
    }
    std::pair<FaultRow, std::vector<OutcomeRow>> found;
    found.first = read_fault(faults, path());
    Statement outcomes(impl_->database, "SELECT * FROM outcome WHERE fault = " + key + " ORDER BY policy");
    while (outcomes.next()) {
        found.second.push_back(read_outcome(outcomes, path()));
    }
    if (found.second.size() != impl_->header.policies.size()) {
        impl_->damaged("outcome", "rows of fault " + key + " are missing");
    }
    return found;
}

}  // namespace fluence::campaign
