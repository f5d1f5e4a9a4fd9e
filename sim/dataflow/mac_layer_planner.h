// What the planners of layers with MACs share, whatever the dataflow: tiles of output rows, blocks of
// accumulators, loads of activations. A dataflow adds the folds of a block.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sim/dataflow/plan_builder.h"
#include "sim/dataflow/tensor_layout.h"

namespace fluence::dataflow {

class MacLayerPlanner {
  public:
    // `fold_terms`: reduction terms of one k_fold; at most this many are in a fold.
    MacLayerPlanner(PlanBuilder& builder, std::int64_t fold_terms);
    virtual ~MacLayerPlanner() = default;

    void plan();

  protected:
    struct Block {
        int group = 0;
        std::int64_t first_pixel = 0, pixels = 0;
        int first_n_fold = 0, last_n_fold = 0;  // half open
        std::int64_t accumulator = 0;
    };
    // What a fold computes inside its block.
    struct FoldRange {
        int k_fold = 0;
        int n_fold = 0;  // the first one of its channels
        std::int64_t first_pixel = 0, pixels = 0;
        std::int64_t first_n = 0, channels = 0;
        std::int64_t used_rows = 0, used_cols = 0;
    };

    // Output rows of a tile where both its input and all else fit, and the most n_folds of a block.
    virtual int tile_rows() const { return rows_of_accumulators(1); }
    virtual int block_n_folds() const { return 1; }
    // Appends the folds of k_folds [first, last) of a block; the same accumulators by ascending k_fold.
    virtual void add_folds(const Block& block, int first_k_fold, int last_k_fold) = 0;

    void add_fold(const Block& block, const FoldRange& range,
                  const std::vector<PlanBuilder::WeightRun>& weights);
    PlanBuilder::WeightRun weights_of(const Block& block, int n_fold, int k_fold) const;

    // Output rows whose accumulators, for `n_folds` blocks of C channels, fit one half of the output buffer.
    int rows_of_accumulators(int n_folds) const;
    // The most n_folds whose accumulators fit there for so many pixels.
    int n_folds_of_accumulators(std::int64_t pixels) const;
    std::int64_t k_terms(int k_fold) const;
    std::int64_t channels_of(int n_fold) const;
    std::int64_t pe_rows() const { return builder_.config().array.rows; }
    std::int64_t sum_bytes() const { return builder_.map().sum_bytes(); }
    std::int64_t pe_cols() const { return builder_.config().array.cols; }
    const workloads::GemmShape& gemm() const { return gemm_; }
    int n_folds() const { return static_cast<int>((positions_ + pe_cols() - 1) / pe_cols()); }
    int out_rows() const { return out_rows_; }
    int out_width() const { return out_width_; }
    PlanBuilder& builder() const { return builder_; }

  private:
    int k_folds() const { return static_cast<int>((gemm_.k + fold_terms_ - 1) / fold_terms_); }
    WordRuns whole_input() const;
    // The input that output rows [first, first + rows) need for k_folds [first_k, last_k).
    WordRuns input_words(int group, int first, int rows, int first_k_fold, int last_k_fold) const;
    bool input_fits(int group, int first, int rows, int first_k_fold, int last_k_fold) const;
    // Each k_fold's input of any output row fits one half of the activation buffer.
    bool k_folds_fit() const;
    void fill(const WordRuns& runs);
    int rows_that_fit(int group, int first) const;
    int k_folds_that_fit(int group, int row, int first_k_fold) const;
    int plan_tile(int group, int first);
    void plan_split_row(int group, int row);
    Block begin_block(int group, int first_row, int rows, int first_n_fold, int n_folds);
    void drain(const Block& block);

    PlanBuilder& builder_;
    const workloads::Layer& layer_;
    workloads::GemmShape gemm_;
    std::int64_t positions_;  // of the output channels of a group, copies with them
    TensorLayout layout_;
    workloads::Window window_;
    workloads::Shape input_, output_;
    std::int64_t half_words_;
    std::int64_t fold_terms_;
    int out_rows_ = 1, out_width_ = 1;  // rows of all images
    bool resident_ = false;
    std::int32_t activation_fill_ = -1, activation_load_ = -1;
    std::unordered_map<std::int64_t, std::int32_t> writers_;  // of the block: accumulator → fold
};

}  // namespace fluence::dataflow
