#include "sim/arith/onednn_conv.h"

#include <cstdlib>
#include <dnnl.hpp>

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

}  // namespace

bool OnednnConv::exact_for(const workloads::Layer& layer) {
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
    dnnl::stream stream(impl_->engine);
    impl_->primitive.execute(stream,
                             {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, impl_->weights}, {DNNL_ARG_DST, to}});
    stream.wait();
    return result;
}

}  // namespace fluence::arith
