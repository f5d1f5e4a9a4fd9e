// Networks as chains of steps, named as the state dicts of their reference implementations are, so that these
// can be loaded. Includes Torch: for implementation files of models/ only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/network.h"

namespace fluence::models {

struct ConvShape {
    int in = 0, out = 0;
    int kernel = 1, stride = 1, pad = 0, groups = 1;
    bool bias = false;
};

class Chain;
using ChainPtr = std::shared_ptr<Chain>;

// Calls append a step each and return the chain; weights are drawn there (convolutions: Kaiming normal).
class Chain : public Network {
  public:
    using Step = std::function<torch::Tensor(const torch::Tensor&)>;
    using Named = std::vector<std::pair<std::string, ChainPtr>>;

    explicit Chain(const std::string& name = "Chain") : Network(name) {}

    Chain& conv(const std::string& name, const ConvShape& shape);
    Chain& norm(const std::string& name, int channels, double epsilon = 1e-5);
    Chain& linear(const std::string& name, int in, int out);
    Chain& relu();
    Chain& relu6();
    // `ceil`: a last window may hang over the edge.
    Chain& max_pool(int kernel, int stride, int pad = 0, bool ceil = false);
    Chain& adaptive_avg_pool(int side);
    Chain& flatten();
    // A chain of its own as one step.
    Chain& then(const std::string& name, const ChainPtr& chain);
    // All parts see the same input; their outputs are joined along channels. The layers of a part without a
    // name are named as if they were this chain's own.
    Chain& concat(const Named& parts);
    Chain& step(Step step);

    // Adds shortcut(x) to what the steps so far make of the input x. `name` and `chain`: a shortcut with
    // weights, null for the input itself.
    Chain& add_input(const std::string& name = "", const ChainPtr& chain = nullptr);
    Chain& add_input(const Step& shortcut);

    torch::Tensor forward(torch::Tensor x) override;

  private:
    std::vector<Step> steps_;
};

inline ChainPtr chain(const std::string& name = "Chain") {
    return std::make_shared<Chain>(name);
}

// Throws InputError unless the images are square and `sides` holds their side.
void require_sides(const std::string& network, const workloads::Shape& input, const std::vector<int>& sides);
// Throws InputError unless the images are square with a side that is a multiple of `unit` and at least
// `least`.
void require_multiple(const std::string& network, const workloads::Shape& input, int unit, int least);

}  // namespace fluence::models
