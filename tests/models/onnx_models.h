// ONNX files written through the format's own classes.
#pragma once

#include <ATen/core/Tensor.h>
#include <onnx/onnx_pb.h>

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "models/float_graph.h"

namespace fluence::test {

class OnnxModel {
  public:
    using Names = std::vector<std::string>;
    using Ints = std::vector<std::int64_t>;
    using Attribute = std::variant<std::int64_t, float, std::string, Ints>;
    using Attributes = std::map<std::string, Attribute>;

    // `batch`: images, 0 for any number ("N").
    explicit OnnxModel(const workloads::Shape& images, std::int64_t opset = 13, std::int64_t batch = 0);

    // All return the name of what they make. Reals become FLOAT, integers INT64, as raw bytes.
    std::string constant(const std::string& name, const at::Tensor& values);
    std::string integers(const Ints& values);
    std::string number(std::int64_t value);  // without dimensions
    std::string node(const std::string& op, const Names& inputs, const Attributes& attributes = {});
    Names nodes(const std::string& op, const Names& inputs, std::size_t outputs,
                const Attributes& attributes);
    void output(const std::string& value);

    onnx::ModelProto& proto() { return proto_; }
    std::string bytes() const;
    void save(const std::string& path) const;

  private:
    onnx::ModelProto proto_;
    int values_ = 0;
};

// The same network: every operator of a graph that is not folded as ONNX nodes. Batch norm is written with
// mean 0 and variance 1.
OnnxModel onnx_of(const models::FloatGraph& graph);

}  // namespace fluence::test
