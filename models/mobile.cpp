// MobileNetV2 (Sandler et al., CVPR 2018) and ShuffleNetV2 x1.0 (Ma et al., ECCV 2018) as torchvision has
// them.
#include <ATen/ATen.h>

#include "models/chain.h"

namespace fluence::models {
namespace {

using workloads::Shape;

ConvShape depthwise(int channels, int stride) {
    return {channels, channels, 3, stride, 1, channels};
}

ChainPtr conv_norm_relu6(const ConvShape& shape) {
    ChainPtr part = chain("ConvBNReLU");
    part->conv("0", shape).norm("1", shape.out).relu6();
    return part;
}

ChainPtr inverted_residual(int in, int out, int stride, int expansion) {
    const int hidden = in * expansion;
    ChainPtr path = chain("Path");
    int number = 0;
    if (expansion != 1) {
        path->then(std::to_string(number++), conv_norm_relu6({in, hidden}));
    }
    path->then(std::to_string(number++), conv_norm_relu6(depthwise(hidden, stride)));
    path->conv(std::to_string(number), {hidden, out}).norm(std::to_string(number + 1), out);
    ChainPtr block = chain("InvertedResidual");
    block->then("conv", path);
    if (stride == 1 && in == out) {
        block->add_input();
    }
    return block;
}

// (b, c, h, w) → (b, 2, c/2, h, w) → the two middle dimensions exchanged. −1: a trace must not keep the
// number of images.
torch::Tensor shuffled(const torch::Tensor& x) {
    const auto channels = x.size(1);
    return x.view({-1, 2, channels / 2, x.size(2), x.size(3)})
        .transpose(1, 2)
        .contiguous()
        .view({-1, channels, x.size(2), x.size(3)});
}

ChainPtr shuffle_branch(int in, int out, int stride) {
    ChainPtr branch = chain("Branch");
    branch->conv("0", {in, out}).norm("1", out).relu();
    branch->conv("3", depthwise(out, stride)).norm("4", out);
    branch->conv("5", {out, out}).norm("6", out).relu();
    return branch;
}

ChainPtr shuffle_unit(int in, int out, int stride) {
    ChainPtr unit = chain("InvertedResidual");
    const int half = out / 2;
    if (stride == 1) {
        ChainPtr branch = shuffle_branch(half, half, 1);
        unit->register_module("branch2", branch);
        unit->step([branch](const torch::Tensor& x) {
            const auto parts = x.chunk(2, 1);
            return at::cat({parts[0], branch->forward(parts[1])}, 1);
        });
    } else {
        ChainPtr shortcut = chain("Branch");
        shortcut->conv("0", depthwise(in, stride)).norm("1", in);
        shortcut->conv("2", {in, half}).norm("3", half).relu();
        unit->concat({{"branch1", shortcut}, {"branch2", shuffle_branch(in, half, stride)}});
    }
    unit->step(shuffled);
    return unit;
}

}  // namespace

std::shared_ptr<Network> make_mobilenet_v2(const Shape& input, int classes) {
    require_multiple("mobilenet_v2", input, 32, 32);
    struct Group {
        int expansion, out, blocks, stride;
    };
    ChainPtr features = chain("Features");
    features->then("0", conv_norm_relu6({input.channels, 32, 3, 2, 1}));
    int in = 32;
    int number = 1;
    for (const Group& group : {Group{1, 16, 1, 1}, Group{6, 24, 2, 2}, Group{6, 32, 3, 2}, Group{6, 64, 4, 2},
                               Group{6, 96, 3, 1}, Group{6, 160, 3, 2}, Group{6, 320, 1, 1}}) {
        for (int i = 0; i < group.blocks; ++i) {
            const int stride = i == 0 ? group.stride : 1;
            features->then(std::to_string(number++),
                           inverted_residual(in, group.out, stride, group.expansion));
            in = group.out;
        }
    }
    features->then(std::to_string(number), conv_norm_relu6({in, 1280}));
    ChainPtr classifier = chain("Classifier");
    classifier->linear("1", 1280, classes);
    ChainPtr net = chain("MobileNetV2");
    net->then("features", features).adaptive_avg_pool(1).flatten().then("classifier", classifier);
    return net;
}

std::shared_ptr<Network> make_shufflenet_v2(const Shape& input, int classes) {
    require_multiple("shufflenet_v2", input, 32, 32);
    const auto entry = [](int in, int out, int kernel, int stride) {
        ChainPtr part = chain("ConvBNReLU");
        part->conv("0", {in, out, kernel, stride, kernel / 2}).norm("1", out).relu();
        return part;
    };
    struct Stage {
        int number, out, units;
    };
    ChainPtr net = chain("ShuffleNetV2");
    net->then("conv1", entry(input.channels, 24, 3, 2)).max_pool(3, 2, 1);
    int in = 24;
    for (const Stage& s : {Stage{2, 116, 4}, Stage{3, 232, 8}, Stage{4, 464, 4}}) {
        ChainPtr stage = chain("Stage");
        for (int i = 0; i < s.units; ++i) {
            stage->then(std::to_string(i), shuffle_unit(in, s.out, i == 0 ? 2 : 1));
            in = s.out;
        }
        net->then("stage" + std::to_string(s.number), stage);
    }
    net->then("conv5", entry(in, 1024, 1, 1));
    net->step([](const torch::Tensor& x) { return x.mean({2, 3}); }).linear("fc", 1024, classes);
    return net;
}

}  // namespace fluence::models
