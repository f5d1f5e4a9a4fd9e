#include <filesystem>
#include <stdexcept>

#include "sim/campaign/file_lock.h"
#include "sim/campaign/result_order.h"
#include "sim/campaign/result_schema.h"
#include "sim/campaign/result_store.h"
#include "sim/core/error.h"

namespace fluence::campaign {
namespace {

namespace fs = std::filesystem;

// A report that reads the partial file makes a commit wait, at most this long.
constexpr int kBusyMilliseconds = 600000;

bool exists(const std::string& path) {
    std::error_code ignored;
    return fs::exists(path, ignored);
}

// Many rows at a time take a good third less than one by one.
class RowWriter {
  public:
    RowWriter(const Database& database, const RowShape& shape)
        : one_(database, insert_sql(shape.table, shape.columns)),
          many_(database, insert_sql(shape.table, shape.columns, kTogether)) {}

    template <class Row>
    void write(const std::vector<Row>& rows) {
        auto row = rows.begin();
        while (rows.end() - row >= kTogether) {
            for (const auto end = row + kTogether; row != end; ++row) {
                bind_row(many_, *row);
            }
            many_.run();
        }
        for (; row != rows.end(); ++row) {
            bind_row(one_, *row);
            one_.run();
        }
    }

  private:
    static constexpr int kTogether = 16;
    Statement one_, many_;
};

// Throws unless the file holds results of this campaign; says where the two differ.
void require_same_campaign(Database& database, const CampaignHeader& header) {
    check_schema(database);
    const nlohmann::json difference = nlohmann::json::diff(to_json(read_header(database)), to_json(header));
    if (!difference.empty()) {
        fail_other_campaign(database.path(), difference[0]["path"].get<std::string>());
    }
}

}  // namespace

std::string partial_path(const std::string& path) {
    return path + ".partial";
}

void fail_other_campaign(const std::string& file, const std::string& where) {
    throw InputError(file, "", "holds results of another experiment (they differ at " + where + ")",
                     "another output, or --force to replace it");
}

void discard_results(const std::string& path) {
    const std::string partial = partial_path(path);
    FileLock lock;
    if (exists(partial)) {
        lock = FileLock(partial);
    }
    remove_database(finishing_path(path));
    std::error_code error;
    fs::remove(path, error);
    if (error) {
        throw InputError(path, "", "cannot be removed: " + error.message());
    }
    remove_database(partial);
}

struct ResultWriter::Impl {
    std::string path;
    CampaignHeader header;
    FileLock lock;
    std::vector<Database> partial;  // one, while the campaign is not finished
    std::vector<bool> done;
    std::int64_t committed = 0;
    bool finished = false;

    void take_finished();
    void open_partial();
    void load_batches(Database& source);
};

void ResultWriter::Impl::load_batches(Database& source) {
    Statement rows(source, "SELECT id FROM batch");
    while (rows.next()) {
        const std::int64_t batch = rows.integer();
        if (batch < 0 || batch >= header.batches || !header.shard.holds(batch)) {
            throw InputError(source.path(), "batch",
                             "is damaged (there is no batch " + std::to_string(batch) + ")");
        }
        done[static_cast<std::size_t>(batch)] = true;
        ++committed;
    }
}

void ResultWriter::Impl::take_finished() {
    Database results(path, Database::Open::read);
    header.ended_look = read_header(results).ended_look;  // a result, not a property of the campaign
    require_same_campaign(results, header);
    load_batches(results);
    if (committed != header.shard.size(header.batches_needed())) {
        throw InputError(path, "batch", "is damaged (batches are missing)");
    }
    finished = true;
    // A kill between the last two steps of finish() leaves these behind.
    remove_database(partial_path(path));
    remove_database(finishing_path(path));
}

void ResultWriter::Impl::open_partial() {
    partial.emplace_back(partial_path(path), Database::Open::create);
    Database& database = partial[0];
    database.set_busy_timeout(kBusyMilliseconds);
    database.execute(kPageLayout);
    database.execute("PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL;");
    if (database.integer("SELECT count(*) FROM sqlite_master") == 0) {
        Transaction transaction(database);
        create_schema(database, Layout::partial);
        write_header(database, header);
        transaction.commit();
    } else {
        require_same_campaign(database, header);
    }
    load_batches(database);
}

ResultWriter::ResultWriter(const std::string& path, const CampaignHeader& header)
    : impl_(std::make_unique<Impl>()) {
    impl_->path = path;
    impl_->header = header;
    impl_->done.assign(static_cast<std::size_t>(header.batches), false);
    make_folder_of(path);
    if (!exists(path)) {
        impl_->lock = FileLock(partial_path(path));
    }
    if (exists(path)) {  // asked again: its writer may have finished while the lock was taken
        impl_->take_finished();
    } else {
        impl_->open_partial();
    }
}

ResultWriter::~ResultWriter() = default;

bool ResultWriter::finished() const {
    return impl_->finished;
}

bool ResultWriter::has(std::int64_t batch) const {
    return impl_->done.at(static_cast<std::size_t>(batch));
}

std::int64_t ResultWriter::committed() const {
    return impl_->committed;
}

bool ResultWriter::all_committed() const {
    return committed() == impl_->header.shard.size(impl_->header.batches_needed());
}

void ResultWriter::end_at(std::int64_t look) {
    impl_->header.ended_look = look;
}

void ResultWriter::commit(const std::vector<BatchResult>& results) {
    Database& database = impl_->partial.at(0);
    Transaction transaction(database);
    {
        RowWriter golden(database, kGoldenRows);
        RowWriter fault(database, kFaultRows);
        RowWriter outcome(database, kOutcomeRows);
        Statement batch(database, "INSERT INTO batch VALUES(?)");
        for (const BatchResult& result : results) {
            if (has(result.batch) ||
                result.outcomes.size() != result.faults.size() * impl_->header.policies.size()) {
                throw std::logic_error("batch " + std::to_string(result.batch) +
                                       " is committed twice or incomplete");
            }
            golden.write(result.golden);
            fault.write(result.faults);
            outcome.write(result.outcomes);
            batch.bind(result.batch).run();
        }
    }
    transaction.commit();
    for (const BatchResult& result : results) {
        impl_->done[static_cast<std::size_t>(result.batch)] = true;
        ++impl_->committed;
    }
}

void ResultWriter::finish() {
    if (impl_->finished) {
        return;
    }
    if (!all_committed()) {
        throw std::logic_error("a campaign is finished before its last batch");
    }
    write_ordered(impl_->path, impl_->header, impl_->partial);
    impl_->finished = true;
    impl_->partial.clear();
    remove_database(partial_path(impl_->path));
    impl_->lock.release();
}

}  // namespace fluence::campaign
