#include "sim/campaign/result_schema.h"
#include "sim/core/error.h"

namespace fluence::campaign {

std::int32_t checked_code(std::int32_t value, int count, const std::string& file, const std::string& key) {
    if (value < 0 || value >= count) {
        throw InputError(file, key, "is damaged (there is no code " + std::to_string(value) + ")");
    }
    return value;
}

std::string to_hex(const WordBits& bits) {
    std::string text;
    for (int low = kMaxWordBits - 4; low >= 0; low -= 4) {
        int digit = 0;
        for (int bit = 3; bit >= 0; --bit) {
            digit = digit * 2 + (bits[static_cast<std::size_t>(low + bit)] ? 1 : 0);
        }
        if (digit != 0 || !text.empty() || low == 0) {
            text += "0123456789abcdef"[digit];
        }
    }
    return text;
}

WordBits bits_from_hex(const std::string& text, const std::string& file) {
    WordBits bits;
    const std::size_t digits = text.size();
    bool valid = digits > 0 && digits <= kMaxWordBits / 4;
    for (std::size_t i = 0; valid && i < digits; ++i) {
        const std::size_t digit = std::string("0123456789abcdef").find(text[digits - 1 - i]);
        valid = digit != std::string::npos;
        for (std::size_t bit = 0; valid && bit < 4; ++bit) {
            bits[4 * i + bit] = ((digit >> bit) & 1U) != 0;
        }
    }
    if (!valid) {
        throw InputError(file, "fault.bits", "is damaged (\"" + text + "\" is not hexadecimal)");
    }
    return bits;
}

// rows · 100 + columns; 0 for a single cell.
static std::int64_t code_of(const fault::Cluster& cluster) {
    return cluster.single() ? 0 : std::int64_t{cluster.rows} * 100 + cluster.cols;
}

static fault::Cluster cluster_of(std::int64_t code, const std::string& file) {
    const fault::Cluster cluster = code == 0 ? fault::Cluster()
                                             : fault::Cluster{static_cast<std::int32_t>(code / 100),
                                                              static_cast<std::int32_t>(code % 100)};
    const auto valid = [](std::int32_t side) { return side >= 1 && side <= fault::kMostClusterSide; };
    if (!valid(cluster.rows) || !valid(cluster.cols)) {
        throw InputError(file, "fault.cluster", "is damaged (" + std::to_string(code) + ")");
    }
    return cluster;
}

// [[site, unit, layer, "bits", phase, cluster, held], …]; empty for none.
static std::string further_text(const std::vector<fault::DrawnUpset>& further) {
    if (further.empty()) {
        return "";
    }
    nlohmann::json list = nlohmann::json::array();
    for (const fault::DrawnUpset& other : further) {
        list.push_back({static_cast<int>(other.upset.site), other.upset.unit, other.upset.layer,
                        to_hex(other.upset.bits), other.phase, code_of(other.cluster),
                        static_cast<int>(other.upset.held)});
    }
    return list.dump();
}

static std::vector<fault::DrawnUpset> further_of(const std::string& text, const std::string& file) {
    std::vector<fault::DrawnUpset> further;
    if (text.empty()) {
        return further;
    }
    try {
        for (const nlohmann::json& entry : nlohmann::json::parse(text)) {
            fault::DrawnUpset other;
            other.upset.site = static_cast<fault::SiteKind>(
                checked_code(entry.at(0).get<std::int32_t>(), fault::kSiteKindCount, file, "fault.further"));
            other.upset.unit = entry.at(1).get<std::int64_t>();
            other.upset.layer = entry.at(2).get<std::int32_t>();
            other.upset.bits = bits_from_hex(entry.at(3).get<std::string>(), file);
            other.phase = entry.at(4).get<double>();
            other.cluster = cluster_of(entry.at(5).get<std::int64_t>(), file);
            other.upset.held = static_cast<traces::Held>(
                checked_code(entry.at(6).get<std::int32_t>(), traces::kHeldCount, file, "fault.further"));
            further.push_back(other);
        }
    } catch (const nlohmann::json::exception&) {
        throw InputError(file, "fault.further", "is damaged (" + text + ")");
    }
    return further;
}

std::string insert_sql(const std::string& table, int columns, int rows) {
    std::string row = "(?";
    for (int i = 1; i < columns; ++i) {
        row += ",?";
    }
    row += ")";
    std::string sql = "INSERT INTO " + table + " VALUES" + row;
    for (int i = 1; i < rows; ++i) {
        sql += "," + row;
    }
    return sql;
}

const char* const kSelectGolden = "SELECT * FROM golden ORDER BY image, policy";
const char* const kSelectFaults = "SELECT * FROM fault ORDER BY id";
const char* const kSelectOutcomes = "SELECT * FROM outcome ORDER BY fault, policy";

void bind_row(Statement& statement, const GoldenRow& row) {
    statement.bind(std::int64_t{row.image}).bind(std::int64_t{row.policy}).bind(std::int64_t{row.label});
    statement.bind(std::int64_t{row.top1}).bind(row.top2diff).bind(row.loss);
    statement.bind(std::int64_t{row.runs}).bind(row.cycles);
}

void bind_row(Statement& statement, const FaultRow& row) {
    statement.bind(row.id).bind(std::int64_t{row.image}).bind(static_cast<std::int64_t>(row.upset.site));
    statement.bind(row.upset.unit).bind(std::int64_t{row.upset.layer}).bind(to_hex(row.upset.bits));
    statement.bind(row.phase).bind(std::int64_t{row.stratum}).bind(further_text(row.further));
    statement.bind(code_of(row.cluster)).bind(std::int64_t{row.checked});
    statement.bind(static_cast<std::int64_t>(row.upset.held));
}

void bind_row(Statement& statement, const OutcomeRow& row) {
    statement.bind(row.fault).bind(std::int64_t{row.policy}).bind(row.cycle);
    statement.bind(static_cast<std::int64_t>(row.outcome)).bind(static_cast<std::int64_t>(row.dead));
    statement.bind(std::int64_t{row.corrected})
        .bind(std::int64_t{row.detected})
        .bind(std::int64_t{row.suppressed});
    statement.bind(std::int64_t{row.struck_layer}).bind(std::int64_t{row.first_changed_layer});
    statement.bind(std::int64_t{row.last_changed_layer})
        .bind(row.changed_values)
        .bind(std::int64_t{row.top1});
    statement.bind(std::int64_t{row.correct}).bind(row.delta_loss).bind(row.top2diff);
    statement.bind(static_cast<std::int64_t>(row.golden_bits))
        .bind(static_cast<std::int64_t>(row.faulty_bits))
        .bind(static_cast<std::int64_t>(row.masked_by))
        .bind(std::int64_t{row.masked_layer});
    statement.bind(std::int64_t{row.runs}).bind(row.recovery_cycles);
}

GoldenRow read_golden(Statement& statement) {
    GoldenRow row;
    row.image = statement.integer32();
    row.policy = statement.integer32();
    row.label = statement.integer32();
    row.top1 = statement.integer32();
    row.top2diff = statement.real();
    row.loss = statement.real();
    row.runs = statement.integer32();
    row.cycles = statement.integer();
    return row;
}

FaultRow read_fault(Statement& statement, const std::string& file) {
    FaultRow row;
    row.id = statement.integer();
    row.image = statement.integer32();
    row.upset.site = static_cast<fault::SiteKind>(
        checked_code(statement.integer32(), fault::kSiteKindCount, file, "fault.site"));
    row.upset.unit = statement.integer();
    row.upset.layer = statement.integer32();
    row.upset.bits = bits_from_hex(statement.text(), file);
    row.phase = statement.real();
    row.stratum = statement.integer32();
    row.further = further_of(statement.text(), file);
    row.cluster = cluster_of(statement.integer(), file);
    row.checked = checked_code(statement.integer32(), 2, file, "fault.checked") != 0;
    row.upset.held = static_cast<traces::Held>(
        checked_code(statement.integer32(), traces::kHeldCount, file, "fault.held"));
    return row;
}

OutcomeRow read_outcome(Statement& statement, const std::string& file) {
    OutcomeRow row;
    row.fault = statement.integer();
    row.policy = statement.integer32();
    row.cycle = statement.integer();
    row.outcome =
        static_cast<Outcome>(checked_code(statement.integer32(), kOutcomeCount, file, "outcome.outcome"));
    row.dead = static_cast<fault::DeadReason>(
        checked_code(statement.integer32(), fault::kDeadReasonCount, file, "outcome.dead"));
    row.corrected = statement.integer() != 0;
    row.detected = statement.integer() != 0;
    row.suppressed = statement.integer() != 0;
    row.struck_layer = statement.integer32();
    row.first_changed_layer = statement.integer32();
    row.last_changed_layer = statement.integer32();
    row.changed_values = statement.integer();
    row.top1 = statement.integer32();
    row.correct = statement.integer() != 0;
    row.delta_loss = statement.real();
    row.top2diff = statement.real();
    row.golden_bits = static_cast<std::uint64_t>(statement.integer());
    row.faulty_bits = static_cast<std::uint64_t>(statement.integer());
    row.masked_by =
        static_cast<MaskedBy>(checked_code(statement.integer32(), kMaskedByCount, file, "outcome.masked_by"));
    row.masked_layer = statement.integer32();
    row.runs = statement.integer32();
    row.recovery_cycles = statement.integer();
    return row;
}

}  // namespace fluence::campaign
