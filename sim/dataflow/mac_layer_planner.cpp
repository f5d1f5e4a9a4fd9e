#include "sim/dataflow/mac_layer_planner.h"

#include <algorithm>

namespace fluence::dataflow {
namespace {

// The most items, up to `limit`, that still fit; what fits n fits fewer.
template <class Fits>
int most(int limit, Fits fits) {
    int good = 0;
    int bad = limit + 1;
    while (bad - good > 1) {
        const int middle = good + (bad - good) / 2;
        (fits(middle) ? good : bad) = middle;
    }
    return good;
}

}  // namespace

MacLayerPlanner::MacLayerPlanner(PlanBuilder& builder, std::int64_t fold_terms)
    : builder_(builder),
      layer_(builder.layer()),
      gemm_(workloads::gemm_shape(builder.graph(), layer_)),
      positions_(builder.map().positions(builder.layer_id())),
      layout_(builder.graph(), builder.map(), layer_.inputs[0]),
      window_(workloads::window_of(builder.graph(), layer_)),
      input_(builder.graph().tensor(layer_.inputs[0]).shape),
      output_(builder.graph().tensor(layer_.output).shape),
      half_words_(builder.half_words(builder.config().activation_buffer)),
      fold_terms_(fold_terms) {
    if (layer_.kind == workloads::OpKind::linear && input_.images == 1) {
        // One image taken flat: as many channels as elements, one row.
        input_ = {static_cast<int>(input_.elements()), 1, 1};
        window_ = {};
    }
    out_rows_ = static_cast<int>(output_.rows());
    out_width_ = output_.width;
    if (rows_of_accumulators(1) == 0) {
        builder.too_small("output_buffer", builder.config().output_buffer, "one row of accumulators",
                          out_width_ * std::min<std::int64_t>(pe_cols(), positions_) * sum_bytes());
    }
}

int MacLayerPlanner::rows_of_accumulators(int n_folds) const {
    const std::int64_t channels = std::min(n_folds * pe_cols(), positions_);
    const std::int64_t half = builder_.config().output_buffer.half().count();
    return static_cast<int>(std::min<std::int64_t>(out_rows_, half / (out_width_ * channels * sum_bytes())));
}

int MacLayerPlanner::n_folds_of_accumulators(std::int64_t pixels) const {
    const std::int64_t half = builder_.config().output_buffer.half().count() / sum_bytes();
    return pixels * positions_ <= half
               ? n_folds()
               : static_cast<int>(std::max<std::int64_t>(1, half / (pixels * pe_cols())));
}

std::int64_t MacLayerPlanner::k_terms(int k_fold) const {
    return std::min(fold_terms_, gemm_.k - k_fold * fold_terms_);
}

std::int64_t MacLayerPlanner::channels_of(int n_fold) const {
    return std::min(pe_cols(), positions_ - n_fold * pe_cols());
}

void MacLayerPlanner::plan() {
    if (whole_input().words() <= half_words_) {
        fill(whole_input());
        resident_ = true;
    } else if (fold_terms_ > pe_rows() && !k_folds_fit()) {
        fold_terms_ = pe_rows();
    }
    for (int group = 0; group < gemm_.groups; ++group) {
        for (int row = 0; row < out_rows_;) {
            row += plan_tile(group, row);
        }
    }
}

WordRuns MacLayerPlanner::whole_input() const {
    WordRuns runs;
    runs.add_elements(layout_, builder_.word_bytes(), 0, input_.elements());
    return runs;
}

// Where all input rows are padding, one real row.
WordRuns MacLayerPlanner::input_words(int group, int first, int rows, int first_k_fold,
                                      int last_k_fold) const {
    const workloads::InputRows top = input_rows(input_, output_, window_, first);
    const workloads::InputRows bottom = input_rows(input_, output_, window_, first + rows - 1);
    const std::int64_t reach = std::int64_t{window_.kernel_h - 1} * window_.dilation_h;
    const std::int64_t begin = std::clamp(top.first, top.begin, top.end - 1);
    const std::int64_t end = std::clamp(bottom.first + reach, bottom.begin, bottom.end - 1) + 1;
    const std::int64_t taps = std::int64_t{window_.kernel_h} * window_.kernel_w;
    const std::int64_t group_channel = group * (input_.channels / gemm_.groups);
    const std::int64_t last_k = std::min(gemm_.k, last_k_fold * fold_terms_);
    const std::int64_t first_channel = group_channel + first_k_fold * fold_terms_ / taps;
    const std::int64_t last_channel = group_channel + (last_k - 1) / taps;
    WordRuns runs;
    for (std::int64_t c = first_channel; c <= last_channel; ++c) {
        runs.add_elements(layout_, builder_.word_bytes(), c * input_.plane() + begin * input_.width,
                          c * input_.plane() + end * input_.width);
    }
    return runs;
}

bool MacLayerPlanner::input_fits(int group, int first, int rows, int first_k_fold, int last_k_fold) const {
    return input_words(group, first, rows, first_k_fold, last_k_fold).words() <= half_words_;
}

bool MacLayerPlanner::k_folds_fit() const {
    for (int group = 0; group < gemm_.groups; ++group) {
        for (int row = 0; row < out_rows_; ++row) {
            for (int k = 0; k < k_folds(); ++k) {
                if (!input_fits(group, row, 1, k, k + 1)) {
                    return false;
                }
            }
        }
    }
    return true;
}

void MacLayerPlanner::fill(const WordRuns& runs) {
    std::vector<std::int32_t> loads;
    activation_fill_ = builder_.fill_activations({{layout_.stored(), runs}}, loads);
    activation_load_ = loads[0];
}

int MacLayerPlanner::rows_that_fit(int group, int first) const {
    return most(std::min(tile_rows(), out_rows_ - first),
                [&](int rows) { return input_fits(group, first, rows, 0, k_folds()); });
}

int MacLayerPlanner::k_folds_that_fit(int group, int row, int first_k_fold) const {
    return most(k_folds() - first_k_fold,
                [&](int count) { return input_fits(group, row, 1, first_k_fold, first_k_fold + count); });
}

int MacLayerPlanner::plan_tile(int group, int first) {
    int rows = std::min(tile_rows(), out_rows_ - first);
    if (!resident_) {
        rows = rows_that_fit(group, first);
        if (rows == 0) {
            plan_split_row(group, first);
            return 1;
        }
        fill(input_words(group, first, rows, 0, k_folds()));
    }
    const int at_once = std::min(block_n_folds(), n_folds_of_accumulators(std::int64_t{rows} * out_width_));
    for (int n = 0; n < n_folds(); n += at_once) {
        const Block block = begin_block(group, first, rows, n, at_once);
        add_folds(block, 0, k_folds());
        drain(block);
    }
    return rows;
}

void MacLayerPlanner::plan_split_row(int group, int row) {
    const int at_once = std::min(block_n_folds(), n_folds_of_accumulators(out_width_));
    for (int n = 0; n < n_folds(); n += at_once) {
        const Block block = begin_block(group, row, 1, n, at_once);
        for (int k = 0; k < k_folds();) {
            const int count = k_folds_that_fit(group, row, k);
            if (count == 0) {
                builder_.too_small("activation_buffer", builder_.config().activation_buffer,
                                   "the input of one fold of one output row",
                                   input_words(group, row, 1, k, k + 1).words() * builder_.word_bytes());
            }
            fill(input_words(group, row, 1, k, k + count));
            add_folds(block, k, k + count);
            k += count;
        }
        drain(block);
    }
}

MacLayerPlanner::Block MacLayerPlanner::begin_block(int group, int first_row, int rows, int first_n_fold,
                                                    int n_folds) {
    writers_.clear();
    const auto ordinal = static_cast<std::int64_t>(builder_.plan().block_pass.size());
    Block block;
    block.group = group;
    block.first_pixel = std::int64_t{first_row} * out_width_;
    block.pixels = std::int64_t{rows} * out_width_;
    block.first_n_fold = first_n_fold;
    block.last_n_fold = std::min(first_n_fold + n_folds, this->n_folds());
    block.accumulator = ordinal % 2 * builder_.config().output_buffer.half().count() / sum_bytes();
    return block;
}

PlanBuilder::WeightRun MacLayerPlanner::weights_of(const Block& block, int n_fold, int k_fold) const {
    const WeightBlock first = builder_.map().weight_block(builder_.layer_id(), block.group, n_fold, 0);
    return {first.first_word + k_fold * fold_terms_ * first.row_words, k_terms(k_fold) * first.row_words};
}

void MacLayerPlanner::add_fold(const Block& block, const FoldRange& range,
                               const std::vector<PlanBuilder::WeightRun>& weights) {
    TilePlan& plan = builder_.plan();
    const auto index = static_cast<std::int32_t>(plan.folds.size());
    FoldUse use;
    use.weight_fill = builder_.fill_weights(weights);
    use.activation_fill = activation_fill_;
    use.pass = static_cast<std::int32_t>(plan.passes.size());
    BufferFill& weight_fill = plan.weight_fills.back();
    weight_fill.last_user = index;
    plan.activation_fills.back().last_user = index;

    traces::Fold fold;
    fold.layer = builder_.layer_id();
    fold.group = block.group;
    fold.k_fold = range.k_fold;
    fold.k_folds = k_folds();
    fold.n_fold = range.n_fold;
    fold.first_pixel = range.first_pixel;
    fold.pixels = range.pixels;
    fold.first_k = range.k_fold * fold_terms_;
    fold.terms = k_terms(range.k_fold);
    fold.first_n = range.first_n;
    fold.channels = range.channels;
    fold.used_rows = static_cast<std::int32_t>(range.used_rows);
    fold.used_cols = static_cast<std::int32_t>(range.used_cols);
    fold.weight_load = weight_fill.loads[0];
    fold.activation_load = activation_load_;
    fold.weight_word = builder_.weight_word(weights[0]);
    fold.accumulator = block.accumulator + (range.first_n - block.first_n_fold * pe_cols()) * block.pixels +
                       range.first_pixel - block.first_pixel;
    fold.accumulator_stride = block.pixels;
    const auto [writer, first] = writers_.try_emplace(fold.accumulator, index);
    use.writer = first ? -1 : writer->second;
    writer->second = index;
    plan.folds.push_back(fold);
    plan.fold_uses.push_back(use);
}

void MacLayerPlanner::drain(const Block& block) {
    TilePlan& plan = builder_.plan();
    traces::VectorPass pass;
    pass.group = block.group;
    pass.n_fold = block.first_n_fold;
    pass.first_pixel = block.first_pixel;
    pass.pixels = block.pixels;
    pass.first_n = block.first_n_fold * pe_cols();
    pass.channels = std::min(block.last_n_fold * pe_cols(), positions_) - pass.first_n;
    pass.accumulator = block.accumulator;
    pass.elements = pass.channels * pass.pixels;
    std::vector<PlanBuilder::Range> produced;
    for (std::int64_t n = pass.first_n; n < pass.first_n + pass.channels; ++n) {
        const std::int64_t channel = builder_.map().channel(builder_.layer_id(), block.group, n);
        const std::int64_t copy = builder_.map().copy_of(builder_.layer_id(), channel);
        if (copy >= 0 && copy != n) {
            continue;  // its codes wait for the comparison with the copy
        }
        const std::int64_t first = channel * gemm_.m + block.first_pixel;
        produced.push_back({first, first + block.pixels});
    }
    PassUse use;
    use.block = static_cast<std::int32_t>(plan.block_pass.size());
    use.last_fold = static_cast<std::int32_t>(plan.folds.size()) - 1;
    plan.block_pass.push_back(builder_.add_pass(std::move(pass), use, produced));
}

}  // namespace fluence::dataflow
