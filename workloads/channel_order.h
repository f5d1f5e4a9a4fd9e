// Which channels a subsample takes: those of its input seen as a matrix of groups × channels/groups and
// transposed (groups 1: as they are), then channels_before zero channels in front and channels_after behind;
// −n: n channels are left out there.
#pragma once

#include "workloads/graph.h"

namespace fluence::workloads {

// The channel of the input (of `in` channels) that output channel `channel` holds; −1 for a zero channel.
inline std::int64_t subsample_source(const Layer& layer, std::int64_t in, std::int64_t channel) {
    const std::int64_t ordered = channel - layer.channels_before;
    if (ordered < 0 || ordered >= in) {
        return -1;
    }
    return ordered % layer.groups * (in / layer.groups) + ordered / layer.groups;
}

// The channel of the output (of `out` channels) that input channel `channel` goes to; −1 where it is left
// out.
inline std::int64_t subsample_target(const Layer& layer, std::int64_t in, std::int64_t out,
                                     std::int64_t channel) {
    const std::int64_t columns = in / layer.groups;
    const std::int64_t to = channel % columns * layer.groups + channel / columns + layer.channels_before;
    return to < 0 || to >= out ? -1 : to;
}

}  // namespace fluence::workloads
