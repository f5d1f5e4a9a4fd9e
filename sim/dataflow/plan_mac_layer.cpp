// Layers with MACs: tiles of output rows, blocks of output channels, folds.
#include <algorithm>

#include "sim/dataflow/plan_builder.h"
#include "sim/dataflow/tensor_layout.h"

namespace fluence::dataflow {
namespace {

class MacLayerPlanner {
  public:
    explicit MacLayerPlanner(PlanBuilder& builder)
        : builder_(builder),
          layer_(builder.layer()),
          gemm_(workloads::gemm_shape(builder.graph(), layer_)),
          layout_(builder.graph(), builder.map(), layer_.inputs[0]),
          half_words_(builder.half_words(builder.config().activation_buffer)) {
        const workloads::Shape& output = builder.graph().tensor(layer_.output).shape;
        out_rows_ = output.height;
        out_width_ = output.width;
        const workloads::Shape& input = builder.graph().tensor(layer_.inputs[0]).shape;
        // A linear layer takes its input flat: as many channels as elements, one row.
        input_ = layer_.kind == workloads::OpKind::linear
                     ? workloads::Shape{static_cast<int>(input.elements()), 1, 1}
                     : input;
        const std::int64_t block_cols = std::min<std::int64_t>(builder.config().array.cols, gemm_.n);
        const std::int64_t row_bytes = std::int64_t{out_width_} * block_cols * 4;
        const std::int64_t half = builder.config().output_buffer.half().count();
        max_rows_ = static_cast<int>(std::min<std::int64_t>(out_rows_, half / row_bytes));
        if (max_rows_ == 0) {
            builder.too_small("output_buffer", builder.config().output_buffer, "one row of accumulators",
                              row_bytes);
        }
    }

    void plan() {
        if (whole_input().words() <= half_words_) {
            fill(whole_input());
            resident_ = true;
        }
        for (int group = 0; group < gemm_.groups; ++group) {
            for (int row = 0; row < out_rows_;) {
                row += plan_tile(group, row);
            }
        }
    }

  private:
    WordRuns whole_input() const {
        WordRuns runs;
        runs.add_elements(layout_, builder_.word_bytes(), 0, input_.elements());
        return runs;
    }

    // Input rows that output rows [first, first + rows) need; where all are padding, one real row.
    WordRuns input_words(int group, int first, int rows) const {
        const workloads::Window& w = layer_.window;
        const std::int64_t top = std::int64_t{first} * w.stride_h - w.pad_h;
        const std::int64_t bottom = (std::int64_t{first} + rows - 1) * w.stride_h - w.pad_h +
                                    std::int64_t{w.kernel_h - 1} * w.dilation_h;
        const std::int64_t begin = std::clamp<std::int64_t>(top, 0, input_.height - 1);
        const std::int64_t end = std::clamp<std::int64_t>(bottom, 0, input_.height - 1) + 1;
        const std::int64_t channels = input_.channels / gemm_.groups;
        WordRuns runs;
        for (std::int64_t c = group * channels; c < (group + 1) * channels; ++c) {
            runs.add_elements(layout_, builder_.word_bytes(), c * input_.plane() + begin * input_.width,
                              c * input_.plane() + end * input_.width);
        }
        return runs;
    }

    void fill(const WordRuns& runs) {
        std::vector<std::int32_t> loads;
        activation_fill_ = builder_.fill_activations({{layout_.stored(), runs}}, loads);
        activation_load_ = loads[0];
    }

    // The most output rows from `first` on whose input fits (words grow with the rows).
    int rows_that_fit(int group, int first) const {
        int fits = 0;
        int fails = std::min(max_rows_, out_rows_ - first) + 1;
        while (fails - fits > 1) {
            const int rows = fits + (fails - fits) / 2;
            (input_words(group, first, rows).words() <= half_words_ ? fits : fails) = rows;
        }
        return fits;
    }

    int plan_tile(int group, int first) {
        int rows = std::min(max_rows_, out_rows_ - first);
        if (!resident_) {
            rows = rows_that_fit(group, first);
            if (rows == 0) {
                builder_.too_small("activation_buffer", builder_.config().activation_buffer,
                                   "the input of one output row",
                                   input_words(group, first, 1).words() * builder_.word_bytes());
            }
            fill(input_words(group, first, rows));
        }
        for (int n = 0; n < builder_.map().n_folds(builder_.layer_id()); ++n) {
            plan_block(group, n, std::int64_t{first} * out_width_, std::int64_t{rows} * out_width_);
        }
        return rows;
    }

    void plan_block(int group, int n_fold, std::int64_t first_pixel, std::int64_t pixels) {
        TilePlan& plan = builder_.plan();
        const auto block = static_cast<std::int32_t>(plan.block_pass.size());
        const std::int64_t accumulator = block % 2 * builder_.config().output_buffer.half().count() / 4;
        const int k_folds = builder_.map().k_folds(builder_.layer_id());
        for (int k = 0; k < k_folds; ++k) {
            const WeightBlock weights = builder_.map().weight_block(builder_.layer_id(), group, n_fold, k);
            FoldUse use;
            use.weight_fill = builder_.fill_weights(weights);
            use.activation_fill = activation_fill_;
            use.pass = static_cast<std::int32_t>(plan.passes.size());
            BufferFill& weight_fill = plan.weight_fills.back();
            const auto index = static_cast<std::int32_t>(plan.folds.size());
            weight_fill.last_user = index;
            plan.activation_fills.back().last_user = index;

            traces::Fold fold;
            fold.layer = builder_.layer_id();
            fold.group = group;
            fold.k_fold = k;
            fold.k_folds = k_folds;
            fold.n_fold = n_fold;
            fold.first_pixel = first_pixel;
            fold.pixels = pixels;
            fold.first_k = std::int64_t{k} * builder_.config().array.rows;
            fold.terms = weights.used_rows;
            fold.first_n = std::int64_t{n_fold} * builder_.config().array.cols;
            fold.channels = weights.used_cols;
            fold.used_rows = weights.used_rows;
            fold.used_cols = weights.used_cols;
            fold.weight_load = weight_fill.loads[0];
            fold.activation_load = activation_load_;
            const traces::Segment& words = plan.loads[static_cast<std::size_t>(fold.weight_load)].segments[0];
            fold.weight_word = words.buffer_word + weights.first_word - words.dram_word;
            fold.accumulator = accumulator;
            fold.accumulator_stride = pixels;
            plan.folds.push_back(fold);
            plan.fold_uses.push_back(use);
        }
        drain(plan.folds.back(), block);
    }

    void drain(const traces::Fold& fold, std::int32_t block) {
        TilePlan& plan = builder_.plan();
        traces::VectorPass pass;
        pass.group = fold.group;
        pass.n_fold = fold.n_fold;
        pass.first_pixel = fold.first_pixel;
        pass.pixels = fold.pixels;
        pass.first_n = fold.first_n;
        pass.channels = fold.channels;
        pass.accumulator = fold.accumulator;
        pass.elements = fold.used_cols * fold.pixels;
        std::vector<PlanBuilder::Range> produced;
        for (std::int64_t c = 0; c < fold.used_cols; ++c) {
            const std::int64_t channel =
                fold.group * gemm_.n + std::int64_t{fold.n_fold} * builder_.config().array.cols + c;
            const std::int64_t first = channel * gemm_.m + fold.first_pixel;
            produced.push_back({first, first + fold.pixels});
        }
        PassUse use;
        use.block = block;
        use.last_fold = static_cast<std::int32_t>(plan.folds.size()) - 1;
        plan.block_pass.push_back(builder_.add_pass(std::move(pass), use, produced));
    }

    PlanBuilder& builder_;
    const workloads::Layer& layer_;
    workloads::GemmShape gemm_;
    TensorLayout layout_;
    workloads::Shape input_;
    std::int64_t half_words_;
    int out_rows_ = 1, out_width_ = 1, max_rows_ = 0;
    bool resident_ = false;
    std::int32_t activation_fill_ = -1, activation_load_ = -1;
};

}  // namespace

void plan_mac_layer(PlanBuilder& builder) {
    MacLayerPlanner(builder).plan();
}

}  // namespace fluence::dataflow
