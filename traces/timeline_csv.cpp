#include "traces/timeline_csv.h"

#include <algorithm>
#include <array>
#include <map>
#include <ostream>

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

struct Residency {
    const Load* load = nullptr;
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

std::vector<Residency> residency_of(const Timeline& timeline) {
    std::vector<const Load*> loads;
    for (const Load& load : timeline.loads) {
        if (!load.to_vector_unit) {
            loads.push_back(&load);
        }
    }
    std::stable_sort(loads.begin(), loads.end(),
                     [](const Load* a, const Load* b) { return a->begin < b->begin; });
    std::vector<Residency> rows;
    std::array<RunByWord, kMemoryCount> live;
    for (const Load* load : loads) {
        RunByWord& runs = live[index_of(load->buffer)];
        std::int64_t word = 0;
        for (const Segment& segment : load->segments) {
            const std::int64_t end = segment.buffer_word + segment.words;
            replace_runs(rows, runs, segment.buffer_word, end, load->write_cycle(word));
            word += segment.words;
            runs[segment.buffer_word] = rows.size();
            rows.push_back(
                {load, segment.buffer_word, segment.words, load->write_cycle(word - 1), timeline.cycles});
        }
    }
    return rows;
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
    for (const Residency& row : residency_of(timeline)) {
        stream << fluence::name_of(row.load->buffer) << ',' << row.first_word << ',' << row.words << ','
               << name_of(row.load->content) << ',' << row.load->owner << ',' << row.filled << ','
               << row.replaced << '\n';
    }
}

}  // namespace fluence::traces
