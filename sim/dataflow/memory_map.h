// Where the words of a workload lie in DRAM, and what each word holds. A pure function of the graph and
// the machine; the machine's DMA, the resolver and the traffic report all use this one.
//
// Widths are those of int8; machines of other formats store operands, biases and sums in the bytes that
// stored_widths() says, and no multipliers. E = word_bytes elements of one byte share a word. Regions follow
// each other, each begins on a word:
//   weights of a layer     blocks in the order group, n_fold, k_fold; a block is used_rows rows (k order)
//                          of ⌈used_cols/E⌉ words; PE column c of row r is byte c of its row
//   parameters of a layer  bias (4 bytes each, little endian), then multiplier (4 bytes each), then shift
//                          (1 byte each); each of the three begins on a word; absent ones take no words
//   activations of a tensor  channel planes; where height·width > 1 each plane begins on a word
//                          (plane_words = ⌈H·W/E⌉), otherwise the channels are packed. 4-byte codes
//                          (s32) take 4 bytes each. flatten shares the region of its input.
// Bytes of a word that hold no element are padding.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::dataflow {

// One value inside a word.
enum class FieldKind { weight, bias, multiplier, shift, activation };
struct Field {
    FieldKind kind = FieldKind::weight;
    std::int32_t owner = 0;  // layer index, or tensor index for activations
    // weight: index into Layer::weights. bias, multiplier, shift: index into that vector.
    // activation: flat element.
    std::int64_t index = 0;
    std::int32_t bit = 0;        // lowest bit inside the word
    std::int32_t width = 8;      // bits
    std::int32_t value_bit = 0;  // lowest bit of the value that lies here; not 0 only where a 4-byte value
                                 // continues from the word before (words of less than 32 bits)
    bool copy = false;           // a weight at its channel's second position
};

struct Region {
    traces::Content content = traces::Content::weights;
    std::int32_t owner = 0;
    std::int64_t first_word = 0;
    std::int64_t words = 0;
};

// The position of a weight block (one fold) in its layer's region.
struct WeightBlock {
    std::int64_t first_word = 0;  // absolute DRAM word
    std::int64_t words = 0;
    std::int32_t used_rows = 0, used_cols = 0;
    std::int32_t row_words = 0;
};

// By layer: the output channels in the order in which they take the positions of the layer's GEMMs, group by
// group; position n of a group is column n mod C of n_fold n / C. Empty: as they come. Positions are what
// folds, weight blocks and accumulators count; channels are what tensors and parameters are of. A channel may
// stand there twice: its second position is its copy, with weights of its own in DRAM.
using ChannelOrders = std::vector<std::vector<std::int32_t>>;

class MemoryMap {
  public:
    // Keeps a reference to `graph`. `orders`: empty, or one a layer; in it each group's channels, once or
    // twice, in as many positions for each group.
    MemoryMap(const workloads::Graph& graph, const AcceleratorConfig& config, ChannelOrders orders = {});

    // Positions of a group: its output channels and their copies. 0 for layers without MACs.
    std::int64_t positions(LayerId layer) const { return positions_[index_of(layer)]; }
    // The output channel at position n of a group, and whether that is its copy.
    std::int64_t channel(LayerId layer, int group, std::int64_t n) const {
        const std::int64_t at = group * positions(layer) + n;
        const std::vector<std::int32_t>& order = channel_at_[index_of(layer)];
        return order.empty() ? at : order[static_cast<std::size_t>(at)];
    }
    bool is_copy(LayerId layer, int group, std::int64_t n) const {
        return copy_of(layer, channel(layer, group, n)) == n;
    }
    // The position of a channel inside its group, and that of its copy; −1: it has none.
    std::int64_t position(LayerId layer, std::int64_t channel) const {
        const std::vector<std::int32_t>& order = position_of_[index_of(layer)];
        return order.empty() ? channel % positions(layer) : order[static_cast<std::size_t>(channel)];
    }
    std::int64_t copy_of(LayerId layer, std::int64_t channel) const {
        const std::vector<std::int32_t>& order = copy_of_[index_of(layer)];
        return order.empty() ? -1 : order[static_cast<std::size_t>(channel)];
    }

    std::int64_t words() const { return words_; }
    int word_bytes() const { return word_bytes_; }
    // Bytes of an accumulator in the output buffer, and of a code of a tensor.
    int sum_bytes() const { return widths_.sum; }
    int code_bytes(TensorId tensor) const {
        return format_ == OperandFormat::int8 ? workloads::width_bits(graph_->tensor(tensor).format) / 8
                                              : widths_.operand;
    }
    const std::vector<Region>& regions() const { return regions_; }
    // Zero words where the layer has none.
    const Region& weights(LayerId layer) const;
    const Region& parameters(LayerId layer) const;
    const Region& activations(TensorId tensor) const;  // of a flatten's output: its input's region

    WeightBlock weight_block(LayerId layer, int group, int n_fold, int k_fold) const;
    int k_folds(LayerId layer) const;
    int n_folds(LayerId layer) const;

    // The DRAM word and first bit of a weight, by its index in Layer::weights.
    std::int64_t weight_word(LayerId layer, std::int64_t index) const;
    int weight_bit(LayerId layer, std::int64_t index) const;
    // The DRAM word and first bit of an element of an activation tensor (of its lowest byte).
    std::int64_t activation_word(TensorId tensor, std::int64_t element) const;
    int activation_bit(TensorId tensor, std::int64_t element) const;

    // The fields of a DRAM word, by ascending bit; empty for a word of padding alone. Activations of a
    // region shared by flatten are reported under the tensor that a layer produced.
    std::vector<Field> fields(std::int64_t word) const;
    const Region& region_of(std::int64_t word) const;

  private:
    void take_orders(ChannelOrders orders);
    void append(traces::Content content, std::int32_t owner, std::int64_t words);
    // Of a row of weights.
    std::int64_t row_words_of(std::int64_t columns) const { return words_of(columns * widths_.operand); }
    std::int64_t words_of(std::int64_t bytes) const { return (bytes + word_bytes_ - 1) / word_bytes_; }
    // Byte of an element inside the region of the tensor `stored`, which a layer produced.
    std::int64_t activation_byte(TensorId stored, std::int64_t element) const;
    std::int64_t plane_bytes(TensorId stored) const;
    void weight_fields(const Region& region, std::int64_t word, std::vector<Field>& out) const;
    void parameter_fields(const Region& region, std::int64_t word, std::vector<Field>& out) const;
    void activation_fields(const Region& region, std::int64_t word, std::vector<Field>& out) const;

    const workloads::Graph* graph_;
    OperandFormat format_;
    StoredWidths widths_;
    std::vector<std::int64_t> positions_;  // by layer
    ChannelOrders channel_at_;             // by layer; empty, or by group·positions + position
    ChannelOrders position_of_, copy_of_;  // likewise, by channel
    int rows_ = 0, cols_ = 0, word_bytes_ = 0;
    std::int64_t words_ = 0;
    std::vector<Region> regions_;                                // by ascending first word
    std::vector<std::size_t> weight_region_, parameter_region_;  // one a layer
    std::vector<std::size_t> activation_region_;                 // one a tensor
};

}  // namespace fluence::dataflow
