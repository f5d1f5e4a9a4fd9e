#include "apps/command_list.h"

#include <algorithm>
#include <iostream>
#include <sstream>

#include "analysis/registry.h"
#include "apps/front_end.h"
#include "apps/options.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/core/json.h"
#include "sim/cost/units.h"
#include "sim/dataflow/registry.h"
#include "sim/fault/registry.h"
#include "sim/fault/site_table.h"
#include "sim/protect/plan.h"
#include "sim/protect/registry.h"
#include "workloads/number_formats.h"
#include "workloads/word_graph.h"

namespace fluence::apps {
namespace {

struct Entry {
    std::string name;
    std::string summary;
};

// A kind of thing that has names.
struct Table {
    const char* name;
    const char* heading;
    std::vector<Entry> (*entries)();
};

std::vector<Entry> presets(const std::string& kind) {
    std::vector<Entry> entries;
    for (const std::string& name : config_names(kind)) {
        const std::string path = find_config(kind, name);
        const nlohmann::json content = read_json_file(path);
        entries.push_back({name, JsonObject(content, path).text_or("description", "")});
    }
    return entries;
}

std::vector<Entry> accelerators() {
    return presets("accelerators");
}
std::vector<Entry> policies() {
    return presets("policies");
}
std::vector<Entry> experiments() {
    return presets("experiments");
}

std::vector<Entry> parts() {
    std::vector<Entry> entries;
    for (const protect::PartInfo& part : protect::part_registry()) {
        entries.push_back({std::string(name_of(part.point)) + "/" + part.name, part.summary});
    }
    return entries;
}

std::vector<Entry> plan_rules() {
    std::vector<Entry> entries;
    for (const protect::PlanRule& rule : protect::plan_rules()) {
        entries.push_back({rule.name, rule.summary});
    }
    return entries;
}

std::vector<Entry> fault_models() {
    std::vector<Entry> entries;
    for (const fault::FaultModel& model : fault::fault_model_table()) {
        entries.push_back({model.name, model.summary});
    }
    return entries;
}

std::vector<Entry> sites() {
    std::vector<Entry> entries;
    for (const fault::SiteInfo& site : fault::site_table()) {
        entries.push_back({fault::name_of(site.kind), site.summary});
    }
    return entries;
}

std::vector<Entry> dataflows() {
    std::vector<Entry> entries;
    for (const dataflow::Dataflow& row : dataflow::dataflows()) {
        entries.push_back({row.name, row.summary});
    }
    return entries;
}

std::vector<Entry> networks() {
    std::vector<Entry> entries;
    std::istringstream lines(has_front_end() ? front_end_output("networks", {}) : "");
    for (std::string line; std::getline(lines, line);) {
        const std::size_t tab = line.find('\t');
        entries.push_back({line.substr(0, tab), line.substr(tab + 1)});
    }
    return entries;
}

std::vector<Entry> formats() {
    std::vector<Entry> entries;
    for (const workloads::DataFormatInfo& format : workloads::data_formats()) {
        entries.push_back({format.name, format.summary});
    }
    for (const workloads::WordFormatInfo& format : workloads::word_formats()) {
        entries.push_back({format.name, format.summary});
    }
    return entries;
}

std::vector<Entry> report_formats() {
    std::vector<Entry> entries;
    for (const analysis::ReportFormat& format : analysis::report_formats()) {
        entries.push_back({format.name, format.description});
    }
    return entries;
}

std::vector<Entry> units() {
    std::vector<Entry> entries;
    for (const cost::UnitInfo& unit : cost::unit_registry()) {
        entries.push_back({unit.pattern, unit.summary});
    }
    return entries;
}

const std::vector<Table>& tables() {
    static const std::vector<Table> list = {
        {"accelerators", "Accelerators (configs/accelerators)", accelerators},
        {"policies", "Protection policies (configs/policies)", policies},
        {"parts", "Parts that policies are composed of, by the point where they act", parts},
        {"plan-rules", "Rules of protection plans (docs/plans.md)", plan_rules},
        {"experiments", "Experiments (configs/experiments)", experiments},
        {"fault-models", "Fault models", fault_models},
        {"sites", "Storage that upsets strike (cross_section, sampling by structure)", sites},
        {"dataflows", "Dataflows of the array", dataflows},
        {"networks", "Networks that the front end builds and trains", networks},
        {"formats", "Number formats that networks are imported in (docs/formats-numbers.md)", formats},
        {"report-formats", "Formats of reports", report_formats},
        {"units", "Hardware units of fluence area --unit (# is a number, W the width)", units},
    };
    return list;
}

void print(const Table& table) {
    std::cout << table.heading << "\n";
    const std::vector<Entry> entries = table.entries();
    std::size_t width = 0;
    for (const Entry& entry : entries) {
        width = std::max(width, entry.name.size());
    }
    for (const Entry& entry : entries) {
        std::cout << "  " << entry.name << std::string(width + 2 - entry.name.size(), ' ') << entry.summary
                  << "\n";
    }
    if (entries.empty()) {
        std::cout << "  (none)\n";
    }
}

std::string kinds() {
    std::string names;
    for (const Table& table : tables()) {
        names += (names.empty() ? "" : ", ") + std::string(table.name);
    }
    return names;
}

}  // namespace

int run_list(const Arguments& arguments) {
    std::string kind;
    po::options_description options("Options");
    options.add_options()("kind", po::value(&kind), ("one of " + kinds()).c_str());
    const auto values = parse_options("list", "[KIND]", options, {"kind"}, arguments,
                                      "  fluence list\n"
                                      "  fluence list policies\n");
    if (!values) {
        return 0;
    }
    bool found = false;
    for (const Table& table : tables()) {
        if (kind.empty() || kind == table.name) {
            std::cout << (found ? "\n" : "");
            print(table);
            found = true;
        }
    }
    if (!found) {
        throw InputError("fluence list", "KIND", "there is no table \"" + kind + "\"", kinds());
    }
    return 0;
}

}  // namespace fluence::apps
