// What the parts of the register-true machine of words follow: the network, the machine and its timeline.
#pragma once

#include <limits>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/dataflow/loaded_words.h"
#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/space_time.h"
#include "sim/dataflow/tensor_layout.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "workloads/word_graph.h"

namespace fluence::words {

using traces::Cycle;
using workloads::Word;
using workloads::Words;

inline constexpr Cycle kNever = std::numeric_limits<Cycle>::max();

struct SteppedScript {
    const workloads::WordGraph& graph;
    const traces::Timeline& timeline;
    const AcceleratorConfig config;
    const protect::Policy policy;
    const workloads::Graph structure;  // workloads::stored_structure()
    const dataflow::MemoryMap map;
    const dataflow::SpaceTimeMap array;
    const StoredWidths widths;
    std::vector<dataflow::TensorLayout> layouts;  // by tensor
    std::vector<dataflow::LoadedWords> loaded;    // by load of the timeline

    // Keeps references to graph and timeline.
    SteppedScript(const workloads::WordGraph& words, const AcceleratorConfig& machine,
                  const protect::Policy& protection, const traces::Timeline& times)
        : graph(words),
          timeline(times),
          config(machine),
          policy(protection),
          structure(workloads::stored_structure(words)),
          map(structure, config),
          array(config.array),
          widths(stored_widths(config.array.format)) {
        for (std::size_t t = 0; t < structure.tensors.size(); ++t) {
            layouts.emplace_back(structure, map, tensor_id(t));
        }
        for (const traces::Load& load : timeline.loads) {
            loaded.emplace_back(load, map.word_bytes());
        }
    }
    SteppedScript(const SteppedScript&) = delete;  // the map points into it
    SteppedScript& operator=(const SteppedScript&) = delete;

    const dataflow::TensorLayout& layout(TensorId tensor) const { return layouts[index_of(tensor)]; }
    const dataflow::LoadedWords& load(std::int32_t index) const {
        return loaded[static_cast<std::size_t>(index)];
    }
};

}  // namespace fluence::words
