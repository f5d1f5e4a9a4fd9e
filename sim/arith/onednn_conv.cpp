#include "sim/arith/onednn_conv.h"

#include <cstdlib>
#include <dnnl.hpp>
#include <set>

#include "sim/core/openmp.h"

namespace fluence::arith {

using dnnl::memory;

struct OnednnConv::Impl {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::convolution_forward::primitive_desc description;
    dnnl::convolution_forward primitive;
    memory weights;
    workloads::Shape input, output;
};

namespace {

// Source and result stay pixel-major so that packing is one pass; oneDNN chooses the weights' layout.
dnnl::convolution_forward::primitive_desc describe(const dnnl::engine& engine, const workloads::Layer& layer,
                                                   const workloads::Shape& input,
                                                   const workloads::Shape& output, const workloads::Window& w,
                                                   bool unsigned_input) {
    const memory::desc source({input.images, input.channels, input.height, input.width},
                              unsigned_input ? memory::data_type::u8 : memory::data_type::s8,
                              memory::format_tag::nhwc);
    const memory::desc weights(
        {layer.groups, output.channels / layer.groups, input.channels / layer.groups, w.kernel_h, w.kernel_w},
        memory::data_type::s8, memory::format_tag::any);
    const memory::desc result({output.images, output.channels, output.height, output.width},
                              memory::data_type::s32, memory::format_tag::nhwc);
    const memory::dims padding = {w.pad_h, w.pad_w};
    // Down to the last window's end; what no window reaches counts as padding of less than 0.
    const auto behind = [](int out, int stride, int kernel, int dilation, int in, int front) {
        return memory::dim{out - 1} * stride + memory::dim{kernel - 1} * dilation + 1 - in - front;
    };
    const memory::dims after = {
        behind(output.height, w.stride_h, w.kernel_h, w.dilation_h, input.height, w.pad_h),
        behind(output.width, w.stride_w, w.kernel_w, w.dilation_w, input.width, w.pad_w)};
    const dnnl::convolution_forward::desc forward(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, source, weights, result,
        {w.stride_h, w.stride_w}, {w.dilation_h - 1, w.dilation_w - 1}, padding, after);
    return {forward, engine};
}

// Codes over the whole range, in no order that weights could have.
Codes probe_codes(std::int64_t count, bool is_unsigned) {
    Codes codes(static_cast<std::size_t>(count));
    std::uint32_t state = 1;
    for (std::int32_t& code : codes) {
        state = state * 1664525U + 1013904223U;  // Numerical Recipes
        code = static_cast<std::int32_t>(state >> 24) - (is_unsigned ? 0 : 128);
    }
    return codes;
}

// The sum of an output as the definition has it.
std::int32_t defined_sum(const workloads::Layer& layer, const workloads::Shape& input,
                         const workloads::Shape& output, const workloads::Window& w, const Codes& codes,
                         int channel, int row, int column) {
    const int depth = input.channels / layer.groups;
    const int first = channel / (output.channels / layer.groups) * depth;
    const std::int64_t image = output.image_of(row);
    const int top = (row - static_cast<int>(image) * output.height) * w.stride_h - w.pad_h;
    const int left = column * w.stride_w - w.pad_w;
    const std::int8_t* weight =
        layer.weights.data() + std::int64_t{channel} * depth * w.kernel_h * w.kernel_w;
    std::int32_t sum = 0;
    for (int c = first; c < first + depth; ++c) {
        const std::int32_t* plane = codes.data() + (c * input.images + image) * input.height * input.width;
        for (int ky = 0; ky < w.kernel_h; ++ky) {
            for (int kx = 0; kx < w.kernel_w; ++kx, ++weight) {
                const int y = top + ky * w.dilation_h;
                const int x = left + kx * w.dilation_w;
                if (y >= 0 && y < input.height && x >= 0 && x < input.width) {
                    sum += *weight * plane[y * input.width + x];
                }
            }
        }
    }
    return sum;
}

// First, middle and last: with and without padding.
std::set<int> sampled(std::int64_t count) {
    const int last = static_cast<int>(count - 1);
    return {0, last / 2, last};
}

}  // namespace

bool OnednnConv::fits_floats(const workloads::Layer& layer) {
    constexpr std::int64_t kLargest = (std::int64_t{1} << 24) / 256;
    const std::size_t reduction = layer.weights.size() / layer.bias.size();
    for (std::size_t begin = 0; begin < layer.weights.size(); begin += reduction) {
        std::int64_t sum = 0;
        for (std::size_t k = begin; k < begin + reduction; ++k) {
            sum += std::abs(static_cast<int>(layer.weights[k]));
        }
        if (sum > kLargest) {
            return false;
        }
    }
    return true;
}

OnednnConv::OnednnConv(const workloads::Layer& layer, const workloads::Shape& input,
                       const workloads::Shape& output, const workloads::Window& window, bool unsigned_input)
    : impl_(std::make_unique<Impl>()) {
    const OneOpenmpThread alone;
    impl_->input = input;
    impl_->output = output;
    impl_->description = describe(impl_->engine, layer, input, output, window, unsigned_input);
    impl_->primitive = dnnl::convolution_forward(impl_->description);
    // A linear layer's weights are in the order channel, row, column of its input: goihw as well.
    const memory::desc plain({layer.groups, output.channels / layer.groups, input.channels / layer.groups,
                              window.kernel_h, window.kernel_w},
                             memory::data_type::s8, memory::format_tag::goihw);
    std::vector<std::int8_t> copy = layer.weights;
    memory from(plain, impl_->engine, copy.data());
    impl_->weights = memory(impl_->description.weights_desc(), impl_->engine);
    dnnl::stream stream(impl_->engine);
    dnnl::reorder(from, impl_->weights).execute(stream, from, impl_->weights);
    stream.wait();
}

OnednnConv::~OnednnConv() = default;

std::unique_ptr<OnednnConv> OnednnConv::make_exact(const workloads::Layer& layer,
                                                   const workloads::Shape& input,
                                                   const workloads::Shape& output,
                                                   const workloads::Window& window, bool unsigned_input) {
    if (!fits_floats(layer)) {
        return nullptr;
    }
    std::unique_ptr<OnednnConv> conv(new OnednnConv(layer, input, output, window, unsigned_input));
    const Codes codes = probe_codes(input.elements(), unsigned_input);
    const std::vector<std::int32_t> sums = conv->run(codes);
    for (const int row : sampled(output.rows())) {
        for (const int column : sampled(output.width)) {
            const std::int32_t* pixel =
                sums.data() + (std::int64_t{row} * output.width + column) * output.channels;
            for (int n = 0; n < output.channels; ++n) {
                if (pixel[n] != defined_sum(layer, input, output, window, codes, n, row, column)) {
                    return nullptr;
                }
            }
        }
    }
    return conv;
}

std::vector<std::int32_t> OnednnConv::run(const Codes& input) const {
    const workloads::Shape& in = impl_->input;
    std::vector<std::uint8_t> source(static_cast<std::size_t>(in.elements()));
    const std::int64_t plane = in.plane();
    for (int c = 0; c < in.channels; ++c) {
        for (std::int64_t p = 0; p < plane; ++p) {
            source[static_cast<std::size_t>(p * in.channels + c)] =
                static_cast<std::uint8_t>(input[static_cast<std::size_t>(c * plane + p)]);
        }
    }
    std::vector<std::int32_t> result(static_cast<std::size_t>(impl_->output.elements()));
    memory from(impl_->description.src_desc(), impl_->engine, source.data());
    memory to(impl_->description.dst_desc(), impl_->engine, result.data());
    const OneOpenmpThread alone;
    dnnl::stream stream(impl_->engine);
    impl_->primitive.execute(stream,
                             {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, impl_->weights}, {DNNL_ARG_DST, to}});
    stream.wait();
    return result;
}

}  // namespace fluence::arith
