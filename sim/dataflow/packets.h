// What moves through the vector unit's pipeline in the register-true machines: elements that were read in one
// cycle, stage by stage (vector_pipeline.h).
#pragma once

#include <algorithm>

#include "sim/dataflow/vector_pipeline.h"

namespace fluence::dataflow {

// Edge t: advance(packet, stage) for every packet that is in the pipeline, with stage P for those that leave
// it, which are then taken out. `Packets`: a container of elements with `arrival`, the edge of stage 0.
template <class Packets, class Advance>
void move_packets(const VectorPipeline& pipeline, traces::Cycle t, Packets& packets, const Advance& advance) {
    for (auto& packet : packets) {
        if (packet.arrival <= t) {
            advance(packet, static_cast<int>(t - packet.arrival));
        }
    }
    packets.erase(std::remove_if(packets.begin(), packets.end(),
                                 [&](const auto& packet) { return packet.arrival + pipeline.stages() <= t; }),
                  packets.end());
}

}  // namespace fluence::dataflow
