// SQLite with errors as InputError (one line: file, what was being done, reason) and statements that close
// themselves. Private to the result store.
#pragma once

#include <cstdint>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

namespace fluence::campaign {

class Database {
  public:
    enum class Open { read, read_write, create };

    Database() = default;
    Database(const std::string& path, Open mode);
    ~Database() { close(); }
    Database(Database&& other) noexcept;
    Database& operator=(Database&& other) noexcept;

    void execute(const std::string& sql);
    std::int64_t integer(const std::string& sql);  // the first column of the first row
    void set_busy_timeout(int milliseconds);
    void close();
    bool is_open() const { return handle_ != nullptr; }
    const std::string& path() const { return path_; }
    sqlite3* handle() const { return handle_; }
    // Throws the InputError for the last error on this connection.
    [[noreturn]] void fail(int code) const;

  private:
    std::string path_;
    sqlite3* handle_ = nullptr;
};

// A prepared statement. Parameters and columns count from 0; bind() and reading advance by themselves, so
// that a row is written and read in the order of the table's columns.
class Statement {
  public:
    Statement(const Database& database, const std::string& sql);
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    Statement& bind(std::int64_t value);
    Statement& bind(double value);  // finite
    Statement& bind(const std::string& value);
    // All columns of the row that `other` is at, as they are.
    Statement& bind_row(const Statement& other);
    void run();   // executes a statement without rows and makes it ready for the next parameters
    bool next();  // the next row; false at the end
    int columns() const;
    // A column of the row that it is at; does not advance.
    std::int64_t integer_at(int column) const;

    std::int64_t integer();
    std::int32_t integer32() { return static_cast<std::int32_t>(integer()); }
    double real();
    std::string text();

  private:
    const Database& database_;
    sqlite3_stmt* statement_ = nullptr;
    int parameter_ = 0;
    int column_ = 0;
};

// BEGIN … COMMIT; rolls back when it is destroyed without commit().
class Transaction {
  public:
    explicit Transaction(Database& database);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

  private:
    Database& database_;
    bool open_ = true;
};

}  // namespace fluence::campaign
