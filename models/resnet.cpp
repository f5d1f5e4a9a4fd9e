// Residual networks (He et al., CVPR 2016): those for small images with shortcuts without parameters (section
// 4.2, option A), and those of section 4.1 with 1x1 convolutions in the shortcuts that change shape (option
// B).
#include <ATen/ATen.h>

#include "models/chain.h"

namespace fluence::models {
namespace {

using workloads::Shape;

ConvShape conv3x3(int in, int out, int stride) {
    return {in, out, 3, stride, 1};
}

// Every second pixel, zero channels on both sides.
Chain::Step option_a(int in, int out, int stride) {
    const std::int64_t extra = (out - in) / 2;
    return [=](const torch::Tensor& x) {
        if (stride == 1 && extra == 0) {
            return x;
        }
        const torch::Tensor kept = x.slice(2, 0, c10::nullopt, stride).slice(3, 0, c10::nullopt, stride);
        return at::constant_pad_nd(kept, {0, 0, 0, 0, extra, extra});
    };
}

ChainPtr two_convolutions(int in, int out, int stride) {
    ChainPtr block = chain("BasicBlock");
    block->conv("conv1", conv3x3(in, out, stride)).norm("bn1", out).relu();
    block->conv("conv2", conv3x3(out, out, 1)).norm("bn2", out);
    return block;
}

// `shortcut`: what the reference implementation calls it.
void add_projection(Chain& block, const std::string& shortcut, int in, int out, int stride) {
    if (stride == 1 && in == out) {
        block.add_input();
    } else {
        ChainPtr projection = chain(shortcut);
        projection->conv("0", {in, out, 1, stride}).norm("1", out);
        block.add_input(shortcut, projection);
    }
    block.relu();
}

ChainPtr basic_block(const std::string& shortcut, int in, int out, int stride) {
    ChainPtr block = two_convolutions(in, out, stride);
    add_projection(*block, shortcut, in, out, stride);
    return block;
}

// The stride is in the 3x3 convolution, as torchvision has it.
ChainPtr bottleneck(const std::string& shortcut, int in, int width, int stride) {
    ChainPtr block = chain("Bottleneck");
    block->conv("conv1", {in, width}).norm("bn1", width).relu();
    block->conv("conv2", conv3x3(width, width, stride)).norm("bn2", width).relu();
    block->conv("conv3", {width, 4 * width}).norm("bn3", 4 * width);
    add_projection(*block, shortcut, in, 4 * width, stride);
    return block;
}

ChainPtr small_images(const char* name, const Shape& input, int classes, int blocks) {
    require_multiple(name, input, 4, 4);
    ChainPtr net = chain("ResNet");
    net->conv("conv1", conv3x3(input.channels, 16, 1)).norm("bn1", 16).relu();
    int in = 16;
    for (int group = 0; group < 3; ++group) {
        const int out = 16 << group;
        ChainPtr layer = chain("Group");
        for (int i = 0; i < blocks; ++i) {
            const int stride = i == 0 && group > 0 ? 2 : 1;
            ChainPtr block = two_convolutions(in, out, stride);
            block->add_input(option_a(in, out, stride)).relu();
            layer->then(std::to_string(i), block);
            in = out;
        }
        net->then("layer" + std::to_string(group + 1), layer);
    }
    net->adaptive_avg_pool(1).flatten().linear("linear", in, classes);
    return net;
}

using Block = ChainPtr (*)(const std::string& shortcut, int in, int width, int stride);

// Four groups of 64, 128, 256 and 512 channels.
void add_groups(Chain& net, const std::string& shortcut, Block block, int expansion,
                const std::vector<int>& blocks) {
    int in = 64;
    for (std::size_t group = 0; group < blocks.size(); ++group) {
        const int width = 64 << group;
        ChainPtr layer = chain("Group");
        for (int i = 0; i < blocks[group]; ++i) {
            layer->then(std::to_string(i), block(shortcut, in, width, i == 0 && group > 0 ? 2 : 1));
            in = width * expansion;
        }
        net.then("layer" + std::to_string(group + 1), layer);
    }
    net.adaptive_avg_pool(1).flatten();
}

ChainPtr large_images(const char* name, const Shape& input) {
    require_multiple(name, input, 32, 64);
    ChainPtr net = chain("ResNet");
    net->conv("conv1", {input.channels, 64, 7, 2, 3}).norm("bn1", 64).relu().max_pool(3, 2, 1);
    return net;
}

}  // namespace

std::shared_ptr<Network> make_resnet20(const Shape& input, int classes) {
    return small_images("resnet20", input, classes, 3);
}

std::shared_ptr<Network> make_resnet32(const Shape& input, int classes) {
    return small_images("resnet32", input, classes, 5);
}

std::shared_ptr<Network> make_resnet56(const Shape& input, int classes) {
    return small_images("resnet56", input, classes, 9);
}

std::shared_ptr<Network> make_resnet18(const Shape& input, int classes) {
    require_multiple("resnet18", input, 8, 8);
    ChainPtr net = chain("ResNet");
    net->conv("conv1", conv3x3(input.channels, 64, 1)).norm("bn1", 64).relu();
    add_groups(*net, "shortcut", basic_block, 1, {2, 2, 2, 2});
    net->linear("linear", 512, classes);
    return net;
}

std::shared_ptr<Network> make_resnet34(const Shape& input, int classes) {
    ChainPtr net = large_images("resnet34", input);
    add_groups(*net, "downsample", basic_block, 1, {3, 4, 6, 3});
    net->linear("fc", 512, classes);
    return net;
}

std::shared_ptr<Network> make_resnet50(const Shape& input, int classes) {
    ChainPtr net = large_images("resnet50", input);
    add_groups(*net, "downsample", bottleneck, 4, {3, 4, 6, 3});
    net->linear("fc", 2048, classes);
    return net;
}

}  // namespace fluence::models
