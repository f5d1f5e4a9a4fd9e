#include "sim/campaign/result_order.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "sim/campaign/file_lock.h"
#include "sim/campaign/result_schema.h"
#include "sim/core/error.h"

namespace fluence::campaign {

const char* const kPageLayout = "PRAGMA page_size=4096; PRAGMA auto_vacuum=0; PRAGMA encoding='UTF-8';";

namespace {

// A table whose rows are merged; its key are its first columns.
struct RowTable {
    const char* name;
    const char* keys;
    int key_columns;
};
constexpr RowTable kGolden = {"golden", "image, policy", 2};
constexpr RowTable kFault = {"fault", "id", 1};
constexpr RowTable kOutcome = {"outcome", "fault, policy", 2};
constexpr RowTable kBatch = {"batch", "id", 1};

using Key = std::pair<std::int64_t, std::int64_t>;

Key key_of(const Statement& row, const RowTable& table) {
    return {row.integer_at(0), table.key_columns > 1 ? row.integer_at(1) : 0};
}

// The rows of one table in one source, in the order of their keys.
struct Cursor {
    Statement rows;
    const RowTable& table;
    Key key;

    Cursor(const Database& source, const RowTable& rows_of)
        : rows(source, std::string("SELECT * FROM ") + rows_of.name + " ORDER BY " + rows_of.keys),
          table(rows_of) {}

    bool next() {
        if (!rows.next()) {
            return false;
        }
        key = key_of(rows, table);
        return true;
    }
};

// Merges the sources' rows of a table into that of `target`; returns their number.
std::int64_t merge_table(Database& target, const RowTable& table, const std::vector<Database>& sources) {
    using Entry = std::unique_ptr<Cursor>;
    std::vector<Entry> heap;
    const auto later = [](const Entry& a, const Entry& b) { return a->key > b->key; };
    for (const Database& source : sources) {
        auto cursor = std::make_unique<Cursor>(source, table);
        if (cursor->next()) {
            heap.push_back(std::move(cursor));
        }
    }
    if (heap.empty()) {
        return 0;
    }
    std::make_heap(heap.begin(), heap.end(), later);
    Statement insert(target, insert_sql(table.name, heap.front()->rows.columns()));
    std::int64_t count = 0;
    Key last{-1, -1};
    while (!heap.empty()) {
        std::pop_heap(heap.begin(), heap.end(), later);
        Cursor& first = *heap.back();
        if (first.key <= last) {
            throw InputError(
                target.path(), table.name,
                "the sources are damaged (row " + std::to_string(first.key.first) + " is there twice)");
        }
        last = first.key;
        insert.bind_row(first.rows).run();
        ++count;
        if (first.next()) {
            std::push_heap(heap.begin(), heap.end(), later);
        } else {
            heap.pop_back();
        }
    }
    return count;
}

void require_count(const std::string& path, const char* table, std::int64_t rows, std::int64_t expected) {
    if (rows != expected) {
        throw InputError(path, table,
                         "the sources are damaged (" + std::to_string(rows) + " rows instead of " +
                             std::to_string(expected) + ")");
    }
}

void fill(const std::string& path, const CampaignHeader& header, const std::vector<Database>& sources) {
    Database ordered(path, Database::Open::create);
    ordered.execute(kPageLayout);
    ordered.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;");
    Transaction transaction(ordered);
    create_schema(ordered, Layout::ordered);
    write_header(ordered, header);
    const auto policies = static_cast<std::int64_t>(header.policies.size());
    const std::int64_t golden = merge_table(ordered, kGolden, sources);
    const std::int64_t faults = merge_table(ordered, kFault, sources);
    const std::int64_t outcomes = merge_table(ordered, kOutcome, sources);
    const std::int64_t batches = merge_table(ordered, kBatch, sources);
    require_count(path, kBatch.name, batches, header.shard.size(header.batches_needed()));
    require_count(path, kOutcome.name, outcomes, faults * policies);
    if (header.shard.whole()) {
        require_count(path, kFault.name, faults, header.faults_needed());
        require_count(path, kGolden.name, golden, header.images * policies);
    }
    transaction.commit();
}

}  // namespace

std::string finishing_path(const std::string& path) {
    return path + ".finishing";
}

void remove_database(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    std::filesystem::remove(path + "-journal", ignored);
}

void write_ordered(const std::string& path, const CampaignHeader& header,
                   const std::vector<Database>& sources) {
    const std::string finishing = finishing_path(path);
    remove_database(finishing);
    try {
        fill(finishing, header, sources);
        synchronise(finishing);
    } catch (...) {
        remove_database(finishing);
        throw;
    }
    if (std::rename(finishing.c_str(), path.c_str()) != 0) {
        throw InputError(path, "", std::string("cannot be written: ") + std::strerror(errno));
    }
    synchronise(folder_of(path));
}

}  // namespace fluence::campaign
