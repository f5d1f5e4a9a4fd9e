#include "sim/campaign/result_schema.h"

#include "sim/core/error.h"

namespace fluence::campaign {
namespace {

constexpr std::int64_t kApplicationId = 0x464C5545;  // "FLUE"

// Everything that has two keys is clustered by them (WITHOUT ROWID), so that a scan is already in order.
// @fault_key and @outcome_key: see Layout.
constexpr const char* kTables = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE code(kind TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY(kind, id)) WITHOUT ROWID;
CREATE TABLE policy(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL,
  cycles INTEGER NOT NULL, area_ge REAL NOT NULL, protection_area_ge REAL NOT NULL,
  dram_check_share REAL NOT NULL, energy_pj REAL NOT NULL, protection_energy_pj REAL NOT NULL, composition TEXT NOT NULL, area_tree TEXT NOT NULL);
CREATE TABLE layer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL);
CREATE TABLE timing(policy INTEGER NOT NULL, layer INTEGER NOT NULL, first_cycle INTEGER NOT NULL,
  end_cycle INTEGER NOT NULL, macs INTEGER NOT NULL, busy_cycles INTEGER NOT NULL,
  stall_weights INTEGER NOT NULL, stall_activations INTEGER NOT NULL, stall_drain INTEGER NOT NULL,
  stall_store INTEGER NOT NULL, stall_port INTEGER NOT NULL, preload_cycles INTEGER NOT NULL, utilisation REAL NOT NULL,
  dram_read_words INTEGER NOT NULL, dram_write_words INTEGER NOT NULL, unique_words INTEGER NOT NULL,
  buffer_reads INTEGER NOT NULL, buffer_writes INTEGER NOT NULL, PRIMARY KEY(policy, layer)) WITHOUT ROWID;
CREATE TABLE site(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, units INTEGER NOT NULL,
  bits INTEGER NOT NULL, layer INTEGER NOT NULL, cross_section REAL NOT NULL);
CREATE TABLE golden(image INTEGER NOT NULL, policy INTEGER NOT NULL, label INTEGER NOT NULL,
  top1 INTEGER NOT NULL, top2diff REAL NOT NULL, loss REAL NOT NULL, runs INTEGER NOT NULL,
  cycles INTEGER NOT NULL, PRIMARY KEY(image, policy)) WITHOUT ROWID;
CREATE TABLE fault(id INTEGER @fault_key, image INTEGER NOT NULL, site INTEGER NOT NULL,
  unit INTEGER NOT NULL, layer INTEGER NOT NULL, bits TEXT NOT NULL, phase REAL NOT NULL,
  stratum INTEGER NOT NULL, further TEXT NOT NULL, cluster INTEGER NOT NULL, checked INTEGER NOT NULL,
  held INTEGER NOT NULL);
CREATE TABLE outcome(fault INTEGER NOT NULL, policy INTEGER NOT NULL, cycle INTEGER NOT NULL,
  outcome INTEGER NOT NULL, dead INTEGER NOT NULL, corrected INTEGER NOT NULL, detected INTEGER NOT NULL,
  suppressed INTEGER NOT NULL, struck_layer INTEGER NOT NULL, first_changed_layer INTEGER NOT NULL,
  last_changed_layer INTEGER NOT NULL, changed_values INTEGER NOT NULL, top1 INTEGER NOT NULL,
  correct INTEGER NOT NULL, delta_loss REAL NOT NULL, top2diff REAL NOT NULL, golden_bits INTEGER NOT NULL,
  faulty_bits INTEGER NOT NULL, masked_by INTEGER NOT NULL, masked_layer INTEGER NOT NULL, runs INTEGER NOT NULL,
  recovery_cycles INTEGER NOT NULL@outcome_key;
CREATE TABLE batch(id INTEGER PRIMARY KEY);
CREATE VIEW readable AS SELECT fault.id AS fault, image, s.name AS site, unit, bits, policy.name AS policy,
  cycle, o.name AS outcome, d.name AS dead, m.name AS masked_by, corrected, detected, suppressed, layer.name AS struck_layer,
  top1, correct, delta_loss, runs, recovery_cycles
  FROM outcome JOIN fault ON fault.id = outcome.fault JOIN policy ON policy.id = outcome.policy
  JOIN code s ON s.kind = 'site' AND s.id = fault.site JOIN code o ON o.kind = 'outcome' AND o.id = outcome.outcome
  JOIN code d ON d.kind = 'dead' AND d.id = outcome.dead
  JOIN code m ON m.kind = 'masked_by' AND m.id = outcome.masked_by LEFT JOIN layer ON layer.id = outcome.struck_layer;
)sql";

void replace(std::string& text, const std::string& what, const std::string& by) {
    text.replace(text.find(what), what.size(), by);
}

void insert_codes(Database& database) {
    Statement insert(database, "INSERT INTO code VALUES(?,?,?)");
    for (int i = 0; i < kOutcomeCount; ++i) {
        insert.bind(std::string("outcome")).bind(std::int64_t{i});
        insert.bind(std::string(name_of(static_cast<Outcome>(i)))).run();
    }
    for (int i = 0; i < fault::kDeadReasonCount; ++i) {
        insert.bind(std::string("dead")).bind(std::int64_t{i});
        insert.bind(std::string(name_of(static_cast<fault::DeadReason>(i)))).run();
    }
    for (int i = 0; i < kMaskedByCount; ++i) {
        insert.bind(std::string("masked_by")).bind(std::int64_t{i});
        insert.bind(std::string(name_of(static_cast<MaskedBy>(i)))).run();
    }
    for (int i = 0; i < fault::kSiteKindCount; ++i) {
        insert.bind(std::string("site")).bind(std::int64_t{i});
        insert.bind(std::string(name_of(static_cast<fault::SiteKind>(i)))).run();
    }
}

void write_policies(Database& database, const CampaignHeader& header) {
    Statement policy(database, "INSERT INTO policy VALUES(?,?,?,?,?,?,?,?,?,?,?)");
    Statement timing(database, "INSERT INTO timing VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    for (const PolicyRow& row : header.policies) {
        policy.bind(std::int64_t{row.id})
            .bind(row.name)
            .bind(row.description)
            .bind(row.cycles)
            .bind(row.area_ge);
        policy.bind(row.protection_area_ge).bind(row.dram_check_share);
        policy.bind(row.energy_pj).bind(row.protection_energy_pj);
        policy.bind(row.composition.dump()).bind(row.area_tree.dump()).run();
        std::int64_t layer = 0;
        for (const traces::LayerStats& stats : row.layers) {
            timing.bind(std::int64_t{row.id})
                .bind(layer++)
                .bind(stats.begin)
                .bind(stats.end)
                .bind(stats.macs);
            timing.bind(stats.busy_cycles).bind(stats.stall_weights).bind(stats.stall_activations);
            timing.bind(stats.stall_drain).bind(stats.stall_store).bind(stats.stall_port);
            timing.bind(stats.preload_cycles);
            timing.bind(stats.utilisation).bind(stats.dram_read_words).bind(stats.dram_write_words);
            timing.bind(stats.unique_words).bind(stats.buffer_reads).bind(stats.buffer_writes).run();
        }
    }
}

traces::LayerStats read_stats(Statement& row, const std::vector<std::string>& names) {
    traces::LayerStats stats;
    const auto layer = static_cast<std::size_t>(row.integer());
    stats.name = layer < names.size() ? names[layer] : std::string();
    stats.begin = row.integer();
    stats.end = row.integer();
    stats.macs = row.integer();
    stats.busy_cycles = row.integer();
    stats.stall_weights = row.integer();
    stats.stall_activations = row.integer();
    stats.stall_drain = row.integer();
    stats.stall_store = row.integer();
    stats.stall_port = row.integer();
    stats.preload_cycles = row.integer();
    stats.utilisation = row.real();
    stats.dram_read_words = row.integer();
    stats.dram_write_words = row.integer();
    stats.unique_words = row.integer();
    stats.buffer_reads = row.integer();
    stats.buffer_writes = row.integer();
    return stats;
}

nlohmann::json parse(const std::string& text, const std::string& file, const std::string& key) {
    try {
        return nlohmann::json::parse(text);
    } catch (const nlohmann::json::exception&) {
        throw InputError(file, key, "is damaged (not valid JSON)");
    }
}

void read_policies(Database& database, CampaignHeader& header) {
    Statement policies(database, "SELECT * FROM policy ORDER BY id");
    while (policies.next()) {
        PolicyRow row;
        row.id = policies.integer32();
        row.name = policies.text();
        row.description = policies.text();
        row.cycles = policies.integer();
        row.area_ge = policies.real();
        row.protection_area_ge = policies.real();
        row.dram_check_share = policies.real();
        row.energy_pj = policies.real();
        row.protection_energy_pj = policies.real();
        row.composition = parse(policies.text(), database.path(), "policy.composition");
        row.area_tree = parse(policies.text(), database.path(), "policy.area_tree");
        header.policies.push_back(std::move(row));
    }
    Statement timing(database, "SELECT * FROM timing ORDER BY policy, layer");
    while (timing.next()) {
        const auto policy = static_cast<std::size_t>(timing.integer());
        if (policy >= header.policies.size()) {
            throw InputError(database.path(), "timing", "is damaged (there is no such policy)");
        }
        header.policies[policy].layers.push_back(read_stats(timing, header.layer_names));
    }
}

nlohmann::json strata_json(const std::vector<StratumRow>& strata) {
    nlohmann::json list = nlohmann::json::array();
    for (const StratumRow& row : strata) {
        list.push_back({{"label", row.label},
                        {"upsets", row.upsets},
                        {"weight", row.weight},
                        {"population", row.population},
                        {"faults", row.faults}});
        if (row.level > 0) {
            list.back()["level"] = row.level;
        }
    }
    return list;
}

std::vector<StratumRow> strata_of(const nlohmann::json& list) {
    std::vector<StratumRow> strata;
    for (const nlohmann::json& value : list) {
        strata.push_back({value.at("label").get<std::string>(), value.at("upsets").get<std::int32_t>(),
                          value.at("weight").get<double>(), value.at("population").get<double>(),
                          value.at("faults").get<std::int64_t>(), value.value("level", 0.0)});
    }
    return strata;
}

nlohmann::json looks_json(const std::vector<LookRow>& looks) {
    nlohmann::json list = nlohmann::json::array();
    for (const LookRow& row : looks) {
        list.push_back({row.faults, row.batches});
    }
    return list;
}

std::vector<LookRow> looks_of(const nlohmann::json& list) {
    std::vector<LookRow> looks;
    for (const nlohmann::json& value : list) {
        looks.push_back({value.at(0).get<std::int64_t>(), value.at(1).get<std::int64_t>()});
    }
    return looks;
}

nlohmann::json meta_of(const CampaignHeader& header) {
    nlohmann::json meta = {{"program", header.program},       {"experiment", header.experiment},
                           {"workload", header.workload},     {"workload_digest", header.workload_digest},
                           {"provenance", header.provenance}, {"fp32_top1", header.fp32_top1},
                           {"images", header.images},         {"faults", header.faults},
                           {"batches", header.batches},       {"confidence", header.confidence},
                           {"dram_words", header.dram_words}};
    meta["strata"] = strata_json(header.strata);
    meta["looks"] = looks_json(header.looks);
    if (header.ended_look >= 0) {
        meta["ended_look"] = header.ended_look;
    }
    if (!header.shard.whole()) {
        meta["shard"] = {{"number", header.shard.index + 1}, {"of", header.shard.count}};
    }
    return meta;
}

void apply_meta(const nlohmann::json& meta, CampaignHeader& header, const std::string& file) {
    try {
        header.program = meta.at("program").get<std::string>();
        header.experiment = meta.at("experiment");
        header.workload = meta.at("workload").get<std::string>();
        header.workload_digest = meta.at("workload_digest").get<std::string>();
        header.provenance = meta.at("provenance");
        header.fp32_top1 = meta.at("fp32_top1").get<double>();
        header.images = meta.at("images").get<std::int64_t>();
        header.faults = meta.at("faults").get<std::int64_t>();
        header.batches = meta.at("batches").get<std::int64_t>();
        header.confidence = meta.at("confidence").get<double>();
        header.dram_words = meta.at("dram_words").get<std::int64_t>();
        header.strata = strata_of(meta.at("strata"));
        header.looks = looks_of(meta.at("looks"));
        if (meta.contains("ended_look")) {
            header.ended_look = meta["ended_look"].get<std::int64_t>();
            static_cast<void>(header.looks.at(static_cast<std::size_t>(header.ended_look)));  // throws
        }
        if (meta.contains("shard")) {
            header.shard.index = meta["shard"].at("number").get<std::int64_t>() - 1;
            header.shard.count = meta["shard"].at("of").get<std::int64_t>();
        }
    } catch (const std::out_of_range&) {
        throw InputError(file, "meta", "is damaged (there is no such look)");
    } catch (const nlohmann::json::exception&) {
        throw InputError(file, "meta", "is damaged (a key is missing or has another type)");
    }
    if (header.batches < 1 || header.shard.index < 0 || header.shard.index >= header.shard.count ||
        header.shard.count > header.batches) {
        throw InputError(file, "meta", "is damaged (there is no such shard)");
    }
}

}  // namespace

std::int64_t CampaignHeader::batches_needed() const {
    return ended_look < 0 ? batches : looks.at(static_cast<std::size_t>(ended_look)).batches;
}

std::int64_t CampaignHeader::faults_needed() const {
    return ended_look < 0 ? faults : looks.at(static_cast<std::size_t>(ended_look)).faults;
}

void create_schema(Database& database, Layout layout) {
    database.execute("PRAGMA application_id=" + std::to_string(kApplicationId));
    database.execute("PRAGMA user_version=" + std::to_string(kResultSchemaVersion));
    const bool ordered = layout == Layout::ordered;
    std::string tables = kTables;
    replace(tables, "@fault_key", ordered ? "PRIMARY KEY" : "NOT NULL");
    replace(tables, "@outcome_key", ordered ? ", PRIMARY KEY(fault, policy)) WITHOUT ROWID" : ")");
    database.execute(tables);
}

void check_schema(Database& database) {
    if (database.integer("PRAGMA application_id") != kApplicationId) {
        throw InputError(database.path(), "", "is not a result file of Fluence");
    }
    const std::int64_t version = database.integer("PRAGMA user_version");
    if (version != kResultSchemaVersion) {
        throw InputError(database.path(), "schema version", "is " + std::to_string(version),
                         std::to_string(kResultSchemaVersion));
    }
}

void write_header(Database& database, const CampaignHeader& header) {
    insert_codes(database);
    Statement meta(database, "INSERT INTO meta VALUES(?,?)");
    const nlohmann::json values = meta_of(header);
    for (const auto& item : values.items()) {
        meta.bind(item.key()).bind(item.value().dump()).run();
    }
    Statement layer(database, "INSERT INTO layer VALUES(?,?,?)");
    for (std::size_t i = 0; i < header.layer_names.size(); ++i) {
        layer.bind(static_cast<std::int64_t>(i))
            .bind(header.layer_names[i])
            .bind(header.layer_kinds.at(i))
            .run();
    }
    Statement site(database, "INSERT INTO site VALUES(?,?,?,?,?,?)");
    for (std::size_t i = 0; i < header.sites.size(); ++i) {
        const SiteRow& row = header.sites[i];
        site.bind(static_cast<std::int64_t>(i))
            .bind(static_cast<std::int64_t>(fault::site_kind_named(row.kind)));
        site.bind(row.units)
            .bind(std::int64_t{row.bits})
            .bind(std::int64_t{row.layer})
            .bind(row.cross_section)
            .run();
    }
    write_policies(database, header);
}

CampaignHeader read_header(Database& database) {
    CampaignHeader header;
    nlohmann::json meta = nlohmann::json::object();
    Statement rows(database, "SELECT key, value FROM meta");
    while (rows.next()) {
        const std::string key = rows.text();
        meta[key] = parse(rows.text(), database.path(), "meta." + key);
    }
    apply_meta(meta, header, database.path());
    Statement layers(database, "SELECT name, kind FROM layer ORDER BY id");
    while (layers.next()) {
        header.layer_names.push_back(layers.text());
        header.layer_kinds.push_back(layers.text());
    }
    Statement sites(database, "SELECT kind, units, bits, layer, cross_section FROM site ORDER BY id");
    while (sites.next()) {
        SiteRow row;
        const int kind = checked_code(sites.integer32(), fault::kSiteKindCount, database.path(), "site.kind");
        row.kind = name_of(static_cast<fault::SiteKind>(kind));
        row.units = sites.integer();
        row.bits = sites.integer32();
        row.layer = sites.integer32();
        row.cross_section = sites.real();
        header.sites.push_back(std::move(row));
    }
    read_policies(database, header);
    return header;
}

nlohmann::json to_json(const CampaignHeader& header) {
    nlohmann::json value = meta_of(header);
    value["layer_names"] = header.layer_names;
    value["layer_kinds"] = header.layer_kinds;
    for (const SiteRow& site : header.sites) {
        value["sites"].push_back({{"kind", site.kind},
                                  {"units", site.units},
                                  {"bits", site.bits},
                                  {"layer", site.layer},
                                  {"cross_section", site.cross_section}});
    }
    for (const PolicyRow& policy : header.policies) {
        nlohmann::json layers = nlohmann::json::array();
        for (const traces::LayerStats& s : policy.layers) {
            layers.push_back({s.begin, s.end, s.macs, s.busy_cycles, s.stall_weights, s.stall_activations,
                              s.stall_drain, s.stall_store, s.stall_port, s.preload_cycles, s.utilisation,
                              s.dram_read_words, s.dram_write_words, s.unique_words, s.buffer_reads,
                              s.buffer_writes});
        }
        value["policies"].push_back({{"name", policy.name},
                                     {"description", policy.description},
                                     {"cycles", policy.cycles},
                                     {"area_ge", policy.area_ge},
                                     {"protection_area_ge", policy.protection_area_ge},
                                     {"dram_check_share", policy.dram_check_share},
                                     {"energy_pj", policy.energy_pj},
                                     {"protection_energy_pj", policy.protection_energy_pj},
                                     {"composition", policy.composition},
                                     {"area_tree", policy.area_tree},
                                     {"layers", layers}});
    }
    return value;
}

}  // namespace fluence::campaign
