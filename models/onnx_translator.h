// Writes an ONNX graph down as a TorchScript graph, which ScriptReader reads like any other. Part of the
// implementation of ScriptModule::load(); includes Torch's graph headers.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/onnx/onnx_file.h"

namespace fluence::models {

class OnnxTranslator {
  public:
    // `source`: names the model in messages.
    OnnxTranslator(const OnnxGraph& from, std::string source);

    // Inputs (self, images), one output. Throws InputError with the operator, its node and what to do.
    std::shared_ptr<torch::jit::Graph> translate();

  private:
    using Value = torch::jit::Value;
    using Ints = std::vector<std::int64_t>;
    using Arguments = std::vector<torch::jit::NamedValue>;
    using Handler = void (OnnxTranslator::*)(const OnnxNode&);

    // Known now (`constant` is defined), or computed from the images: activations, or sizes (int or int[]).
    struct Entity {
        at::Tensor constant;
        Value* value = nullptr;
    };

    static const std::map<std::string, Handler>& handlers();
    [[noreturn]] void fail(const OnnxNode& node, const std::string& reason,
                           const std::string& valid = "") const;

    // onnx_translator.cpp: attributes, inputs, results.
    std::int64_t integer(const OnnxNode& node, const std::string& key, std::int64_t absent) const;
    double real(const OnnxNode& node, const std::string& key, double absent) const;
    std::string text(const OnnxNode& node, const std::string& key, const std::string& absent) const;
    Ints integers(const OnnxNode& node, const std::string& key, const Ints& absent) const;
    // `count` numbers, each −32767 … 32767.
    Ints extents(const OnnxNode& node, const std::string& key, const Ints& absent) const;
    // From the input at `index` where the opset has it there, otherwise from the attribute.
    Ints integers_at(const OnnxNode& node, std::size_t index, const std::string& key,
                     const Ints& absent) const;

    bool given(const OnnxNode& node, std::size_t index) const;
    const Entity& entity(const OnnxNode& node, std::size_t index) const;
    at::Tensor constant(const OnnxNode& node, std::size_t index) const;
    Value* activation(const OnnxNode& node, std::size_t index = 0) const;
    Value* any(const OnnxNode& node, std::size_t index);                           // constants too
    Value* weight(const OnnxNode& node, std::size_t index, const at::Tensor& as);  // named after its layer
    c10::IValue none() const { return {}; }

    Value* insert(const char* op, const Arguments& arguments);
    void result(const OnnxNode& node, Value* value, std::size_t index = 0);

    // onnx_sizes.cpp: arithmetic on constants and on sizes.
    bool fold_constants(const OnnxNode& node);
    bool is_size(const OnnxNode& node, std::size_t index) const;
    Value* size_list(const OnnxNode& node, std::size_t index);
    Value* single_size(const OnnxNode& node, std::size_t index);
    void shape(const OnnxNode& node);
    void gather(const OnnxNode& node);
    void unsqueeze(const OnnxNode& node);
    void arithmetic(const OnnxNode& node);

    // onnx_operators.cpp
    void constant_node(const OnnxNode& node);
    void convolution(const OnnxNode& node);
    void gemm(const OnnxNode& node);
    void matmul(const OnnxNode& node);
    void batch_norm(const OnnxNode& node);
    void relu(const OnnxNode& node);
    void clip(const OnnxNode& node);
    void max_pool(const OnnxNode& node);
    void average_pool(const OnnxNode& node);
    void global_average_pool(const OnnxNode& node);
    void reduce_mean(const OnnxNode& node);
    void add(const OnnxNode& node);
    void concat(const OnnxNode& node);
    void flatten(const OnnxNode& node);
    void reshape(const OnnxNode& node);
    void squeeze(const OnnxNode& node);
    void transpose(const OnnxNode& node);
    void slice(const OnnxNode& node);
    void split(const OnnxNode& node);
    void pad(const OnnxNode& node);
    void softmax(const OnnxNode& node);
    void dropout(const OnnxNode& node);
    void identity(const OnnxNode& node);

    // A window's attributes; asymmetric padding becomes zeros of its own in front of the operator.
    struct Window {
        Ints kernel, stride, dilation, padding;
    };
    Window window(const OnnxNode& node, const Ints& kernel, Value*& x);

    const OnnxGraph& from_;
    const std::string source_;
    std::shared_ptr<torch::jit::Graph> graph_;
    Value* images_ = nullptr;
    std::map<std::string, Entity> entities_;
};

}  // namespace fluence::models
