#include "traces/timeline_csv.h"

#include <algorithm>
#include <array>
#include <map>
#include <ostream>
#include <tuple>

namespace fluence::traces {
namespace {

const char* name_of(Content content) {
    switch (content) {
        case Content::weights:
            return "weights";
        case Content::parameters:
            return "parameters";
        case Content::activations:
            return "activations";
    }
    return "";
}

// A field with a comma or a quote stands in quotes (RFC 4180).
std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\n") == std::string::npos) {
        return text;
    }
    std::string quoted = "\"";
    for (const char c : text) {
        quoted += c;
        quoted += c == '"' ? "\"" : "";
    }
    return quoted + "\"";
}

struct Row {
    const char* record = "";
    std::size_t index = 0;
    LayerId layer{};
    std::string what, memory;
    Cycle begin = 0, end = 0;
    std::int64_t words = 0;
};

std::vector<Row> rows_of(const Timeline& timeline) {
    std::vector<Row> rows;
    for (std::size_t i = 0; i < timeline.loads.size(); ++i) {
        const Load& load = timeline.loads[i];
        rows.push_back({"load", i, load.layer, name_of(load.content),
                        load.to_vector_unit ? "vector_unit" : fluence::name_of(load.buffer), load.begin,
                        load.done(), load.words()});
    }
    for (std::size_t i = 0; i < timeline.stores.size(); ++i) {
        const Store& store = timeline.stores[i];
        rows.push_back({"store", i, store.layer, name_of(Content::activations),
                        fluence::name_of(Memory::dram), store.begin, store.done(), store.words()});
    }
    for (std::size_t i = 0; i < timeline.folds.size(); ++i) {
        const Fold& fold = timeline.folds[i];
        rows.push_back({"fold", i, fold.layer,
                        "g" + std::to_string(fold.group) + " n" + std::to_string(fold.n_fold) + " k" +
                            std::to_string(fold.k_fold),
                        "", fold.stream, fold.end, fold.pixels});
    }
    for (std::size_t i = 0; i < timeline.passes.size(); ++i) {
        const VectorPass& pass = timeline.passes[i];
        rows.push_back({"pass", i, pass.layer,
                        "g" + std::to_string(pass.group) + " n" + std::to_string(pass.n_fold), "", pass.begin,
                        pass.end, pass.elements});
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.begin < b.begin; });
    return rows;
}

// What lies somewhere from an edge on until another one.
struct Residency {
    std::string memory, content;
    std::int64_t owner = 0;
    std::int64_t first_word = 0, words = 0;
    Cycle filled = 0, replaced = 0;
};

// Cuts off from the runs that [first, last) overlaps the time from `edge` on; the last run wins.
using RunByWord = std::map<std::int64_t, std::size_t>;  // first word of a live run → its row

void replace_runs(std::vector<Residency>& rows, RunByWord& live, std::int64_t first, std::int64_t last,
                  Cycle edge) {
    auto run = live.upper_bound(first);
    if (run != live.begin()) {
        --run;
    }
    while (run != live.end() && run->first < last) {
        Residency& row = rows[run->second];
        if (row.first_word + row.words > first) {
            row.replaced = edge;
            run = live.erase(run);
        } else {
            ++run;
        }
    }
}

// One run of words written into a memory.
struct Fill {
    Memory memory{};
    std::string content;
    std::int64_t owner = 0;
    std::int64_t first = 0, words = 0;
    Cycle first_written = 0, last_written = 0;
};

// Words of loads and, where tensors are kept on chip, of the stores that leave them in the buffer.
std::vector<Fill> fills_of(const Timeline& timeline) {
    std::vector<Fill> fills;
    const auto add = [&fills](const auto& transfer, Memory memory, const char* content, std::int64_t owner) {
        std::int64_t word = 0;
        for (const Segment& segment : transfer.segments) {
            const Cycle first = transfer.write_cycle(word);
            word += segment.words;
            fills.push_back({memory, content, owner, segment.buffer_word, segment.words, first,
                             transfer.write_cycle(word - 1)});
        }
    };
    for (const Load& load : timeline.loads) {
        if (!load.to_vector_unit && !load.kept) {
            add(load, load.buffer, name_of(load.content), load.owner);
        }
    }
    for (const Store& store : timeline.stores) {
        if (store.to_buffer) {
            add(store, Memory::activation_buffer, "kept activations",
                static_cast<std::int64_t>(index_of(store.tensor)));
        }
    }
    std::stable_sort(fills.begin(), fills.end(),
                     [](const Fill& a, const Fill& b) { return a.first_written < b.first_written; });
    return fills;
}

void buffers(const Timeline& timeline, std::vector<Residency>& rows) {
    std::array<RunByWord, kMemoryCount> live;
    for (const Fill& fill : fills_of(timeline)) {
        RunByWord& runs = live[index_of(fill.memory)];
        replace_runs(rows, runs, fill.first, fill.first + fill.words, fill.first_written);
        runs[fill.first] = rows.size();
        rows.push_back({fluence::name_of(fill.memory), fill.content, fill.owner, fill.first, fill.words,
                        fill.last_written, timeline.cycles});
    }
}

// Accumulators of a block, from the end of its first fold to the vector unit's last read.
void accumulators(const Timeline& timeline, std::vector<Residency>& rows) {
    std::map<std::tuple<LayerId, std::int32_t, std::int32_t, std::int64_t>, Cycle> filled;
    for (const Fold& fold : timeline.folds) {
        if (fold.k_fold == 0) {
            filled[{fold.layer, fold.group, fold.n_fold, fold.first_pixel}] = fold.end;
        }
    }
    for (const VectorPass& pass : timeline.passes) {
        const auto block = filled.find({pass.layer, pass.group, pass.n_fold, pass.first_pixel});
        if (block != filled.end()) {
            rows.push_back({fluence::name_of(Memory::output_buffer), "accumulators",
                            static_cast<std::int64_t>(index_of(pass.layer)), pass.accumulator, pass.elements,
                            block->second, pass.read_cycle(pass.elements - 1) + 1});
        }
    }
}

void array_contents(const Timeline& timeline, std::vector<Residency>& rows) {
    for (std::size_t i = 0; i < timeline.folds.size(); ++i) {
        const Fold& fold = timeline.folds[i];
        rows.push_back({"array", "fold", static_cast<std::int64_t>(index_of(fold.layer)),
                        static_cast<std::int64_t>(i), std::int64_t{fold.used_rows} * fold.used_cols,
                        fold.stream, fold.end});
    }
}

}  // namespace

void write_records_csv(std::ostream& stream, const Timeline& timeline) {
    stream << "record,index,layer,what,memory,begin,end,words\n";
    for (const Row& row : rows_of(timeline)) {
        const std::size_t layer = index_of(row.layer);
        stream << row.record << ',' << row.index << ','
               << (layer < timeline.layers.size() ? csv_field(timeline.layers[layer].name) : "") << ','
               << row.what << ',' << row.memory << ',' << row.begin << ',' << row.end << ',' << row.words
               << '\n';
    }
}

void write_residency_csv(std::ostream& stream, const Timeline& timeline) {
    stream << "memory,first_word,words,content,owner,filled,replaced\n";
    std::vector<Residency> rows;
    buffers(timeline, rows);
    accumulators(timeline, rows);
    array_contents(timeline, rows);
    for (const Residency& row : rows) {
        stream << row.memory << ',' << row.first_word << ',' << row.words << ',' << row.content << ','
               << row.owner << ',' << row.filled << ',' << row.replaced << '\n';
    }
}

}  // namespace fluence::traces
