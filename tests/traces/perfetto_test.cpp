// The trace-event file: the structure that ui.perfetto.dev and chrome://tracing read.
#include "traces/perfetto.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

namespace fluence::traces {
namespace {

using nlohmann::json;

Timeline sample() {
    Timeline timeline;
    timeline.cycles = 1000;
    for (int i = 0; i < 3; ++i) {
        Fold fold;
        fold.pixels = 4;
        fold.terms = 8;
        fold.channels = 2;
        fold.preload = 100 + 10 * i;
        fold.stream = 108 + 10 * i;
        fold.end = 125 + 10 * i;  // reaches into the next one
        timeline.folds.push_back(fold);
        Load load;
        load.begin = 20 * i;
        load.latency = 30;
        load.segments = {{0, 0, 5}};
        load.content = i == 2 ? Content::activations : Content::weights;
        timeline.loads.push_back(load);
    }
    timeline.loads.push_back(timeline.loads[0]);
    timeline.loads.back().kept = true;  // nothing moves: not shown
    Store store;
    store.begin = 300;
    store.segments = {{9, 0, 1}};
    timeline.stores = {store};
    VectorPass pass;
    pass.begin = 200;
    pass.end = 250;
    pass.elements = 8;
    timeline.passes = {pass};
    LayerStats layer;
    layer.name = "conv \"1\"\n\xFF";  // not even UTF-8
    layer.begin = 0;
    layer.end = 310;
    timeline.layers = {layer};
    timeline.stalls = {{layer_id(0), StallCause::weights, 0, 100}};
    return timeline;
}

json trace_of(const Timeline& timeline, const std::vector<Upset>& upsets = {}, double clock_mhz = 500) {
    std::ostringstream stream;
    TraceContext context;
    context.title = "net on machine";
    context.clock_mhz = clock_mhz;
    write_perfetto(stream, timeline, context, upsets);
    return json::parse(stream.str());
}

std::map<int, std::string> track_names(const json& trace) {
    std::map<int, std::string> names;
    for (const json& event : trace.at("traceEvents")) {
        if (event.at("ph") == "M" && event.at("name") == "thread_name") {
            EXPECT_TRUE(names.emplace(event.at("tid"), event.at("args").at("name")).second);
        }
    }
    return names;
}

TEST(Perfetto, EveryEventHasWhatTheFormatAsksFor) {
    Upset upset;
    upset.cycle = 150;
    upset.unit = 3;
    upset.bits[5] = true;
    const json trace = trace_of(sample(), {upset});
    const std::map<int, std::string> tracks = track_names(trace);
    std::map<std::string, int> slices;
    int processes = 0, instants = 0;
    for (const json& event : trace.at("traceEvents")) {
        EXPECT_EQ(event.at("pid"), 1);
        const std::string phase = event.at("ph");
        if (phase == "M") {
            processes += event.at("name") == "process_name" ? 1 : 0;
            continue;
        }
        ASSERT_EQ(tracks.count(event.at("tid")), 1u) << event;
        EXPECT_TRUE(event.at("name").is_string());
        EXPECT_GE(event.at("ts").get<double>(), 0);
        if (phase == "X") {
            EXPECT_GE(event.at("dur").get<double>(), 0);
            // 500 MHz: 2 ns a cycle.
            EXPECT_DOUBLE_EQ(event.at("ts").get<double>(),
                             event.at("args").at("begin_cycle").get<double>() * 0.002);
            EXPECT_DOUBLE_EQ(event.at("ts").get<double>() + event.at("dur").get<double>(),
                             event.at("args").at("end_cycle").get<double>() * 0.002);
            ++slices[tracks.at(event.at("tid"))];
        } else {
            ASSERT_EQ(phase, "i");
            EXPECT_EQ(event.at("s"), "p");
            EXPECT_EQ(tracks.at(event.at("tid")), "upsets");
            EXPECT_EQ(event.at("name"), "upset: pe_weight");
            EXPECT_EQ(event.at("args").at("bits"), json({5}));
            EXPECT_DOUBLE_EQ(event.at("ts").get<double>(), 0.3);
            ++instants;
        }
    }
    EXPECT_EQ(processes, 1);
    EXPECT_EQ(instants, 1);
    const std::map<std::string, int> expected = {{"layers", 1},
                                                 {"stalls", 1},
                                                 {"array: preload", 3},
                                                 {"array: folds", 3},
                                                 {"vector unit", 1},
                                                 {"DMA: load weights", 2},
                                                 {"DMA: load activations", 1},
                                                 {"DMA: store", 1}};
    EXPECT_EQ(slices, expected);
}

TEST(Perfetto, SlicesOfATrackDoNotOverlap) {
    const json trace = trace_of(sample());
    std::map<int, std::vector<std::pair<int, int>>> slices;
    for (const json& event : trace.at("traceEvents")) {
        if (event.at("ph") == "X") {
            slices[event.at("tid")].emplace_back(event.at("args").at("begin_cycle"),
                                                 event.at("args").at("end_cycle"));
        }
    }
    for (auto& [track, list] : slices) {
        std::sort(list.begin(), list.end());
        for (std::size_t i = 1; i < list.size(); ++i) {
            EXPECT_LE(list[i - 1].second, list[i].first) << "track " << track;
        }
    }
    // Three folds of which two overlap at a time: two tracks of one name, and no more.
    int fold_tracks = 0;
    for (const auto& [track, name] : track_names(trace)) {
        fold_tracks += name == "array: folds" ? 1 : 0;
    }
    EXPECT_EQ(fold_tracks, 2);
}

TEST(Perfetto, AnEmptyRunIsAValidTrace) {
    const json trace = trace_of(Timeline());
    EXPECT_FALSE(trace.at("traceEvents").empty());
}

}  // namespace
}  // namespace fluence::traces
