#include "sim/crosscheck/rtl_records.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <regex>

#include "sim/core/accelerator_config.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/core/json.h"
#include "sim/core/random.h"
#include "sim/core/text.h"
#include "sim/crosscheck/designs.h"
#include "sim/dataflow/registers.h"

namespace fluence::crosscheck {
namespace {

constexpr std::int64_t kMaxEdge = 1'000'000;  // of a run, and of one edge of a matrix
constexpr std::int64_t kMaxStages = 8;
constexpr int kSumBits = 62;  // of recorded results, which may be wrapped to the array's width or not

// Multiplier and accumulator stages: keys of their own, or part of a label like "…_LM2LA1".
struct Stages {
    int multiplier = 1, accumulator = 1;
};

Stages stages_of(JsonObject& object) {
    std::smatch match;
    const std::string label = object.text_or("label", object.text_or("name", ""));
    Stages stages;
    static const std::regex pattern("LM([1-8])_?LA([1-8])");
    if (std::regex_search(label, match, pattern)) {
        stages = {std::stoi(match[1]), std::stoi(match[2])};
    }
    stages.multiplier = static_cast<int>(object.integer_or("LM", stages.multiplier, 1, kMaxStages));
    stages.accumulator = static_cast<int>(object.integer_or("LA", stages.accumulator, 1, kMaxStages));
    return stages;
}

const KnownDesign& known_design(JsonObject& object) {
    std::vector<std::string> names;
    const std::string name = object.text("design");
    for (const KnownDesign& design : known_designs()) {
        if (name == design.name) {
            return design;
        }
        names.emplace_back(design.name);
    }
    object.fail("design", "there is no design \"" + name + "\"", comma_list(names));
}

// A matrix of signed integers of `bits` bits, row after row.
std::vector<std::int64_t> matrix(JsonObject& object, const std::string& key, std::int64_t rows,
                                 std::int64_t cols, int bits) {
    const nlohmann::json& value = object.raw(key);
    const std::int64_t limit = std::int64_t{1} << (bits - 1);
    std::vector<std::int64_t> numbers;
    const auto check = [&](bool good) {
        if (!good) {
            object.fail(key, "is no matrix of the case's size",
                        std::to_string(rows) + " lists of " + std::to_string(cols) + " integers of " +
                            std::to_string(bits) + " bits");
        }
    };
    check(value.is_array() && static_cast<std::int64_t>(value.size()) == rows);
    for (const nlohmann::json& row : value) {
        check(row.is_array() && static_cast<std::int64_t>(row.size()) == cols);
        for (const nlohmann::json& number : row) {
            check(number.is_number_integer());
            numbers.push_back(number.get<std::int64_t>());
            check(numbers.back() >= -limit && numbers.back() < limit);
        }
    }
    return numbers;
}

std::vector<std::int32_t> operands(JsonObject& object, const std::string& key, std::int64_t rows,
                                   std::int64_t cols, int bits) {
    const std::vector<std::int64_t> numbers = matrix(object, key, rows, cols, bits);
    return {numbers.begin(), numbers.end()};
}

class Reader {
  public:
    explicit Reader(const std::string& path) { file_.path = path; }

    RecordFile read();

  private:
    struct Design {
        const KnownDesign* known = nullptr;
        ArrayConfig array;
    };

    void read_line(const std::string& text);
    Design read_design(JsonObject& object);
    void read_case(JsonObject& object);
    void read_fault(JsonObject& object);
    void read_latency(JsonObject& object);
    Tile sized_tile(JsonObject& object, const Design& design) const;
    TileUpset place(JsonObject& object, const FaultRecord& fault) const;
    const Design& design(const JsonObject& object) const;
    const CaseRecord& find_case(const JsonObject& object, const std::string& name) const;

    RecordFile file_;
    int line_ = 0;
    std::optional<Design> design_;
    std::size_t first_case_ = 0;  // of that design
    std::string preset_of_;       // design whose preset was read last
    ArrayConfig preset_;
};

RecordFile Reader::read() {
    std::ifstream stream(file_.path);
    if (!stream) {
        throw InputError(file_.path, "", "cannot be read");
    }
    for (std::string text; std::getline(stream, text);) {
        ++line_;
        if (text.find_first_not_of(" \t\r") != std::string::npos) {
            read_line(text);
        }
    }
    if (file_.faults.empty() && file_.latencies.empty()) {
        throw InputError(file_.path, "", "holds no records");
    }
    return std::move(file_);
}

void Reader::read_line(const std::string& text) {
    const std::string place = file_.path + ":" + std::to_string(line_);
    nlohmann::json value;
    try {
        value = nlohmann::json::parse(text);
    } catch (const nlohmann::json::parse_error& error) {
        throw InputError(place, "", "is not a line of JSON, at character " + std::to_string(error.byte));
    } catch (const nlohmann::json::out_of_range&) {
        throw InputError(place, "", "holds a number beyond those of 64 bits");
    }
    JsonObject object(value, place);
    if (!object.has("type") && object.has("cycles_total")) {
        read_latency(object);
        return;
    }
    const std::string type = object.choice("type", {"meta", "case", "fault"});
    if (type == "meta") {
        design_ = read_design(object);
        first_case_ = file_.cases.size();
    } else if (type == "case") {
        read_case(object);
    } else {
        read_fault(object);
    }
}

Reader::Design Reader::read_design(JsonObject& object) {
    Design design;
    design.known = &known_design(object);
    if (preset_of_ != design.known->name) {
        preset_of_ = design.known->name;
        preset_ = read_accelerator(find_config("accelerators", design.known->preset)).array;
    }
    design.array = preset_;
    design.array.rows = static_cast<int>(object.integer("rows", 1, 1024));
    design.array.cols = static_cast<int>(object.integer("cols", 1, 1024));
    design.array.operand_bits =
        static_cast<int>(object.integer_or("operand_reg_bits", design.array.operand_bits, 8, 32));
    design.array.accumulator_bits =
        static_cast<int>(object.integer_or("acc_bits", design.array.accumulator_bits, 16, 32));
    if (design.known->staged) {
        const Stages stages = stages_of(object);
        design.array.multiplier_stages = stages.multiplier;
        design.array.accumulator_stages = stages.accumulator;
    }
    return design;
}

const Reader::Design& Reader::design(const JsonObject& object) const {
    if (!design_) {
        object.fail("type", "comes before the file's meta line");
    }
    return *design_;
}

// M, K and N that fit the array; no operands yet.
Tile Reader::sized_tile(JsonObject& object, const Design& design) const {
    Tile tile;
    tile.array = design.array;
    tile.mirrored = design.known->mirrored;
    const bool sums_stay = tile.output_stationary();
    tile.m = object.integer("M", 1, sums_stay ? tile.array.rows : kMaxEdge);
    tile.k = object.integer("K", 1, sums_stay ? kMaxEdge : tile.array.rows);
    tile.n = object.integer("N", 1, tile.array.cols);
    return tile;
}

void Reader::read_case(JsonObject& object) {
    CaseRecord record;
    record.line = line_;
    record.name = object.text("case");
    record.tile = sized_tile(object, design(object));
    Tile& tile = record.tile;
    tile.a = operands(object, "A", tile.m, tile.k, tile.array.operand_bits);
    tile.b = operands(object, "B", tile.k, tile.n, tile.array.operand_bits);
    for (const std::int64_t sum : matrix(object, "C", tile.m, tile.n, kSumBits)) {
        record.golden.push_back(tile.wrapped(sum));
    }
    const std::int64_t stream = object.integer("edge_stream", 0, kMaxEdge);
    const std::int64_t lead = tile.travelling() ? tile.array.rows : 0;
    tile.stream = std::max(stream, lead);
    record.shift = tile.stream - stream;
    file_.cases.push_back(record);
}

TileUpset Reader::place(JsonObject& object, const FaultRecord& fault) const {
    const ArrayConfig& array = design_->array;
    std::vector<std::string> names;
    for (const SiteName& site : design_->known->sites) {
        names.emplace_back(site.name);
        if (fault.site != site.name) {
            continue;
        }
        const std::int64_t first = site.behind_last_row ? array.rows : 0;
        object.integer("r", first, site.behind_last_row ? array.rows : array.rows - 1);
        for (const dataflow::RegisterBank& bank : dataflow::register_banks(array)) {
            if (bank.kind == site.bank) {
                object.integer("bit", 0, bank.bits - 1);
            }
        }
        TileUpset upset;
        upset.bank = site.bank;
        upset.unit = std::int64_t{fault.r} * array.cols + fault.c;
        upset.mask = std::uint32_t{1} << fault.bit;
        return upset;
    }
    object.fail("site", "the design has no \"" + fault.site + "\"", comma_list(names));
}

// The last one of that name that was measured on the present design.
const CaseRecord& Reader::find_case(const JsonObject& object, const std::string& name) const {
    for (std::size_t i = file_.cases.size(); i-- > first_case_;) {
        if (file_.cases[i].name == name) {
            return file_.cases[i];
        }
    }
    object.fail("case", "there is no case \"" + name + "\" above this line");
}

void Reader::read_fault(JsonObject& object) {
    constexpr std::int64_t kWord = 0xffffffff;
    FaultRecord record;
    record.line = line_;
    const ArrayConfig& array = design(object).array;
    const std::string name = object.text("case");
    const CaseRecord& experiment = find_case(object, name);
    record.experiment = static_cast<std::size_t>(&experiment - file_.cases.data());
    record.site = object.text("site");
    record.r = static_cast<int>(object.integer("r", 0, array.rows));
    record.c = static_cast<int>(object.integer("c", 0, array.cols - 1));
    record.bit = static_cast<int>(object.integer("bit", 0, 31));
    record.edge = object.integer("edge", 0, kMaxEdge);
    record.upset = place(object, record);
    record.upset.cycle = record.edge + experiment.shift;
    record.before = static_cast<std::uint32_t>(object.integer("before", 0, kWord));
    record.after = static_cast<std::uint32_t>(object.integer("after", 0, kWord));
    const Tile& tile = experiment.tile;
    const nlohmann::json& changed = object.raw("changed");
    if (!changed.is_array()) {
        object.fail("changed", "is no list", "[[i, j, golden, faulty], …]");
    }
    for (const nlohmann::json& entry : changed) {
        if (!entry.is_array() || entry.size() != 4 ||
            !std::all_of(entry.begin(), entry.end(), [](const auto& x) { return x.is_number_integer(); })) {
            object.fail("changed", "has an entry that is no list of four integers", "[i, j, golden, faulty]");
        }
        record.changed.push_back({entry[0].get<std::int64_t>(), entry[1].get<std::int64_t>(),
                                  tile.wrapped(entry[2].get<std::int64_t>()),
                                  tile.wrapped(entry[3].get<std::int64_t>())});
    }
    std::sort(record.changed.begin(), record.changed.end(),
              [](const auto& x, const auto& y) { return std::pair(x.i, x.j) < std::pair(y.i, y.j); });
    file_.faults.push_back(record);
}

void Reader::read_latency(JsonObject& object) {
    LatencyRecord record;
    record.line = line_;
    const Design design = read_design(object);
    record.label = object.text_or("label", design.known->name);
    record.tile = sized_tile(object, design);
    record.stream = object.integer("cycles_stream_to_last", 1, kMaxEdge);
    record.total = object.integer("cycles_total", 1, kMaxEdge);
    Tile& tile = record.tile;
    tile.stream = tile.travelling() ? tile.array.rows : 0;
    RandomStream random(1, RandomPurpose::testing, static_cast<std::uint64_t>(line_));
    const auto codes = [&](std::int64_t count) {
        std::vector<std::int32_t> values(static_cast<std::size_t>(count));
        for (std::int32_t& value : values) {
            value = static_cast<std::int32_t>(random.below(256)) - 128;
        }
        return values;
    };
    tile.a = codes(tile.m * tile.k);
    tile.b = codes(tile.k * tile.n);
    file_.latencies.push_back(record);
}

}  // namespace

RecordFile read_records(const std::string& path) {
    return Reader(path).read();
}

}  // namespace fluence::crosscheck
