// Output stationary: a fold keeps the sums of R pixels and C channels and streams reduction terms.
#include <algorithm>

#include "sim/dataflow/mac_layer_planner.h"

namespace fluence::dataflow {
namespace {

// As many terms as have their weights for C channels in one half of the weight buffer; where that is not the
// whole reduction, a multiple of R.
std::int64_t fold_terms(const PlanBuilder& builder) {
    const workloads::GemmShape gemm = workloads::gemm_shape(builder.graph(), builder.layer());
    const std::int64_t row_words = builder.map().weight_block(builder.layer_id(), 0, 0, 0).row_words;
    const std::int64_t fitting = builder.weight_capacity() / row_words;
    const std::int64_t rows = builder.config().array.rows;
    if (fitting >= gemm.k) {
        return gemm.k;
    }
    return fitting >= rows ? fitting / rows * rows : std::max<std::int64_t>(1, fitting);
}

class OutputStationaryPlanner : public MacLayerPlanner {
  public:
    explicit OutputStationaryPlanner(PlanBuilder& builder) : MacLayerPlanner(builder, fold_terms(builder)) {}

  private:
    void add_folds(const Block& block, int first_k_fold, int last_k_fold) override {
        for (int n = block.first_n_fold; n < block.last_n_fold; ++n) {
            for (int k = first_k_fold; k < last_k_fold; ++k) {
                add_pixels(block, n, k);
            }
        }
    }

    void add_pixels(const Block& block, int n_fold, int k_fold) {
        const std::int64_t channels = channels_of(n_fold);
        const std::int64_t end = block.first_pixel + block.pixels;
        for (std::int64_t m = block.first_pixel; m < end; m += pe_rows()) {
            const std::int64_t pixels = std::min(pe_rows(), end - m);
            add_fold(block, {k_fold, n_fold, m, pixels, n_fold * pe_cols(), channels, pixels, channels},
                     {weights_of(block, n_fold, k_fold)});
        }
    }
};

}  // namespace

void plan_mac_layer_output_stationary(PlanBuilder& builder) {
    OutputStationaryPlanner(builder).plan();
}

}  // namespace fluence::dataflow
