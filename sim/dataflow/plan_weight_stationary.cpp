// Weight stationary: a fold keeps R×C weights and streams all pixels of its block.
#include "sim/dataflow/mac_layer_planner.h"

namespace fluence::dataflow {
namespace {

class WeightStationaryPlanner : public MacLayerPlanner {
  public:
    explicit WeightStationaryPlanner(PlanBuilder& builder)
        : MacLayerPlanner(builder, builder.config().array.rows) {}

  private:
    void add_folds(const Block& block, int first_k_fold, int last_k_fold) override {
        for (int n = block.first_n_fold; n < block.last_n_fold; ++n) {
            for (int k = first_k_fold; k < last_k_fold; ++k) {
                const std::int64_t channels = channels_of(n);
                add_fold(
                    block,
                    {k, n, block.first_pixel, block.pixels, n * pe_cols(), channels, k_terms(k), channels},
                    {weights_of(block, n, k)});
            }
        }
    }
};

}  // namespace

void plan_mac_layer_weight_stationary(PlanBuilder& builder) {
    WeightStationaryPlanner(builder).plan();
}

}  // namespace fluence::dataflow
