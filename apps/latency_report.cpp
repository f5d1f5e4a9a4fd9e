#include "apps/latency_report.h"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <vector>

#include "traces/traffic.h"

namespace fluence::apps {
namespace {

using traces::LayerStats;

struct Column {
    const char* key;      // CSV and JSON
    const char* heading;  // terminal
    std::int64_t (*value)(const LayerStats&);
};

// All counted in cycles or DRAM words, in the order of the table.
const std::vector<Column>& columns() {
    static const std::vector<Column> table = {
        {"cycles", "cycles", [](const LayerStats& s) { return s.end - s.begin; }},
        {"busy_cycles", "busy", [](const LayerStats& s) { return s.busy_cycles; }},
        {"preload_cycles", "preload", [](const LayerStats& s) { return s.preload_cycles; }},
        {"stall_weights", "weights", [](const LayerStats& s) { return s.stall_weights; }},
        {"stall_activations", "activ.", [](const LayerStats& s) { return s.stall_activations; }},
        {"stall_drain", "drain", [](const LayerStats& s) { return s.stall_drain; }},
        {"stall_store", "store", [](const LayerStats& s) { return s.stall_store; }},
        {"stall_port", "port", [](const LayerStats& s) { return s.stall_port; }},
        {"dram_words", "words", [](const LayerStats& s) { return s.dram_read_words + s.dram_write_words; }},
        {"unique_words", "unique", [](const LayerStats& s) { return s.unique_words; }},
    };
    return table;
}

// Further ones for files.
const std::vector<Column>& file_columns() {
    static const std::vector<Column> table = {
        {"begin", "", [](const LayerStats& s) { return s.begin; }},
        {"end", "", [](const LayerStats& s) { return s.end; }},
        {"macs", "", [](const LayerStats& s) { return s.macs; }},
        {"dram_read_words", "", [](const LayerStats& s) { return s.dram_read_words; }},
        {"dram_write_words", "", [](const LayerStats& s) { return s.dram_write_words; }},
        {"buffer_reads", "", [](const LayerStats& s) { return s.buffer_reads; }},
        {"buffer_writes", "", [](const LayerStats& s) { return s.buffer_writes; }},
    };
    return table;
}

std::string text(const char* format, double value) {
    char line[64];
    std::snprintf(line, sizeof line, format, value);
    return line;
}

std::string right(const std::string& value, std::size_t width) {
    return std::string(value.size() < width ? width - value.size() : 0, ' ') + value;
}

std::int64_t total(const std::vector<LayerStats>& layers, std::int64_t (*value)(const LayerStats&)) {
    std::int64_t sum = 0;
    for (const LayerStats& layer : layers) {
        sum += value(layer);
    }
    return sum;
}

double utilisation(const LatencyReport& report) {
    const double pes = static_cast<double>(report.config.array.rows) * report.config.array.cols;
    const auto macs =
        static_cast<double>(total(report.timeline.layers, [](const LayerStats& s) { return s.macs; }));
    return macs / (pes * static_cast<double>(report.timeline.cycles));
}

nlohmann::ordered_json traffic_json(const traces::DramTraffic& traffic) {
    return {{"dram_read_words", traffic.read_words},
            {"dram_write_words", traffic.write_words},
            {"unique_read_words", traffic.unique_read_words},
            {"unique_write_words", traffic.unique_write_words},
            {"kept_words", traffic.kept_words}};
}

nlohmann::ordered_json energy_json(const LatencyReport& report) {
    nlohmann::ordered_json value = {{"node_nm", report.process.node_nm},
                                    {"supply_volt", report.process.supply_volt},
                                    {"source", "M. Horowitz, ISSCC 2014, fig. 1.1.9; docs/costs.md"},
                                    {"picojoules", accel::total_of(report.energy).count()},
                                    {"protection_picojoules", accel::added_of(report.energy).count()},
                                    {"parts", nlohmann::ordered_json::array()}};
    for (const accel::EnergyPart& part : report.energy) {
        value["parts"].push_back({{"name", part.name},
                                  {"count", part.count},
                                  {"each_picojoules", part.each.count()},
                                  {"picojoules", part.total().count()},
                                  {"protection", part.protection}});
    }
    return value;
}

}  // namespace

double LatencyReport::milliseconds(traces::Cycle cycles) const {
    return static_cast<double>(cycles) / (config.clock_mhz * 1e3);
}

std::string LatencyReport::table() const {
    constexpr std::size_t kWidth = 10;
    std::size_t name_width = 5;
    for (const LayerStats& layer : timeline.layers) {
        name_width = std::max(name_width, layer.name.size());
    }
    std::ostringstream out;
    const auto row = [&](const std::string& name, double used, const std::vector<std::int64_t>& values) {
        out << name << std::string(name_width - name.size(), ' ');
        for (const std::int64_t value : values) {
            out << right(std::to_string(value), kWidth);
        }
        out << right(text("%.1f %%", 100 * used), kWidth)
            << right(text("%.4f", milliseconds(values[0])), kWidth) << "\n";
    };
    out << network << " on " << config.name << " (" << config.array.rows << "x" << config.array.cols << ", "
        << text("%g", config.clock_mhz) << " MHz), policy " << policy << ", one inference"
        << (images > 1 ? " of " + std::to_string(images) + " images" : "") << "\n\n";
    out << std::string(name_width + 3 * kWidth, ' ') << right("|--- waiting for ", 2 * kWidth)
        << std::string(3 * kWidth - 1, '-') << "| |--- DRAM -------|\n";
    out << "layer" << std::string(name_width - 5, ' ');
    for (const Column& column : columns()) {
        out << right(column.heading, kWidth);
    }
    out << right("array use", kWidth) << right("ms", kWidth) << "\n";
    std::vector<std::int64_t> totals;
    for (const Column& column : columns()) {
        totals.push_back(total(timeline.layers, column.value));
    }
    const traces::DramTraffic traffic = traces::dram_traffic(timeline);
    totals[0] = timeline.cycles;
    totals.back() = traffic.unique_words();
    for (const LayerStats& layer : timeline.layers) {
        std::vector<std::int64_t> values;
        for (const Column& column : columns()) {
            values.push_back(column.value(layer));
        }
        row(layer.name, layer.utilisation, values);
    }
    row("total", utilisation(*this), totals);
    if (images > 1) {
        out << "\nAn image: " << text("%.1f", cycles_per_image()) << " cycles, "
            << text("%.4f", milliseconds(timeline.cycles) / images) << " ms\n";
    }
    out << "\nDRAM, words of " << config.dram.word_bits << " bits: " << traffic.read_words << " read, "
        << traffic.write_words << " written; each once: " << traffic.unique_read_words << " and "
        << traffic.unique_write_words << "; kept on chip: " << traffic.kept_words << "\n";
    if (check.count() > 0 || restart.count() > 0) {
        out << "Inference end: " << (runs > 1 ? "always " : "at least ") << runs
            << (runs > 1 ? " runs" : " run") << ", " << check.count() << " cycles of check behind each, "
            << restart.count() << " of restart before another: " << request_cycles() << " cycles\n";
    }
    out << "Area: " << text("%.0f", area.count()) << " NAND2 equivalents, "
        << text("%.2f", 100 * (area / unprotected_area - 1)) << " % more than without the policy\n";
    constexpr double kPicojoulesPerMicrojoule = 1e6;
    const Picojoules all = accel::total_of(energy), added = accel::added_of(energy);
    out << "Energy: " << text("%.4g", all.count() / kPicojoulesPerMicrojoule) << " uJ at "
        << text("%g", process.node_nm) << " nm and " << text("%g", process.supply_volt) << " V, "
        << text("%.2f", 100 * (added / (all - added))) << " % of it on top for protection; "
        << "a proxy after Horowitz, ISSCC 2014 (docs/costs.md)\n";
    return out.str();
}

std::string LatencyReport::csv() const {
    std::ostringstream out;
    out << "layer";
    for (const auto* list : {&columns(), &file_columns()}) {
        for (const Column& column : *list) {
            out << "," << column.key;
        }
    }
    out << ",utilisation,milliseconds\n";
    for (const LayerStats& layer : timeline.layers) {
        const bool quoted = layer.name.find(',') != std::string::npos;
        out << (quoted ? "\"" + layer.name + "\"" : layer.name);
        for (const auto* list : {&columns(), &file_columns()}) {
            for (const Column& column : *list) {
                out << "," << column.value(layer);
            }
        }
        out << "," << text("%.17g", layer.utilisation) << ","
            << text("%.17g", milliseconds(layer.end - layer.begin)) << "\n";
    }
    return out.str();
}

nlohmann::ordered_json LatencyReport::json() const {
    nlohmann::ordered_json value = {{"schema", 1},
                                    {"network", network},
                                    {"policy", policy},
                                    {"accelerator", to_json(config)},
                                    {"images", images},
                                    {"cycles", timeline.cycles},
                                    {"cycles_per_image", cycles_per_image()},
                                    {"inference_end",
                                     {{"least_runs", runs},
                                      {"check_cycles", check.count()},
                                      {"restart_cycles", restart.count()},
                                      {"cycles", request_cycles()}}},
                                    {"milliseconds", milliseconds(timeline.cycles)},
                                    {"utilisation", utilisation(*this)},
                                    {"traffic", traffic_json(traces::dram_traffic(timeline))},
                                    {"nand2_eq", area.count()},
                                    {"unprotected_nand2_eq", unprotected_area.count()},
                                    {"energy", energy_json(*this)},
                                    {"layers", nlohmann::ordered_json::array()}};
    for (const LayerStats& layer : timeline.layers) {
        nlohmann::ordered_json entry = {{"layer", layer.name}};
        for (const auto* list : {&columns(), &file_columns()}) {
            for (const Column& column : *list) {
                entry[column.key] = column.value(layer);
            }
        }
        entry["utilisation"] = layer.utilisation;
        entry["milliseconds"] = milliseconds(layer.end - layer.begin);
        value["layers"].push_back(std::move(entry));
    }
    return value;
}

}  // namespace fluence::apps
