// TorchScript → FloatGraph.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/float_graph.h"

namespace fluence::models {

// A TorchScript module in evaluation mode.
class ScriptModule {
  public:
    // Throws InputError where the file is missing, damaged or has no forward(Tensor).
    static ScriptModule load(const std::string& path);
    // A network of the registry for images of `input` with weights from a safetensors file; without one they
    // are as drawn when the network is built.
    static ScriptModule from_registry(const std::string& network, const std::string& weights,
                                      const workloads::Shape& input, int classes);

    // fp32 logits of a batch, images × classes.
    at::Tensor forward(const at::Tensor& batch) const;
    // The operators of forward() for one image of shape `input`, not folded. Throws InputError with name,
    // place and remedy for operators that have no integer counterpart.
    FloatGraph graph(const workloads::Shape& input, std::vector<std::string>& report) const;

    // Trained numbers: parameters of the module, its buffers left out.
    std::int64_t parameters() const;

    const std::string& source() const { return source_; }

    struct Impl;
    ScriptModule(std::string source, std::shared_ptr<Impl> impl);

  private:
    std::string source_;  // the file, for messages
    std::shared_ptr<Impl> impl_;
};

}  // namespace fluence::models
