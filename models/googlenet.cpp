// GoogLeNet (Szegedy et al., CVPR 2015) as torchvision has it: batch norm, 3x3 where the paper has 5x5,
// without the auxiliary classifiers, which only training uses.
#include "models/chain.h"

namespace fluence::models {
namespace {

constexpr double kEpsilon = 1e-3;

ChainPtr conv_norm(const ConvShape& shape) {
    ChainPtr part = chain("BasicConv2d");
    part->conv("conv", shape).norm("bn", shape.out, kEpsilon).relu();
    return part;
}

struct Inception {
    int in, one, reduce3, three, reduce5, five, pooled;
};

ChainPtr reduced(int in, int reduce, int out) {
    ChainPtr part = chain("Branch");
    part->then("0", conv_norm({in, reduce})).then("1", conv_norm({reduce, out, 3, 1, 1}));
    return part;
}

ChainPtr inception(const Inception& s) {
    ChainPtr pooled = chain("Branch");
    pooled->max_pool(3, 1, 1, true).then("1", conv_norm({s.in, s.pooled}));
    ChainPtr block = chain("Inception");
    block->concat({{"branch1", conv_norm({s.in, s.one})},
                   {"branch2", reduced(s.in, s.reduce3, s.three)},
                   {"branch3", reduced(s.in, s.reduce5, s.five)},
                   {"branch4", pooled}});
    return block;
}

}  // namespace

std::shared_ptr<Network> make_googlenet(const workloads::Shape& input, int classes) {
    require_multiple("googlenet", input, 32, 64);
    ChainPtr net = chain("GoogLeNet");
    net->then("conv1", conv_norm({input.channels, 64, 7, 2, 3})).max_pool(3, 2, 0, true);
    net->then("conv2", conv_norm({64, 64})).then("conv3", conv_norm({64, 192, 3, 1, 1}));
    net->max_pool(3, 2, 0, true);
    net->then("inception3a", inception({192, 64, 96, 128, 16, 32, 32}));
    net->then("inception3b", inception({256, 128, 128, 192, 32, 96, 64})).max_pool(3, 2, 0, true);
    net->then("inception4a", inception({480, 192, 96, 208, 16, 48, 64}));
    net->then("inception4b", inception({512, 160, 112, 224, 24, 64, 64}));
    net->then("inception4c", inception({512, 128, 128, 256, 24, 64, 64}));
    net->then("inception4d", inception({512, 112, 144, 288, 32, 64, 64}));
    net->then("inception4e", inception({528, 256, 160, 320, 32, 128, 128})).max_pool(2, 2, 0, true);
    net->then("inception5a", inception({832, 256, 160, 320, 32, 128, 128}));
    net->then("inception5b", inception({832, 384, 192, 384, 48, 128, 128}));
    net->adaptive_avg_pool(1).flatten().linear("fc", 1024, classes);
    return net;
}

}  // namespace fluence::models
