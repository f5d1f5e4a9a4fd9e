// Input stationary: a fold keeps R reduction terms of C pixels and streams output channels.
#include <algorithm>

#include "sim/dataflow/mac_layer_planner.h"

namespace fluence::dataflow {
namespace {

class InputStationaryPlanner : public MacLayerPlanner {
  public:
    explicit InputStationaryPlanner(PlanBuilder& builder)
        : MacLayerPlanner(builder, builder.config().array.rows) {
        const WeightBlock full = builder.map().weight_block(builder.layer_id(), 0, 0, 0);
        weight_n_folds_ =
            static_cast<int>(std::clamp<std::int64_t>(builder.weight_capacity() / full.words, 1, n_folds()));
    }

  private:
    // Long streams are worth more than large tiles, as long as a tile's pixels fill the columns.
    int tile_rows() const override {
        const std::int64_t filling =
            std::min<std::int64_t>(out_rows(), (pe_cols() + out_width() - 1) / out_width());
        const int channels = std::min(weight_n_folds_, n_folds_of_accumulators(filling * out_width()));
        return rows_of_accumulators(channels) > 0 ? rows_of_accumulators(channels) : rows_of_accumulators(1);
    }
    int block_n_folds() const override { return weight_n_folds_; }

    void add_folds(const Block& block, int first_k_fold, int last_k_fold) override {
        for (int first = block.first_n_fold; first < block.last_n_fold; first += weight_n_folds_) {
            const int last = std::min(first + weight_n_folds_, block.last_n_fold);
            for (int k = first_k_fold; k < last_k_fold; ++k) {
                add_pixels(block, first, last, k);
            }
        }
    }

    void add_pixels(const Block& block, int first_n_fold, int last_n_fold, int k_fold) {
        std::vector<PlanBuilder::WeightRun> weights;
        std::int64_t channels = 0;
        for (int n = first_n_fold; n < last_n_fold; ++n) {
            weights.push_back(weights_of(block, n, k_fold));
            channels += channels_of(n);
        }
        const std::int64_t end = block.first_pixel + block.pixels;
        for (std::int64_t m = block.first_pixel; m < end; m += pe_cols()) {
            const std::int64_t pixels = std::min(pe_cols(), end - m);
            add_fold(block,
                     {k_fold, first_n_fold, m, pixels, first_n_fold * pe_cols(), channels, k_terms(k_fold),
                      pixels},
                     weights);
        }
    }

    int weight_n_folds_ = 1;  // whose weights of R terms fit one half of the weight buffer
};

}  // namespace

void plan_mac_layer_input_stationary(PlanBuilder& builder) {
    InputStationaryPlanner(builder).plan();
}

}  // namespace fluence::dataflow
