// Files of measurements on others' register-transfer-level arrays, one JSON object a line: `meta` (the design
// and its parameters), `case` (operands, golden result, edge of the first operand), `fault` (one inverted
// register bit and what it changed), or, without a `type`, the latency of one fault-free tile.
// docs/crosscheck.md says what the keys mean. Unknown keys are skipped; everything else is checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/crosscheck/tile.h"

namespace fluence::crosscheck {

// Golden and faulty are sign-extended from the width of the array's sums.
struct ChangedOutput {
    std::int64_t i = 0, j = 0, golden = 0, faulty = 0;
    friend bool operator==(const ChangedOutput& x, const ChangedOutput& y) {
        return x.i == y.i && x.j == y.j && x.golden == y.golden && x.faulty == y.faulty;
    }
};

struct FaultRecord {
    int line = 0;
    std::size_t experiment = 0;  // index into RecordFile::cases
    std::string site;
    int r = 0, c = 0, bit = 0;
    std::int64_t edge = 0;
    TileUpset upset;  // the same in the array's terms; of a site with several stages: the first
    std::uint32_t before = 0, after = 0;
    std::vector<ChangedOutput> changed;  // row after row
};

struct CaseRecord {
    int line = 0;
    std::string name;
    Tile tile;  // its edges are the record's + `shift`
    std::int64_t shift = 0;
    Product golden;
};

struct LatencyRecord {
    int line = 0;
    std::string label;
    Tile tile;  // random operands
    std::int64_t stream = 0, total = 0;
};

struct RecordFile {
    std::string path;
    std::vector<CaseRecord> cases;
    std::vector<FaultRecord> faults;
    std::vector<LatencyRecord> latencies;
};

// Throws InputError naming file and line.
RecordFile read_records(const std::string& path);

}  // namespace fluence::crosscheck
