// Paths in words: snapshots of hand-made paths. FLUENCE_UPDATE_GOLDEN=1 remakes
// tests/analysis/golden/path.txt.
#include "analysis/path_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace {

using namespace fluence;
using campaign::FaultPath;
using campaign::HeldKind;
using campaign::StruckSite;

// conv 1×4×4 → 2×4×4 and linear → 3 logits; one fold each.
workloads::Graph graph() {
    workloads::Graph graph;
    graph.name = "hand";
    graph.tensors = {{"image", {1, 4, 4}, workloads::NumberFormat::u8, 1},
                     {"features", {2, 4, 4}, workloads::NumberFormat::u8, 1},
                     {"logits", {3, 1, 1}, workloads::NumberFormat::s32, 1}};
    workloads::Layer conv;
    conv.name = "conv";
    conv.inputs = {tensor_id(0)};
    conv.output = tensor_id(1);
    conv.window = {3, 3, 1, 1, 1, 1, 1, 1};
    conv.weights.resize(2 * 9);
    workloads::Layer linear;
    linear.name = "linear";
    linear.kind = workloads::OpKind::linear;
    linear.inputs = {tensor_id(1)};
    linear.output = tensor_id(2);
    linear.weights.resize(3 * 32);
    graph.layers = {conv, linear};
    graph.logits = tensor_id(2);
    return graph;
}

traces::Timeline timeline() {
    traces::Timeline timeline;
    timeline.cycles = 300;
    traces::Fold fold;
    fold.pixels = 16;
    fold.terms = 9;
    fold.channels = 2;
    fold.preload = 20;
    fold.stream = 28;
    fold.end = 55;
    timeline.folds = {fold};
    traces::Load load;
    load.layer = layer_id(1);
    load.buffer = Memory::weight_buffer;
    timeline.loads = {load};
    load.kept = true;
    load.buffer = Memory::activation_buffer;
    timeline.loads.push_back(load);
    return timeline;
}

FaultPath base(const std::string& id) {
    FaultPath path;
    path.id = id;
    path.policy = "none";
    path.label = 1;
    path.golden_logits = path.result.logits = {5, 9, -2};
    return path;
}

StruckSite site(traces::SiteKind kind, std::int64_t unit, traces::Cycle cycle, std::size_t bit) {
    StruckSite struck;
    struck.upset.site = kind;
    struck.upset.unit = unit;
    struck.upset.cycle = cycle;
    struck.upset.bits[bit] = true;
    return struck;
}

FaultPath partial_sum() {
    FaultPath path = base("line 2");
    StruckSite struck = site(traces::SiteKind::pe_psum, 17, 33, 9);
    struck.row = 2;
    struck.col = 1;
    struck.layer = struck.fold = 0;
    struck.phase = campaign::FoldPhase::stream;
    struck.held = {{HeldKind::sum, 0, 21, {0, 2}, 32, 100, 612}};
    struck.reads = {{0, 0, {5, 5}, {3, 8}, {1, 1}, 6, 33, 38}};
    path.struck = {struck};
    campaign::LayerPath conv;
    conv.sums = 1;
    conv.first_sums = {{21, 512}};
    conv.changed = 1;
    conv.first_changes = {{21, 7, 90}};
    campaign::LayerPath linear;
    linear.layer = 1;
    linear.changed = 3;
    linear.first_changes = {{0, 5, 20}, {1, 9, 4}, {2, -2, -3}};
    path.layers = {conv, linear};
    path.first_changed_layer = 0;
    path.last_changed_layer = 1;
    path.changed_values = 4;
    path.result.logits = {20, 4, -3};
    path.result.outcome = campaign::Outcome::sdc;
    return path;
}

FaultPath masked_word() {
    FaultPath path = base("fault 1234");
    path.policy = "checksum-zero";
    path.image = 6;
    StruckSite struck = site(traces::SiteKind::weight_buffer, 40, 12, 3);
    struck.filled_by = 0;
    struck.filled = 10;
    struck.held = {{HeldKind::weight, 1, 33, {}, 8, -3, -11}};
    struck.reads = {{1, 0, {0, 0}, {1, 1}, {1, 1}, 1, 14, 14}};
    path.struck = {struck};
    campaign::LayerPath conv;
    conv.sums = 6000;
    conv.first_sums = {{0, 1}, {1, -1}, {2, 4}, {3, 8}};
    conv.forced_outputs = 1;
    conv.changed = 5;
    conv.first_changes = {{0, 1, 0}, {1, 2, 0}, {2, 3, 0}, {3, 4, 0}};
    path.layers = {conv};
    path.first_changed_layer = path.last_changed_layer = 0;
    path.result.flags.detected = path.result.flags.suppressed = true;
    return path;
}

FaultPath dead_pair() {
    FaultPath path = base("pair");
    path.label = -1;
    StruckSite idle = site(traces::SiteKind::pe_activation, 3, 2, 7);
    idle.row = 0;
    idle.col = 3;
    StruckSite kept = site(traces::SiteKind::activation_buffer, 5, 90, 1);
    kept.filled_by = 1;
    kept.filled = 60;
    kept.passes = 2;
    kept.first_pass_cycle = 95;
    kept.held = {{HeldKind::activation, 1, 17, {}, 8, 0, 2}};
    path.struck = {idle, kept};
    path.result.dead = fault::DeadReason::no_effect;
    return path;
}

FaultPath aborted() {
    FaultPath path = base("line 5");
    StruckSite dram = site(traces::SiteKind::dram, 7, 4, 64);
    dram.upset.bits[0] = true;
    dram.held = {{HeldKind::bias, 0, 1, {}, 32, 8, 9}};
    for (int i = 0; i < 6; ++i) {
        dram.loads.push_back({0, 10 + i});
    }
    StruckSite valid = site(traces::SiteKind::pe_valid, 0, 4, 0);
    valid.row = valid.col = 0;
    valid.known = false;
    StruckSite neuron = site(traces::SiteKind::neuron, 2, 0, 3);
    neuron.upset.layer = 1;
    neuron.held = {{HeldKind::neuron, 1, 2, {}, 32, -2, -10}};
    path.struck = {dram, valid, neuron};
    path.result = {};
    path.result.flags.detected = path.result.flags.aborted = true;
    path.result.outcome = campaign::Outcome::due;
    path.recovery_cycles = 1;
    return path;
}

TEST(PathText, Snapshots) {
    std::string text;
    for (const FaultPath& path : {partial_sum(), masked_word(), dead_pair(), aborted()}) {
        text += analysis::path_text(path, graph(), timeline()) + "\n";
    }
    const std::string file = std::string(FLUENCE_SOURCE_DIR) + "/tests/analysis/golden/path.txt";
    if (std::getenv("FLUENCE_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(file, std::ios::binary) << text;
    }
    std::ifstream stream(file, std::ios::binary);
    std::stringstream golden;
    golden << stream.rdbuf();
    EXPECT_EQ(text, golden.str()) << file;
}

TEST(PathText, SaysWhatItIsAbout) {
    const std::string text = analysis::path_text(partial_sum(), graph(), timeline());
    for (const char* part :
         {"pe_psum, row 2, column 1, bit 9, cycle 33", "sum over k 0-2", "channel 1, row 1, column 1",
          "100 -> 612", "6 MACs of conv: m 5, k 3-8, n 1", "top-1 was 1 -> 0", "Outcome: sdc"}) {
        EXPECT_THAT(text, testing::HasSubstr(part));
    }
}

}  // namespace
