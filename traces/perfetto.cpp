#include "traces/perfetto.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

namespace fluence::traces {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kProcess = 1;

struct Slice {
    Cycle begin = 0, end = 0;
    std::string name;
    Json args;
};

const char* name_of_content(Content content) {
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

std::string range(std::int64_t first, std::int64_t count) {
    return std::to_string(first) + "-" + std::to_string(first + count - 1);
}

// Writes events as they come; nothing of the trace is kept.
class EventStream {
  public:
    EventStream(std::ostream& stream, double clock_mhz) : stream_(stream), clock_mhz_(clock_mhz) {
        stream_ << "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";
    }
    void name_process(const std::string& name) {
        write({{"ph", "M"}, {"pid", kProcess}, {"name", "process_name"}, {"args", {{"name", name}}}});
    }
    // A new track below the others.
    int add_track(const std::string& name) {
        const int track = ++tracks_;
        write({{"ph", "M"},
               {"pid", kProcess},
               {"tid", track},
               {"name", "thread_name"},
               {"args", {{"name", name}}}});
        write({{"ph", "M"},
               {"pid", kProcess},
               {"tid", track},
               {"name", "thread_sort_index"},
               {"args", {{"sort_index", track}}}});
        return track;
    }
    void slice(int track, const Slice& slice) {
        Json args = slice.args;
        args["begin_cycle"] = slice.begin;
        args["end_cycle"] = slice.end;
        write({{"ph", "X"},
               {"pid", kProcess},
               {"tid", track},
               {"name", slice.name},
               {"ts", microseconds(slice.begin)},
               {"dur", microseconds(slice.end - slice.begin)},
               {"args", std::move(args)}});
    }
    void instant(int track, const std::string& name, Cycle cycle, Json args) {
        args["cycle"] = cycle;
        write({{"ph", "i"},
               {"s", "p"},
               {"pid", kProcess},
               {"tid", track},
               {"name", name},
               {"ts", microseconds(cycle)},
               {"args", std::move(args)}});
    }
    void finish() { stream_ << "\n]}\n"; }

  private:
    double microseconds(Cycle cycles) const { return static_cast<double>(cycles) / clock_mhz_; }
    void write(const Json& event) {
        stream_ << (first_ ? "\n" : ",\n") << event.dump(-1, ' ', false, Json::error_handler_t::replace);
        first_ = false;
    }

    std::ostream& stream_;
    double clock_mhz_;
    int tracks_ = 0;
    bool first_ = true;
};

// Puts the slices on as few tracks as they need without overlap, each on the first that is free.
void write_track(EventStream& events, const std::string& name, std::vector<Slice> slices) {
    std::stable_sort(slices.begin(), slices.end(),
                     [](const Slice& a, const Slice& b) { return a.begin < b.begin; });
    struct Lane {
        int track = 0;
        Cycle free = 0;
    };
    std::vector<Lane> lanes = {{events.add_track(name), 0}};
    for (const Slice& slice : slices) {
        auto lane = std::find_if(lanes.begin(), lanes.end(),
                                 [&](const Lane& free) { return free.free <= slice.begin; });
        if (lane == lanes.end()) {
            lane = lanes.insert(lanes.end(), {events.add_track(name), 0});
        }
        events.slice(lane->track, slice);
        lane->free = slice.end;
    }
}

class Tracks {
  public:
    Tracks(const Timeline& timeline, EventStream& events) : timeline_(timeline), events_(events) {}

    void write(const std::vector<Upset>& upsets) {
        layers();
        stalls();
        folds();
        passes();
        for (const Content content : {Content::weights, Content::activations, Content::parameters}) {
            loads(content);
        }
        stores();
        mark(upsets);
    }

  private:
    std::string layer_name(LayerId layer) const {
        const std::size_t index = index_of(layer);
        return index < timeline_.layers.size() ? timeline_.layers[index].name : std::to_string(index);
    }

    void layers() {
        std::vector<Slice> slices;
        for (const LayerStats& layer : timeline_.layers) {
            if (layer.begin < layer.end) {
                slices.push_back({layer.begin,
                                  layer.end,
                                  layer.name,
                                  {{"macs", layer.macs},
                                   {"busy_cycles", layer.busy_cycles},
                                   {"utilisation", layer.utilisation},
                                   {"dram_words", layer.dram_read_words + layer.dram_write_words}}});
            }
        }
        write_track(events_, "layers", std::move(slices));
    }

    void stalls() {
        std::vector<Slice> slices;
        for (const Stall& stall : timeline_.stalls) {
            slices.push_back({stall.begin,
                              stall.end,
                              std::string("waits: ") + name_of(stall.cause),
                              {{"layer", layer_name(stall.layer)}}});
        }
        write_track(events_, "stalls", std::move(slices));
    }

    void folds() {
        std::vector<Slice> preloads, streams;
        for (std::size_t i = 0; i < timeline_.folds.size(); ++i) {
            const Fold& fold = timeline_.folds[i];
            const std::string name = layer_name(fold.layer) + " fold " + std::to_string(i);
            const Json args = {{"group", fold.group},
                               {"m", range(fold.first_pixel, fold.pixels)},
                               {"k", range(fold.first_k, fold.terms)},
                               {"n", range(fold.first_n, fold.channels)},
                               {"rows", fold.used_rows},
                               {"columns", fold.used_cols}};
            if (fold.preload < fold.stream) {
                preloads.push_back({fold.preload, fold.stream, name, args});
            }
            streams.push_back({fold.stream, fold.end, name, args});
        }
        write_track(events_, "array: preload", std::move(preloads));
        write_track(events_, "array: folds", std::move(streams));
    }

    void passes() {
        std::vector<Slice> slices;
        for (std::size_t i = 0; i < timeline_.passes.size(); ++i) {
            const VectorPass& pass = timeline_.passes[i];
            slices.push_back({pass.begin,
                              pass.end,
                              layer_name(pass.layer) + " pass " + std::to_string(i),
                              {{"elements", pass.elements}, {"group", pass.group}, {"n_fold", pass.n_fold}}});
        }
        write_track(events_, "vector unit", std::move(slices));
    }

    void loads(Content content) {
        std::vector<Slice> slices;
        for (std::size_t i = 0; i < timeline_.loads.size(); ++i) {
            const Load& load = timeline_.loads[i];
            if (load.content == content && !load.kept) {
                slices.push_back(
                    {load.begin,
                     load.done(),
                     layer_name(load.layer) + " " + name_of_content(content),
                     {{"load", i},
                      {"words", load.words()},
                      {"to", load.to_vector_unit ? "vector_unit" : fluence::name_of(load.buffer)}}});
            }
        }
        write_track(events_, std::string("DMA: load ") + name_of_content(content), std::move(slices));
    }

    void stores() {
        std::vector<Slice> slices;
        for (std::size_t i = 0; i < timeline_.stores.size(); ++i) {
            const Store& store = timeline_.stores[i];
            slices.push_back({store.begin,
                              store.done(),
                              layer_name(store.layer) + " outputs",
                              {{"store", i},
                               {"words", store.words()},
                               {"to", store.to_buffer ? "activation_buffer" : "dram"}}});
        }
        write_track(events_, "DMA: store", std::move(slices));
    }

    void mark(const std::vector<Upset>& upsets) {
        const int track = events_.add_track("upsets");
        for (const Upset& upset : upsets) {
            // A value's has no cycle of its own; its layer does.
            const bool timed = !is_value(upset.site);
            const auto layer = static_cast<std::size_t>(std::max(upset.layer, 0));
            const Cycle cycle = timed                             ? upset.cycle
                                : layer < timeline_.layers.size() ? timeline_.layers[layer].begin
                                                                  : 0;
            Json bits = Json::array();
            for (std::size_t bit = 0; bit < kMaxWordBits; ++bit) {
                if (upset.bits[bit]) {
                    bits.push_back(bit);
                }
            }
            events_.instant(track, std::string("upset: ") + name_of(upset.site), cycle,
                            {{"unit", upset.unit}, {"bits", std::move(bits)}});
        }
    }

    const Timeline& timeline_;
    EventStream& events_;
};

}  // namespace

void write_perfetto(std::ostream& stream, const Timeline& timeline, const TraceContext& context,
                    const std::vector<Upset>& upsets) {
    EventStream events(stream, context.clock_mhz);
    events.name_process(context.title);
    Tracks(timeline, events).write(upsets);
    events.finish();
}

}  // namespace fluence::traces
