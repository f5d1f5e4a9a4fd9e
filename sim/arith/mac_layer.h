// A conv or linear layer prepared for the kernels: packed weights and the geometry of its windows. A linear
// layer is a convolution whose one window covers the whole input.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/arith/change.h"
#include "sim/arith/golden_sums.h"
#include "sim/arith/kernels.h"
#include "sim/arith/narrow_sums.h"
#include "sim/arith/onednn_conv.h"
#include "sim/arith/rescale.h"
#include "workloads/graph.h"

namespace fluence::arith {

// Along one dimension, an output whose window holds an input coordinate, and the tap that it lies under.
struct Reached {
    std::int32_t output = 0;  // first pixel of an output row, or a column
    std::int32_t place = 0;   // of the kernel row's or column's weights in a block of delta_weights()
};

class MacLayer {
  public:
    // Keeps references to graph and layer. Throws InputError where a padded input exceeds 2³¹ elements.
    MacLayer(const workloads::Graph& graph, LayerId layer, KernelKind kind, const SumRule& sums);

    // Dense execution; all results are sized here.
    void run(const Codes& input, const OutputBounds* bounds, Codes& accumulators, SumSlack& slack,
             Codes& output) const;

    const workloads::Layer& layer() const { return layer_; }
    const workloads::Shape& input_shape() const { return input_; }
    const workloads::Shape& output_shape() const { return output_; }
    workloads::NumberFormat output_format() const { return output_format_; }
    const workloads::Window& window() const { return window_; }
    const Kernels& kernels() const { return kernels_; }
    // Whether a sum is what its inputs' changes make of it, wherever it starts from; otherwise sums can leave
    // their registers' range and only dense() is exact.
    bool additive() const { return narrow_ == nullptr; }
    // Whether a DeltaElement can say where all weights of a block begin.
    bool carries_deltas() const { return delta_block_size() <= (std::int64_t{1} << kDeltaPlaceBits); }
    // Sums without bias of the pixels whose windows begin at packed[pixel_offset[i]], a row each.
    void dense(int group, const std::vector<std::int16_t>& packed, const std::int32_t* pixel_offset,
               std::int64_t pixels, std::int32_t* rows) const;
    int groups() const { return layer_.groups; }
    int group_inputs() const { return group_inputs_; }
    int group_outputs() const { return group_outputs_; }
    int taps() const { return window_.kernel_h * window_.kernel_w; }
    int pairs() const { return pairs_; }
    int blocks() const { return blocks_; }
    // Output channels of a block of delta_weights(), and blocks of a group.
    int delta_width() const { return group_outputs_ > 16 ? 32 : 16; }
    int delta_blocks() const { return (group_outputs_ + delta_width() - 1) / delta_width(); }
    std::int64_t delta_block_size() const { return std::int64_t{taps()} * group_inputs_ * delta_width(); }
    // Of one tap in a block, in bytes.
    std::uint32_t delta_tap() const { return static_cast<std::uint32_t>(group_inputs_ * delta_width()); }
    const std::uint8_t* delta_weights(int group) const {
        return delta_weights_.data() + aligned_by_ + group * delta_blocks() * delta_block_size();
    }
    // Elements of one group's slack.
    std::int64_t slack_size() const { return output_.plane() * delta_blocks() * delta_width(); }
    // Where the accumulators of a group's output pixel begin in GoldenRun::accumulators.
    std::int64_t sums_at(int group, std::int64_t pixel) const {
        return golden_sums_at(output_.plane(), group_outputs_, group, pixel);
    }
    // What the layer makes of an accumulator, in front of range restriction.
    struct Requantiser {
        const Rescale* scales;  // by channel
        std::int32_t clamp_lo, clamp_hi;
        std::int32_t code_of(std::int32_t sum, std::int32_t channel) const {
            return static_cast<std::int32_t>(
                std::clamp<std::int64_t>(scales[channel](sum), clamp_lo, clamp_hi));
        }
    };
    Requantiser requantiser() const { return {scales_.data(), layer_.clamp_lo, layer_.clamp_hi}; }
    std::int32_t code_of(std::int32_t sum, std::int32_t channel) const {
        return requantiser().code_of(sum, channel);
    }
    int row_size() const {
        return blocks_ * kBlock;
    }  // of results: channels of a group, filled up with zeros

    const std::int16_t* weights(int group) const { return weights_.data() + group * group_weights_; }
    const RequantiseBlock* parameters(int group) const {
        return parameters_.data() + std::int64_t{group} * 2 * blocks_;
    }
    // By output pixel and by tap: positions in the packed input of a group.
    const std::vector<std::int32_t>& pixel_offsets() const { return pixel_offsets_; }
    const std::vector<std::int32_t>& tap_offsets() const { return tap_offsets_; }

    // The packed input of one group, padding included.
    void pack_input(const Codes& input, int group, std::vector<std::int16_t>& packed) const;
    // Position of a group's first channel at an input pixel, `row` counted through all images; −1 where no
    // window reaches the pixel.
    std::int64_t packed_position(int row, int x) const;

    // The output rows, or columns, whose windows hold an input row (counted through all images), or column;
    // ascending.
    struct ReachedRange {
        const Reached* first;
        const Reached* last;
        const Reached* begin() const { return first; }
        const Reached* end() const { return last; }
    };
    ReachedRange reached_rows(std::int32_t row) const { return reached_rows_.of(row); }
    ReachedRange reached_columns(std::int32_t column) const { return reached_columns_.of(column); }

  private:
    // Lists of what each input coordinate reaches, one behind the other.
    struct ReachedLists {
        std::vector<std::int32_t> begin;
        std::vector<Reached> all;
        ReachedRange of(std::int32_t at) const {
            const std::int32_t* from = begin.data() + at;
            return {all.data() + from[0], all.data() + from[1]};
        }
    };
    void list_reached();
    void pack_weights();
    void pack_delta_weights();
    void pack_parameters();
    void place_windows();
    std::vector<std::int32_t> term_offsets() const;
    void finish_rows(int group, std::int64_t first_pixel, std::vector<std::int32_t>& rows, std::int64_t count,
                     const OutputBounds* bounds, Codes& accumulators, SumSlack& slack, Codes& output) const;
    void measure_slack(int group, std::int64_t first_pixel, const std::vector<std::int32_t>& sums,
                       const std::vector<std::int32_t>& codes, SumSlack& slack) const;

    const workloads::Layer& layer_;
    workloads::Shape input_, output_;
    workloads::NumberFormat output_format_;
    workloads::Window window_;
    const Kernels& kernels_;
    int group_inputs_ = 0, group_outputs_ = 0, pairs_ = 0, blocks_ = 0;
    int packed_height_ = 0, packed_width_ = 0;  // of one image; images stand one below the other
    std::int64_t group_weights_ = 0;
    std::vector<std::int16_t> weights_;
    std::vector<std::uint8_t> delta_weights_;
    std::int64_t aligned_by_ = 0;  // where a cache line begins in delta_weights_
    std::vector<RequantiseBlock> parameters_;
    std::vector<Rescale> scales_;
    std::vector<double> inverses_;  // 2^shift / multiplier by group and channel of a row; 0: no slack
    std::vector<std::int32_t> pixel_offsets_, tap_offsets_;
    ReachedLists reached_rows_, reached_columns_;
    std::unique_ptr<OnednnConv> onednn_;  // null: the kernels' own dense loop
    std::unique_ptr<NarrowSums> narrow_;  // null: sums stay in range, and are exact
};

}  // namespace fluence::arith
