// Records of upsets in others' arrays against ours, at both fidelities: the array stepped register by
// register and the formulas.
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "sim/crosscheck/rtl_records.h"

namespace fluence::crosscheck {

// Counts of the records of one site of one file.
struct SiteTally {
    bool control = false;  // valid, propagate, write bits: no formula
    std::int64_t records = 0;
    std::int64_t stepped = 0;    // changed outputs as recorded, registers stepped
    std::int64_t predicted = 0;  // the same by formula
    std::int64_t both = 0;
    std::int64_t registers = 0;  // content before and after the upset as recorded
};

struct LatencyTally {
    LatencyRecord record;
    Cycle stepped_stream = 0, stepped_total = 0;
    Cycle predicted_stream = 0, predicted_total = 0;
    bool product_right = false;
    bool agrees() const {
        return product_right && stepped_stream == record.stream && stepped_total == record.total &&
               predicted_stream == record.stream && predicted_total == record.total;
    }
};

struct FileResult {
    std::string path;
    std::map<std::string, SiteTally> sites;
    std::vector<LatencyTally> latencies;
    bool products_right = true;              // of the fault-free cases
    std::vector<std::string> disagreements;  // one line each
};

FileResult crosscheck(const RecordFile& file);

struct Totals {
    std::int64_t data_records = 0, data_agree = 0;  // at both fidelities
    std::int64_t control_records = 0, control_agree = 0;
    std::int64_t contents = 0, contents_agree = 0;  // registers before and after the upset
    std::int64_t latencies = 0, latencies_agree = 0;
    bool all_agree = true;  // fault-free products and latencies too; control bits and contents do not count
};
Totals total(const std::vector<FileResult>& results);

// A table a file, then the last line `crosscheck: N of M data-register records agree, C of D control records
// agree`.
void print(std::ostream& out, const std::vector<FileResult>& results);

}  // namespace fluence::crosscheck
