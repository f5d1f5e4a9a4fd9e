#include "sim/campaign/sqlite.h"

#include <sqlite3.h>

#include <cstring>
#include <utility>

#include "sim/core/error.h"

namespace fluence::campaign {
namespace {

std::string reason_of(int code, const std::string& message, int system_error) {
    switch (code & 0xff) {
        case SQLITE_FULL:
            return "no space left on the disk; what was committed before is kept";
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return "cannot be written: the file or its folder is read-only";
        case SQLITE_CANTOPEN:
            return "cannot be opened" +
                   (system_error != 0 ? std::string(": ") + std::strerror(system_error) : "");
        case SQLITE_NOTADB:
            return "is not a result file (not an SQLite database)";
        case SQLITE_CORRUPT:
            return "is damaged (" + message + ")";
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return "is in use by another program";
        case SQLITE_IOERR:
            return "cannot be read or written" +
                   (system_error != 0 ? std::string(": ") + std::strerror(system_error) : "") +
                   "; what was committed before is kept";
        default:
            return "SQLite: " + message;
    }
}

}  // namespace

Database::Database(const std::string& path, Open mode) : path_(path) {
    int flags = SQLITE_OPEN_READONLY;
    if (mode == Open::read_write) {
        flags = SQLITE_OPEN_READWRITE;
    } else if (mode == Open::create) {
        flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    }
    const int code = sqlite3_open_v2(path.c_str(), &handle_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code != SQLITE_OK) {
        const std::string reason =
            reason_of(code, sqlite3_errstr(code), handle_ != nullptr ? sqlite3_system_errno(handle_) : 0);
        close();
        throw InputError(path_, "", reason);
    }
    sqlite3_extended_result_codes(handle_, 1);
}

Database::Database(Database&& other) noexcept
    : path_(std::move(other.path_)), handle_(std::exchange(other.handle_, nullptr)) {}

Database& Database::operator=(Database&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(handle_, other.handle_);
    return *this;
}

void Database::close() {
    sqlite3_close_v2(handle_);
    handle_ = nullptr;
}

void Database::fail(int code) const {
    throw InputError(path_, "", reason_of(code, sqlite3_errmsg(handle_), sqlite3_system_errno(handle_)));
}

void Database::execute(const std::string& sql) {
    const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) {
        fail(code);
    }
}

std::int64_t Database::integer(const std::string& sql) {
    Statement statement(*this, sql);
    return statement.next() ? statement.integer() : 0;
}

void Database::set_busy_timeout(int milliseconds) {
    sqlite3_busy_timeout(handle_, milliseconds);
}

Statement::Statement(const Database& database, const std::string& sql) : database_(database) {
    const int code = sqlite3_prepare_v2(database.handle(), sql.c_str(), -1, &statement_, nullptr);
    if (code != SQLITE_OK) {
        database.fail(code);
    }
}

Statement::~Statement() {
    sqlite3_finalize(statement_);
}

Statement& Statement::bind(std::int64_t value) {
    sqlite3_bind_int64(statement_, ++parameter_, value);
    return *this;
}

Statement& Statement::bind(double value) {
    sqlite3_bind_double(statement_, ++parameter_, value + 0.0);  // −0 and 0 are one value in a file
    return *this;
}

Statement& Statement::bind(const std::string& value) {
    sqlite3_bind_text64(statement_, ++parameter_, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return *this;
}

Statement& Statement::bind_row(const Statement& other) {
    for (int column = 0; column < other.columns(); ++column) {
        sqlite3_bind_value(statement_, ++parameter_, sqlite3_column_value(other.statement_, column));
    }
    return *this;
}

void Statement::run() {
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_DONE && code != SQLITE_ROW) {
        sqlite3_reset(statement_);
        database_.fail(code);
    }
    sqlite3_reset(statement_);
    parameter_ = 0;
}

bool Statement::next() {
    column_ = 0;
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        database_.fail(code);
    }
    return code == SQLITE_ROW;
}

int Statement::columns() const {
    return sqlite3_column_count(statement_);
}

std::int64_t Statement::integer_at(int column) const {
    return sqlite3_column_int64(statement_, column);
}

std::int64_t Statement::integer() {
    return sqlite3_column_int64(statement_, column_++);
}

double Statement::real() {
    return sqlite3_column_double(statement_, column_++);
}

std::string Statement::text() {
    const unsigned char* data = sqlite3_column_text(statement_, column_);
    const int bytes = sqlite3_column_bytes(statement_, column_++);
    return data == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(data), bytes);
}

Transaction::Transaction(Database& database) : database_(database) {
    database.execute("BEGIN");
}

Transaction::~Transaction() {
    if (open_) {
        // After a full disk SQLite may have rolled back by itself; its answer does not matter here.
        sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
}

void Transaction::commit() {
    database_.execute("COMMIT");
    open_ = false;
}

}  // namespace fluence::campaign
