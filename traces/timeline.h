// What a run of the machine did and when: every transfer of words, every fold of the array, every pass of
// the vector unit. Latency reports, traces and the resolver (upset → changed values) are made from it.
//
// Cycles. Cycle t is the time between clock edge t and clock edge t+1. An upset at cycle t inverts its bits
// at edge t, after every register and memory word took its new value at that edge: whatever reads the site
// in cycle t or later sees it, until the site is written again. "Written at t" means at edge t, so that a
// read in cycle t sees the new value; "read in t" means during cycle t.
#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "sim/core/ids.h"
#include "sim/core/memory.h"

namespace fluence::traces {

using Cycle = std::int64_t;

// What a run of words holds.
enum class Content {
    weights,      // of layer `owner`, in fold order (dataflow::MemoryMap)
    parameters,   // bias, multiplier, shift of layer `owner`
    activations,  // of tensor `owner`
};

// `words` consecutive DRAM words and where they lie in the buffer.
struct Segment {
    std::int64_t dram_word = 0;
    std::int64_t buffer_word = 0;  // word index in the whole buffer (both halves)
    std::int64_t words = 0;
};

// From word `word` of a transfer on the port is behind the words alone: by `bytes` of bursts that no word of
// the transfer needs, and by `cycles` in which DRAM opened rows. Both count from the beginning of the
// transfer.
struct Gap {
    std::int64_t word = 0;
    std::int64_t bytes = 0;
    Cycle cycles = 0;
};

// What loads and stores share. Word i over all segments passes the port in cycle
// begin + ⌊(i·word_bytes + bytes)/bytes_per_cycle⌋ + cycles, with the last gap at or in front of it (if any).
struct Transfer {
    Cycle begin = 0;
    Cycle latency = 0;
    std::int32_t word_bytes = 8;
    std::int32_t bytes_per_cycle = 8;
    std::vector<Segment> segments;
    std::vector<Gap> gaps;  // ascending by word; one behind the last word is the rest of the last burst

    std::int64_t words() const;
    Cycle port_cycle(std::int64_t word) const {
        const Gap gap = gap_at(word);
        return begin + (word * word_bytes + gap.bytes) / bytes_per_cycle + gap.cycles;
    }
    // The edge at which the port is free for the next transfer.
    Cycle port_free() const;

  private:
    Gap gap_at(std::int64_t word) const { return gaps.empty() ? Gap{} : last_gap(word); }
    Gap last_gap(std::int64_t word) const;
};

// One DMA transfer from DRAM into a buffer (or into the vector unit's parameter registers, segments'
// buffer_word then unused). A word is read from DRAM in the cycle in which it passes the port and written to
// the buffer `latency` + 1 cycles later.
struct Load : Transfer {
    LayerId layer{};  // on whose behalf
    Content content = Content::weights;
    std::int32_t owner = 0;       // layer index or tensor index (of the tensor that a layer
                                  // produced, behind any flatten)
    bool to_vector_unit = false;  // parameters; otherwise into `buffer`
    Memory buffer = Memory::weight_buffer;
    // Nothing moves: the words lie in the buffer because stores with `to_buffer` wrote them there (when, is
    // theirs to say); `begin` is the edge at which the last of them did. DRAM never has them.
    bool kept = false;

    Cycle read_cycle(std::int64_t word) const { return kept ? begin : port_cycle(word); }
    Cycle write_cycle(std::int64_t word) const { return kept ? begin : port_cycle(word) + latency + 1; }
    // The edge at which the last word is in place.
    Cycle done() const { return write_cycle(words() - 1); }
};

// One transfer of finished activations from the vector unit to DRAM, or into the activation buffer where the
// next layer finds them (`to_buffer`; no gaps then). A word is in place `latency` + 1 cycles behind the one
// in which it passes the port. Every word of a tensor is written once, whole, by the store that holds the
// last of its elements to be produced.
struct Store : Transfer {
    LayerId layer{};
    TensorId tensor{};
    bool to_buffer = false;  // Segment::buffer_word is used with it alone

    Cycle write_cycle(std::int64_t word) const { return port_cycle(word) + latency + 1; }
    Cycle done() const { return write_cycle(words() - 1); }
};

// One fold: the block of MACs that the array works on between two exchanges of what it keeps. Which PE does
// which of them in which cycle is dataflow::SpaceTimeMap's to say. Its products are those of
// m in [first_pixel, + pixels), k in [first_k, + terms), n in [first_n, + channels) of one group.
struct Fold {
    LayerId layer{};
    std::int32_t group = 0;
    std::int32_t k_fold = 0, k_folds = 0;  // which block of the reduction, of how many
    std::int32_t n_fold = 0;               // which block of output channels
    std::int64_t first_pixel = 0, pixels = 0;
    std::int64_t first_k = 0, terms = 0;
    std::int64_t first_n = 0, channels = 0;  // inside the group
    std::int32_t used_rows = 0, used_cols = 0;
    std::int32_t weight_load = 0;      // index into Timeline::loads of the weights of this fold
    std::int32_t activation_load = 0;  // and of its activations
    std::int64_t weight_word = 0;      // weight stationary: first word of its weights in the weight buffer
    // The accumulator (32-bit) in the output buffer of (first_pixel, first_n), and the distance from one
    // channel's to the next one's; pixels follow each other.
    std::int64_t accumulator = 0;
    std::int64_t accumulator_stride = 0;
    Cycle preload = 0;  // edge at which the first row of the stationary operand enters the array
    Cycle stream = 0;   // edge at which the first row operand is first sampled by a register
    Cycle end = 0;      // edge by which the last accumulator of the fold is written

    std::int64_t accumulator_of(std::int64_t m, std::int64_t n) const {
        return accumulator + (n - first_n) * accumulator_stride + (m - first_pixel);
    }
};

// One pass of the vector unit over a block of elements in order; element i is read in cycle
// begin + ⌊i/lanes⌋. For conv and linear the block is `channels` × `pixels` accumulators, channel by channel
// without gaps; for other layers it is a contiguous range of output elements (flat index), and the operands
// of output element i are read in that cycle.
struct VectorPass {
    LayerId layer{};
    std::int32_t group = 0;
    std::int32_t n_fold = 0;                   // conv, linear: which block of output channels
    std::int64_t first_pixel = 0, pixels = 0;  // conv, linear
    std::int64_t first_n = 0, channels = 0;    // conv, linear: inside the group
    std::int64_t accumulator = 0;              // conv, linear: first accumulator in the output buffer
    std::int64_t first_element = 0;            // others: first output element (flat)
    std::int64_t elements = 0;                 // number of elements of the block
    // Others: index into Timeline::loads, one an input; −1 where the block reads nothing of that input.
    std::vector<std::int32_t> operand_loads;
    std::int32_t lanes = 1;
    Cycle begin = 0;
    Cycle end = 0;  // edge at which the last output is ready
    Cycle read_cycle(std::int64_t element) const { return begin + element / lanes; }
};

// Cycles and traffic of one layer. Stalls: cycles in which the array (or, in layers without MACs, the
// vector unit) had work of this layer left and waited, by cause; they do not overlap.
struct LayerStats {
    std::string name;
    Cycle begin = 0, end = 0;  // edges
    std::int64_t macs = 0;
    std::int64_t busy_cycles = 0;        // array or vector unit at work
    std::int64_t stall_weights = 0;      // waiting for a weight load
    std::int64_t stall_activations = 0;  // waiting for an activation load
    std::int64_t stall_drain = 0;        // waiting for a free half of the output buffer
    std::int64_t stall_store = 0;        // waiting for stores to finish at the end of the layer
    std::int64_t stall_port = 0;         // waiting for a port of a buffer that another unit uses
    std::int64_t preload_cycles = 0;     // array idle while weights enter it
    double utilisation = 0;              // macs / (PEs × (end − begin))
    std::int64_t dram_read_words = 0, dram_write_words = 0;
    std::int64_t unique_words =
        0;  // that cross DRAM's port: weights, parameters, inputs, outputs counted once
    std::int64_t buffer_reads = 0, buffer_writes = 0;  // words, all three buffers
};

// One of those waits: cycles in [begin, end).
enum class StallCause { preload, weights, activations, drain, store, port };
inline constexpr int kStallCauseCount = 6;
const char* name_of(StallCause cause);
struct Stall {
    LayerId layer{};
    StallCause cause = StallCause::preload;
    Cycle begin = 0, end = 0;
};

struct Timeline {
    Cycle cycles = 0;  // of the whole inference
    // Cycles the error-correcting decoder of each Memory adds between the read of a word and its use
    // (DRAM's is contained in Load::latency).
    std::array<std::int32_t, kMemoryCount> decode_cycles{};
    std::vector<Load> loads;
    std::vector<Store> stores;
    std::vector<Fold> folds;
    std::vector<VectorPass> passes;
    std::vector<LayerStats> layers;  // one a layer of the graph
    std::vector<Stall> stalls;       // layer by layer, ascending
};

// Binary form, exact; for passing a timeline between processes and for files.
void write(std::ostream& stream, const Timeline& timeline);
Timeline read_timeline(std::istream& stream, const std::string& name);

}  // namespace fluence::traces
