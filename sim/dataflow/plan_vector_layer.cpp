// Layers without MACs: ranges of output rows whose operands fit one half of the activation buffer.
#include <algorithm>

#include "sim/dataflow/plan_builder.h"
#include "sim/dataflow/tensor_layout.h"
#include "workloads/channel_order.h"

namespace fluence::dataflow {
namespace {

using workloads::OpKind;

class VectorLayerPlanner {
  public:
    explicit VectorLayerPlanner(PlanBuilder& builder)
        : builder_(builder),
          layer_(builder.layer()),
          output_(builder.graph().tensor(layer_.output).shape),
          half_words_(builder.half_words(builder.config().activation_buffer)) {
        for (const TensorId input : layer_.inputs) {
            layouts_.emplace_back(builder.graph(), builder.map(), input);
        }
    }

    void plan() {
        const std::int64_t rows = output_.channels * output_.rows();
        for (std::int64_t row = 0; row < rows;) {
            row += plan_range(row, rows);
        }
    }

  private:
    // Flat elements of input `i` that output row `row` of channel `channel` needs.
    PlanBuilder::Range needed(std::size_t i, std::int64_t channel, std::int64_t row) const {
        const workloads::Shape& input = builder_.graph().tensor(layer_.inputs[i]).shape;
        const workloads::Window& w = layer_.window;
        const workloads::InputRows rows = input_rows(input, output_, w, row);
        const std::int64_t first_row = std::max(rows.first, rows.begin);
        const std::int64_t last_row =
            std::min(rows.first + std::int64_t{w.kernel_h - 1} * w.dilation_h + 1, rows.end);
        if (layer_.kind == OpKind::subsample) {
            channel = workloads::subsample_source(layer_, input.channels, channel);
        } else if (layer_.kind == OpKind::concat) {
            for (std::size_t j = 0; j < i; ++j) {
                channel -= builder_.graph().tensor(layer_.inputs[j]).shape.channels;
            }
        }
        if (channel < 0 || channel >= input.channels || first_row >= last_row) {
            return {};
        }
        return {channel * input.plane() + first_row * input.width,
                channel * input.plane() + last_row * input.width};
    }

    // A load brings its words in ascending order: where shuffled channels turn back, another pass begins.
    bool turns_back(std::int64_t row) const {
        if (layer_.kind != OpKind::subsample || layer_.groups == 1 || row % output_.rows() != 0) {
            return false;
        }
        const int channels = builder_.graph().tensor(layer_.inputs[0]).shape.channels;
        const std::int64_t channel = row / output_.rows();
        return workloads::subsample_source(layer_, channels, channel) <
               workloads::subsample_source(layer_, channels, channel - 1);
    }

    // Adds what output row `row` needs; false and unchanged where that does not fit any more.
    bool extend(std::vector<PlanBuilder::Operand>& operands, std::int64_t row) const {
        std::vector<WordRuns::Mark> marks;
        std::int64_t words = 0;
        for (std::size_t i = 0; i < operands.size(); ++i) {
            marks.push_back(operands[i].runs.mark());
            const PlanBuilder::Range range = needed(i, row / output_.rows(), row % output_.rows());
            operands[i].runs.add_elements(layouts_[i], builder_.word_bytes(), range.first, range.last);
            words += operands[i].runs.words();
        }
        if (words <= half_words_) {
            return true;
        }
        for (std::size_t i = 0; i < operands.size(); ++i) {
            operands[i].runs.undo(marks[i]);
        }
        return false;
    }

    std::int64_t plan_range(std::int64_t first, std::int64_t rows) {
        std::vector<PlanBuilder::Operand> operands;
        for (const TensorLayout& layout : layouts_) {
            operands.push_back({layout.stored(), {}});
        }
        std::int64_t count = 0;
        while (first + count < rows && !(count > 0 && turns_back(first + count)) &&
               extend(operands, first + count)) {
            ++count;
        }
        if (count == 0) {
            std::int64_t words = 0;
            for (std::size_t i = 0; i < operands.size(); ++i) {
                const PlanBuilder::Range range = needed(i, first / output_.rows(), first % output_.rows());
                operands[i].runs.add_elements(layouts_[i], builder_.word_bytes(), range.first, range.last);
                words += operands[i].runs.words();
            }
            builder_.too_small("activation_buffer", builder_.config().activation_buffer,
                               "the operands of one output row", words * builder_.word_bytes());
        }
        TilePlan& plan = builder_.plan();
        traces::VectorPass pass;
        pass.first_element = first * output_.width;
        pass.elements = count * output_.width;
        PassUse use;
        use.activation_fill = builder_.fill_activations(operands, pass.operand_loads);
        plan.activation_fills.back().last_user = static_cast<std::int32_t>(plan.passes.size());
        const std::int64_t begin = pass.first_element;
        const std::int64_t end = begin + pass.elements;
        builder_.add_pass(std::move(pass), use, {{begin, end}});
        return count;
    }

    PlanBuilder& builder_;
    const workloads::Layer& layer_;
    workloads::Shape output_;
    std::int64_t half_words_;
    std::vector<TensorLayout> layouts_;
};

}  // namespace

void plan_vector_layer(PlanBuilder& builder) {
    if (builder.layer().kind != OpKind::flatten) {
        VectorLayerPlanner(builder).plan();
    }
}

}  // namespace fluence::dataflow
