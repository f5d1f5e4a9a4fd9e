// SqueezeNet 1.0 and 1.1 (Iandola et al., arXiv:1602.07360) as torchvision has them.
#include "models/chain.h"

namespace fluence::models {
namespace {

using workloads::Shape;

ChainPtr fire(int in, int squeeze, int expand) {
    ChainPtr one = chain();
    one->conv("expand1x1", {squeeze, expand, 1, 1, 0, 1, true}).relu();
    ChainPtr three = chain();
    three->conv("expand3x3", {squeeze, expand, 3, 1, 1, 1, true}).relu();
    ChainPtr block = chain("Fire");
    block->conv("squeeze", {in, squeeze, 1, 1, 0, 1, true}).relu();
    block->concat({{"", one}, {"", three}});
    return block;
}

// Squeeze channels and half of the output's; numbered as torchvision numbers its layers. 0: a pooling.
struct Entry {
    int number, squeeze, expand;
};

std::shared_ptr<Network> squeezenet(const ChainPtr& features, int in, const std::vector<Entry>& entries,
                                    int classes) {
    for (const Entry& entry : entries) {
        if (entry.squeeze == 0) {
            features->max_pool(3, 2, 0, true);
        } else {
            features->then(std::to_string(entry.number), fire(in, entry.squeeze, entry.expand));
            in = 2 * entry.expand;
        }
    }
    ChainPtr classifier = chain("Classifier");
    classifier->conv("1", {in, classes, 1, 1, 0, 1, true}).relu().adaptive_avg_pool(1).flatten();
    ChainPtr net = chain("SqueezeNet");
    net->then("features", features).then("classifier", classifier);
    return net;
}

}  // namespace

std::shared_ptr<Network> make_squeezenet1_0(const Shape& input, int classes) {
    require_multiple("squeezenet1_0", input, 1, 32);
    ChainPtr features = chain("Features");
    features->conv("0", {input.channels, 96, 7, 2, 0, 1, true}).relu().max_pool(3, 2, 0, true);
    return squeezenet(features, 96,
                      {{3, 16, 64},
                       {4, 16, 64},
                       {5, 32, 128},
                       {6, 0, 0},
                       {7, 32, 128},
                       {8, 48, 192},
                       {9, 48, 192},
                       {10, 64, 256},
                       {11, 0, 0},
                       {12, 64, 256}},
                      classes);
}

std::shared_ptr<Network> make_squeezenet1_1(const Shape& input, int classes) {
    require_multiple("squeezenet1_1", input, 1, 32);
    ChainPtr features = chain("Features");
    features->conv("0", {input.channels, 64, 3, 2, 0, 1, true}).relu().max_pool(3, 2, 0, true);
    return squeezenet(features, 64,
                      {{3, 16, 64},
                       {4, 16, 64},
                       {5, 0, 0},
                       {6, 32, 128},
                       {7, 32, 128},
                       {8, 0, 0},
                       {9, 48, 192},
                       {10, 48, 192},
                       {11, 64, 256},
                       {12, 64, 256}},
                      classes);
}

}  // namespace fluence::models
