// Plain stacks of convolutions: All-CNN-C (Springenberg et al., ICLR 2015 workshop), AlexNet as torchvision
// has it (Krizhevsky, arXiv:1404.5997), VGG (Simonyan, Zisserman, ICLR 2015, configurations D and E).
#include "models/chain.h"

namespace fluence::models {
namespace {

using workloads::Shape;

constexpr int kPool = 0;  // in a list of channels

ConvShape conv3x3(int in, int out, bool bias) {
    return {in, out, 3, 1, 1, 1, bias};
}

const std::vector<int>& vgg16_channels() {
    static const std::vector<int> list = {64,    64,  kPool, 128, 128,   kPool, 256, 256, 256,
                                          kPool, 512, 512,   512, kPool, 512,   512, 512, kPool};
    return list;
}

const std::vector<int>& vgg19_channels() {
    static const std::vector<int> list = {64,  64,  kPool, 128, 128,   kPool, 256, 256, 256, 256,  kPool,
                                          512, 512, 512,   512, kPool, 512,   512, 512, 512, kPool};
    return list;
}

// Numbered as torchvision numbers its layers, ReLU and pooling counted.
ChainPtr features(int in, const std::vector<int>& channels, bool norm) {
    ChainPtr part = chain("Features");
    int number = 0;
    for (const int out : channels) {
        if (out == kPool) {
            part->max_pool(2, 2);
            ++number;
            continue;
        }
        part->conv(std::to_string(number++), conv3x3(in, out, true));
        if (norm) {
            part->norm(std::to_string(number++), out);
        }
        part->relu();
        ++number;
        in = out;
    }
    return part;
}

std::shared_ptr<Network> vgg(const char* name, const Shape& input, int classes,
                             const std::vector<int>& channels) {
    require_sides(name, input, {224});
    ChainPtr classifier = chain("Classifier");
    classifier->linear("0", 512 * 7 * 7, 4096).relu();
    classifier->linear("3", 4096, 4096).relu();
    classifier->linear("6", 4096, classes);
    ChainPtr net = chain("VGG");
    net->then("features", features(input.channels, channels, false));
    net->adaptive_avg_pool(7).flatten().then("classifier", classifier);
    return net;
}

}  // namespace

std::shared_ptr<Network> make_allcnnc(const Shape& input, int classes) {
    require_multiple("allcnnc", input, 4, 8);
    const auto conv = [](int in, int out, int kernel, int stride) {
        return ConvShape{in, out, kernel, stride, kernel / 2, 1, true};
    };
    ChainPtr net = chain("AllCnnC");
    net->conv("conv1", conv(input.channels, 96, 3, 1)).relu();
    net->conv("conv2", conv(96, 96, 3, 1)).relu();
    net->conv("conv3", conv(96, 96, 3, 2)).relu();
    net->conv("conv4", conv(96, 192, 3, 1)).relu();
    net->conv("conv5", conv(192, 192, 3, 1)).relu();
    net->conv("conv6", conv(192, 192, 3, 2)).relu();
    net->conv("conv7", conv(192, 192, 3, 1)).relu();
    net->conv("conv8", conv(192, 192, 1, 1)).relu();
    net->conv("conv9", conv(192, classes, 1, 1)).relu();
    net->adaptive_avg_pool(1).flatten();
    return net;
}

std::shared_ptr<Network> make_alexnet(const Shape& input, int classes) {
    require_sides("alexnet", input, {224, 227});
    ChainPtr part = chain("Features");
    part->conv("0", {input.channels, 64, 11, 4, 2, 1, true}).relu().max_pool(3, 2);
    part->conv("3", {64, 192, 5, 1, 2, 1, true}).relu().max_pool(3, 2);
    part->conv("6", conv3x3(192, 384, true)).relu();
    part->conv("8", conv3x3(384, 256, true)).relu();
    part->conv("10", conv3x3(256, 256, true)).relu().max_pool(3, 2);
    ChainPtr classifier = chain("Classifier");
    classifier->linear("1", 256 * 6 * 6, 4096).relu();
    classifier->linear("4", 4096, 4096).relu();
    classifier->linear("6", 4096, classes);
    ChainPtr net = chain("AlexNet");
    net->then("features", part).adaptive_avg_pool(6).flatten().then("classifier", classifier);
    return net;
}

// With batch norm and one linear layer, as VGG is used for 32x32 images.
std::shared_ptr<Network> make_vgg16_cifar(const Shape& input, int classes) {
    require_sides("vgg16_cifar", input, {32});
    ChainPtr net = chain("VGG");
    net->then("features", features(input.channels, vgg16_channels(), true));
    net->flatten().linear("classifier", 512, classes);
    return net;
}

std::shared_ptr<Network> make_vgg16(const Shape& input, int classes) {
    return vgg("vgg16", input, classes, vgg16_channels());
}

std::shared_ptr<Network> make_vgg19(const Shape& input, int classes) {
    return vgg("vgg19", input, classes, vgg19_channels());
}

}  // namespace fluence::models
