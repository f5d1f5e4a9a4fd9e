// The tables of a result file and their rows. docs/results-format.md is the specification; result_store.h
// is what programs use.
#pragma once

#include <string>

#include "sim/campaign/result_store.h"
#include "sim/campaign/sqlite.h"

namespace fluence::campaign {

// Creates all tables in an empty database. Must run inside a transaction.
// `partial`: of an unfinished campaign. Its rows come batch by batch and not in the order of their keys, so
// that the tables of faults and outcomes have none and every commit appends; queries there sort.
// `ordered`: clustered by their keys, to be filled in that order.
enum class Layout { partial, ordered };
void create_schema(Database& database, Layout layout);

// Throws InputError unless the database is a result file of this schema version.
void check_schema(Database& database);

void write_header(Database& database, const CampaignHeader& header);
CampaignHeader read_header(Database& database);

// The header as one JSON value, to compare campaigns and to say where they differ.
nlohmann::json to_json(const CampaignHeader& header);

// Hexadecimal without leading zeros; "0" for none.
std::string to_hex(const WordBits& bits);
WordBits bits_from_hex(const std::string& text, const std::string& file);

// Throws InputError for a code that is in the file and in no enumeration of this program.
std::int32_t checked_code(std::int32_t value, int count, const std::string& file, const std::string& key);

// Statements that write and read one row, columns in the order of the table.
// "INSERT INTO table VALUES(?,…),(?,…)…": so many rows.
std::string insert_sql(const std::string& table, int columns, int rows = 1);
struct RowShape {
    const char* table;
    int columns;
};
inline constexpr RowShape kGoldenRows = {"golden", 8}, kFaultRows = {"fault", 12},
                          kOutcomeRows = {"outcome", 22};
extern const char* const kSelectGolden;
extern const char* const kSelectFaults;
extern const char* const kSelectOutcomes;
// The columns of a row, in the order of the table.
void bind_row(Statement& statement, const GoldenRow& row);
void bind_row(Statement& statement, const FaultRow& row);
void bind_row(Statement& statement, const OutcomeRow& row);
GoldenRow read_golden(Statement& statement);
FaultRow read_fault(Statement& statement, const std::string& file);
OutcomeRow read_outcome(Statement& statement, const std::string& file);

}  // namespace fluence::campaign
