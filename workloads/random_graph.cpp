#include "workloads/random_graph.h"

#include <algorithm>

#include "workloads/batch.h"
#include "workloads/graph_builder.h"

namespace fluence::workloads {

namespace {

Window square(int kernel, int stride = 1, int pad = 0) {
    return {kernel, kernel, stride, stride, pad, pad, 1, 1};
}

// One draw a statement: the order of draws must not depend on the compiler.
class Draw {
  public:
    Draw(RandomStream& stream, const RandomGraphOptions& options)
        : stream_(stream),
          options_(options),
          input_{between(1, std::min(4, options.max_channels)), between(1, options.max_extent),
                 between(1, options.max_extent)},
          builder_("random", stream, input_, chance(2) ? NumberFormat::u8 : NumberFormat::s8) {}

    Graph graph() {
        TensorId at = builder_.input();
        const int blocks = between(1, options_.max_blocks);
        for (int i = 0; i < blocks; ++i) {
            at = block(at);
        }
        Graph one = classifier(at);
        if (options_.max_images == 1 || !chance(3)) {
            return one;
        }
        return batched(one, between(2, options_.max_images), one.name);
    }

  private:
    int between(int low, int high) {
        return low + static_cast<int>(stream_.below(static_cast<std::uint64_t>(high - low + 1)));
    }
    bool chance(int in) { return stream_.below(static_cast<std::uint64_t>(in)) == 0; }

    TensorId block(TensorId at) {
        switch (options_.convolutions_only ? between(0, 2) : between(0, 9)) {
            case 0:
            case 1:
                return convolution(at);
            case 2:
                return depthwise(at);
            case 3:
                return max_pool(at);
            case 4:
                return builder_.avg_pool(at, pool_window(at));
            case 5:
                return residual(at);
            case 6:
                return shortcut(at);
            case 7:
                return concatenation(at);
            case 8:
                return split(at);
            default:
                return subsample(at);
        }
    }

    // A window along one dimension that fits its input.
    void draw_window(int extent, int& kernel, int& stride, int& pad, int& dilation) {
        pad = between(0, 2);
        dilation = chance(4) ? 2 : 1;
        kernel = between(1, 4);
        while (output_extent(extent, kernel, 1, pad, dilation) == 0) {
            --kernel;
        }
        stride = chance(3) ? between(2, 3) : 1;
    }

    Window conv_window(TensorId at) {
        const Shape& in = builder_.shape(at);
        Window w;
        draw_window(in.height, w.kernel_h, w.stride_h, w.pad_h, w.dilation_h);
        draw_window(in.width, w.kernel_w, w.stride_w, w.pad_w, w.dilation_w);
        return w;
    }

    // Padding below the kernel's reach and no dilation: each window holds an element.
    Window pool_window(TensorId at) {
        const Shape& in = builder_.shape(at);
        Window w;
        w.kernel_h = between(1, std::min(3, in.height));
        w.kernel_w = between(1, std::min(3, in.width));
        w.pad_h = between(0, w.kernel_h / 2);
        w.pad_w = between(0, w.kernel_w / 2);
        w.stride_h = between(1, 2);
        w.stride_w = between(1, 2);
        return w;
    }

    // A convolution that keeps height and width.
    TensorId same(TensorId at, int channels, bool relu) {
        const int kernel = chance(2) ? 3 : 1;
        return builder_.conv(at, channels, {square(kernel, 1, kernel / 2), 1, relu});
    }

    TensorId convolution(TensorId at) {
        const int in = builder_.shape(at).channels;
        const int groups = chance(3) ? divisor(in) : 1;
        const int channels = groups * between(1, std::max(1, options_.max_channels / groups));
        const Window window = conv_window(at);
        const bool relu = !chance(3);
        return builder_.conv(at, channels, {window, groups, relu, chance(4)});
    }

    TensorId depthwise(TensorId at) {
        const int in = builder_.shape(at).channels;
        return builder_.conv(at, in, {conv_window(at), in, !chance(3)});
    }

    TensorId subsample(TensorId at) {
        const int stride = between(1, 2);
        const int before = between(0, 2);
        const int after = between(0, 2);
        return builder_.subsample(at, stride, before, after, divisor(builder_.shape(at).channels));
    }

    int divisor(int of) {
        int groups = between(1, of);
        while (of % groups != 0) {
            --groups;
        }
        return groups;
    }

    TensorId max_pool(TensorId at) {
        const Window window = pool_window(at);
        return builder_.max_pool(at, window, chance(2));
    }

    // A unit of ShuffleNetV2: some channels are left as they are, then all are shuffled.
    TensorId split(TensorId at) {
        const int channels = builder_.shape(at).channels;
        if (channels < 2) {
            return convolution(at);
        }
        const int left = between(1, channels - 1);
        const TensorId kept = builder_.subsample(at, 1, 0, left - channels);
        const TensorId rest = builder_.subsample(at, 1, -left, 0);
        const int fresh = between(1, 3);
        const TensorId branch = same(rest, fresh, !chance(3));
        const TensorId both = builder_.concat({kept, branch});
        return builder_.subsample(both, 1, 0, 0, divisor(left + fresh));
    }

    TensorId residual(TensorId at) {
        const TensorId branch = same(at, builder_.shape(at).channels, false);
        const bool relu = !chance(3);
        return chance(2) ? builder_.add(at, branch, relu) : builder_.add(branch, at, relu);
    }

    // The block of a residual network that halves the plane: strided convolution beside an option-A shortcut.
    TensorId shortcut(TensorId at) {
        const int in = builder_.shape(at).channels;
        const int before = between(0, 2);
        const int after = between(0, 2);
        const TensorId branch = builder_.conv(at, in + before + after, {square(3, 2, 1), 1, false});
        return builder_.add(branch, builder_.subsample(at, 2, before, after), true);
    }

    TensorId concatenation(TensorId at) {
        std::vector<TensorId> parts;
        if (chance(2)) {
            parts.push_back(at);
        }
        const int branches = between(parts.empty() ? 2 : 1, 3);
        for (int i = 0; i < branches; ++i) {
            const int channels = between(1, 3);
            parts.push_back(same(at, channels, !chance(3)));
        }
        return builder_.concat(parts);
    }

    Graph classifier(TensorId at) {
        if (chance(3) && !options_.convolutions_only) {
            const Shape& in = builder_.shape(at);
            Window whole;
            whole.kernel_h = in.height;
            whole.kernel_w = in.width;
            at = builder_.avg_pool(at, whole);
        }
        if (chance(2) && !options_.convolutions_only) {
            at = builder_.flatten(at);
        }
        if (chance(2)) {
            const int features = between(1, options_.max_channels);
            at = builder_.linear(at, features, !chance(3));
        }
        builder_.logits(at, between(2, std::max(2, options_.max_classes)));
        return builder_.finish();
    }

    RandomStream& stream_;
    const RandomGraphOptions& options_;
    Shape input_;
    GraphBuilder builder_;
};

}  // namespace

Graph random_graph(RandomStream& stream, const RandomGraphOptions& options) {
    return Draw(stream, options).graph();
}

Codes random_image(const Graph& graph, RandomStream& stream) {
    const TensorInfo& input = graph.tensor(graph.input);
    const std::int64_t lowest = min_code(input.format);
    const auto count = static_cast<std::uint64_t>(max_code(input.format) - lowest + 1);
    Codes codes(static_cast<std::size_t>(input.shape.elements()));
    for (std::int32_t& code : codes) {
        const bool zero = stream.below(5) == 0;
        code = zero ? 0 : static_cast<std::int32_t>(lowest + static_cast<std::int64_t>(stream.below(count)));
    }
    return codes;
}

}  // namespace fluence::workloads
