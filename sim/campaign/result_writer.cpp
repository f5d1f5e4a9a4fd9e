#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "sim/campaign/file_lock.h"
#include "sim/campaign/result_schema.h"
#include "sim/campaign/result_store.h"
#include "sim/core/error.h"

namespace fluence::campaign {
namespace {

namespace fs = std::filesystem;

// A report that reads the partial file makes a commit wait, at most this long.
constexpr int kBusyMilliseconds = 600000;

// The layout of the file is part of its content: nothing is left to SQLite's defaults.
constexpr const char* kLayout = "PRAGMA page_size=4096; PRAGMA auto_vacuum=0; PRAGMA encoding='UTF-8';";

std::string finishing_path(const std::string& path) {
    return path + ".finishing";
}

void remove_database(const std::string& path) {
    std::error_code ignored;
    fs::remove(path, ignored);
    fs::remove(path + "-journal", ignored);
}

void make_folder(const std::string& path) {
    std::error_code error;
    fs::create_directories(folder_of(path), error);
    if (error) {
        throw InputError(folder_of(path), "", "cannot be created: " + error.message());
    }
}

bool exists(const std::string& path) {
    std::error_code ignored;
    return fs::exists(path, ignored);
}

template <class Row>
void write_rows(Statement& statement, const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        write_row(statement, row);
    }
}

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
    FileLock lock;
    Database database;
    std::vector<bool> done;
    std::int64_t committed = 0;
    std::size_t policies = 0;
    bool finished = false;

    void take_finished(const CampaignHeader& header);
    void open_partial(const CampaignHeader& header);
    void load_batches(Database& source);
};

void ResultWriter::Impl::load_batches(Database& source) {
    Statement rows(source, "SELECT id FROM batch");
    while (rows.next()) {
        const std::int64_t batch = rows.integer();
        if (batch < 0 || batch >= static_cast<std::int64_t>(done.size())) {
            throw InputError(source.path(), "batch",
                             "is damaged (there is no batch " + std::to_string(batch) + ")");
        }
        done[static_cast<std::size_t>(batch)] = true;
        ++committed;
    }
}

void ResultWriter::Impl::take_finished(const CampaignHeader& header) {
    Database results(path, Database::Open::read);
    require_same_campaign(results, header);
    load_batches(results);
    if (committed != header.batches) {
        throw InputError(path, "batch", "is damaged (batches are missing)");
    }
    finished = true;
    // A kill between the last two steps of finish() leaves these behind.
    remove_database(partial_path(path));
    remove_database(finishing_path(path));
}

void ResultWriter::Impl::open_partial(const CampaignHeader& header) {
    database = Database(partial_path(path), Database::Open::create);
    database.set_busy_timeout(kBusyMilliseconds);
    database.execute(kLayout);
    database.execute("PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL;");
    if (database.integer("SELECT count(*) FROM sqlite_master") == 0) {
        Transaction transaction(database);
        create_schema(database);
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
    impl_->done.assign(static_cast<std::size_t>(header.batches), false);
    impl_->policies = header.policies.size();
    make_folder(path);
    if (!exists(path)) {
        impl_->lock = FileLock(partial_path(path));
    }
    if (exists(path)) {  // asked again: its writer may have finished while the lock was taken
        impl_->take_finished(header);
    } else {
        impl_->open_partial(header);
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

void ResultWriter::commit(const std::vector<BatchResult>& results) {
    Database& database = impl_->database;
    Transaction transaction(database);
    {
        Statement golden(database, kInsertGolden);
        Statement fault(database, kInsertFault);
        Statement outcome(database, kInsertOutcome);
        Statement batch(database, "INSERT INTO batch VALUES(?)");
        for (const BatchResult& result : results) {
            if (has(result.batch) || result.outcomes.size() != result.faults.size() * impl_->policies) {
                throw std::logic_error("batch " + std::to_string(result.batch) +
                                       " is committed twice or incomplete");
            }
            write_rows(golden, result.golden);
            write_rows(fault, result.faults);
            write_rows(outcome, result.outcomes);
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
    if (impl_->committed != static_cast<std::int64_t>(impl_->done.size())) {
        throw std::logic_error("a campaign is finished before its last batch");
    }
    const std::string finishing = finishing_path(impl_->path);
    const std::string partial = partial_path(impl_->path);
    remove_database(finishing);
    try {
        Database ordered(finishing, Database::Open::create);
        ordered.execute(kLayout);
        ordered.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;");
        Statement(ordered, "ATTACH ? AS partial").bind(partial).run();
        Transaction transaction(ordered);
        create_schema(ordered);
        copy_rows(ordered, "partial");
        transaction.commit();
        ordered.close();
        synchronise(finishing);
    } catch (...) {
        remove_database(finishing);
        throw;
    }
    if (std::rename(finishing.c_str(), impl_->path.c_str()) != 0) {
        throw InputError(impl_->path, "", std::string("cannot be written: ") + std::strerror(errno));
    }
    synchronise(folder_of(impl_->path));
    impl_->finished = true;
    impl_->database.close();
    remove_database(partial);
    impl_->lock.release();
}

}  // namespace fluence::campaign
