// TorchScript or ONNX → FloatGraph.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/float_graph.h"

namespace fluence::models {

class Network;

// A network as a TorchScript module in evaluation mode.
class ScriptModule {
  public:
    // A TorchScript file, or an ONNX file (.onnx), which is translated. Throws InputError where the file is
    // missing, damaged, has no forward(Tensor) or, in ONNX, an operator that is not supported.
    static ScriptModule load(const std::string& path);
    // A network of the registry for images of `input` with weights from a safetensors file; without one they
    // are as drawn when the network is built.
    static ScriptModule from_registry(const std::string& network, const std::string& weights,
                                      const workloads::Shape& input, int classes);

    // A network of the registry with random weights that keep the activations of these images (preprocessed,
    // images × channels × height × width) in range: normalise_weights(). The same seed, the same weights.
    static ScriptModule with_random_weights(const std::string& network, std::uint64_t seed,
                                            const at::Tensor& images, int classes);

    // A network as it is now, for images of `input`; the two share their weights. `source`: for messages.
    static ScriptModule of(Network& network, const std::string& source, const workloads::Shape& input);

    // fp32 logits of a batch, images × classes.
    at::Tensor forward(const at::Tensor& batch) const;
    // The operators of forward() for one image of shape `input`, not folded. Throws InputError with name,
    // place and remedy for operators that have no integer counterpart.
    FloatGraph graph(const workloads::Shape& input, std::vector<std::string>& report) const;

    // Trained numbers: parameters of the module, its buffers left out; of ONNX all real constants.
    std::int64_t parameters() const;
    // What ONNX files say about their images; 0 channels: nothing.
    const workloads::Shape& declared_input() const;

    const std::string& source() const { return source_; }

    struct Impl;
    ScriptModule(std::string source, std::shared_ptr<Impl> impl);

  private:
    std::string source_;  // the file, for messages
    std::shared_ptr<Impl> impl_;
};

}  // namespace fluence::models
