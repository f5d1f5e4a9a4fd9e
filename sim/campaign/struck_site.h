// What an upset meets: what its site holds at that cycle and which MACs read it from then on, for
// explanations. Closed form over timeline, space-time map and memory map, independent of the resolver.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/engine.h"
#include "sim/core/accelerator_config.h"
#include "sim/dataflow/memory_map.h"
#include "traces/timeline.h"
#include "traces/upset.h"
#include "workloads/graph.h"

namespace fluence::campaign {

using traces::Cycle;

// first … last, both included; empty where last < first.
struct Span {
    std::int64_t first = 0, last = -1;
    bool empty() const { return last < first; }
    std::int64_t size() const { return empty() ? 0 : last - first + 1; }
    void add(std::int64_t value);
};

// MACs O[m,n] += A[m,k]·B[k,n] of one group of a layer: how many, inside which ranges (of n: positions,
// dataflow::ChannelOrders). Cycles: of a
// register's MACs; of a buffer word, those of its reads for them.
struct Macs {
    std::int32_t layer = -1, group = 0;
    Span m, k, n;
    std::int64_t count = 0;
    Cycle first_cycle = 0, last_cycle = -1;
};

enum class HeldKind { weight, activation, padding, sum, product, bias, multiplier, shift, neuron };

// One value in the struck register or word.
struct HeldValue {
    HeldKind kind = HeldKind::padding;
    std::int32_t owner = 0;  // layer; an activation: tensor
    std::int64_t index = 0;  // weight, bias, multiplier, shift: into the layer's vector; activation, sum,
                             // neuron: flat element; product: of the output that it belongs to
    Span k;                  // sum, product: the reduction terms in it
    std::int32_t bits = 0;   // width in the site
    std::int64_t before = 0, after = 0;  // the value without and with its struck bits
};

enum class FoldPhase { none, preload, stream, drain };

// A word on its way from memory to memory.
struct Transfer {
    std::int32_t load = -1;  // index into Timeline::loads
    Cycle cycle = 0;         // in which it is read
};

struct StruckSite {
    traces::Upset upset;
    std::int32_t row = -1, col = -1, stage = 0;  // PE registers; stage counts from 1 where there are several
    std::int32_t layer = -1;                     // whose work was there; −1: nobody's
    std::int32_t fold = -1;                      // index into Timeline::folds; −1: none
    FoldPhase phase = FoldPhase::none;
    // False: control and chains of travelling-control arrays; checksum column; vector unit.
    bool known = true;
    std::vector<HeldValue> held;  // those with struck bits; empty: nothing that is used
    std::vector<Macs> reads;      // from the upset on, one a layer and group
    std::vector<Transfer> loads;  // DRAM: the loads that read the word from the upset on
    std::int32_t filled_by = -1;  // buffer: index of the load that wrote the word
    Cycle filled = 0;             // and the edge at which it did
    std::int32_t passes = 0;      // vector-unit passes that read it
    Cycle first_pass_cycle = 0;   // and the first read
};

// A machine's run of one image.
struct RecordedRun {
    const workloads::Graph& graph;
    const AcceleratorConfig& config;
    const traces::Timeline& timeline;
    const arith::GoldenRun& golden;
    dataflow::ChannelOrders orders = {};  // of the policy
};

StruckSite struck_site(const RecordedRun& run, const traces::Upset& upset);

}  // namespace fluence::campaign
