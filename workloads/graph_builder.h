// Builds valid quantised graphs with random weights, layer by layer. Shapes follow from the operators;
// multipliers are chosen from the expected size of the accumulators, so that codes neither vanish nor all
// saturate.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/random.h"
#include "workloads/graph.h"

namespace fluence::workloads {

class GraphBuilder {
  public:
    GraphBuilder(const std::string& name, RandomStream& stream, Shape input, NumberFormat format);

    struct ConvOptions {
        Window window;
        int groups = 1;
        bool relu = true;        // output u8 with clamp 0 … 255; otherwise s8
        bool over_edge = false;  // as `over_edge` of max_pool
    };
    TensorId conv(TensorId input, int channels, const ConvOptions& options);
    TensorId linear(TensorId input, int channels, bool relu);
    // The last layer: s32 logits.
    TensorId logits(TensorId input, int classes);
    // `over_edge`: a last window may hang over the lower and right edge, where it begins inside the input.
    TensorId max_pool(TensorId input, const Window& window, bool over_edge = false);
    TensorId avg_pool(TensorId input, const Window& window);
    TensorId add(TensorId left, TensorId right, bool relu);
    TensorId concat(const std::vector<TensorId>& inputs);
    TensorId flatten(TensorId input);
    // workloads/channel_order.h
    TensorId subsample(TensorId input, int stride, int channels_before, int channels_after, int groups = 1);

    const Shape& shape(TensorId id) const { return graph_.tensor(id).shape; }
    TensorId input() const { return graph_.input; }

    // Checks and hands out the graph; the last layer added must be logits().
    Graph finish();

  private:
    Layer begin(OpKind kind, const std::vector<TensorId>& inputs);
    TensorId end(Layer layer, Shape shape, NumberFormat format, double scale, double rms);
    void draw_weights(Layer& layer, int channels, std::int64_t reduction, double input_rms, double target);
    void set_factor(Layer& layer, double factor, int precision);
    void set_clamp(Layer& layer, NumberFormat format);
    TensorId moved(OpKind kind, TensorId input, Shape shape, Layer layer);
    double uniform(double low, double high) { return low + (high - low) * stream_.uniform(); }

    RandomStream& stream_;
    Graph graph_;
    std::vector<double> rms_;  // expected root mean square code, by tensor
};

// Output extent of a window along one dimension.
int output_extent(int extent, int kernel, int stride, int pad, int dilation);

}  // namespace fluence::workloads
