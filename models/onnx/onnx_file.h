// An ONNX file (https://onnx.ai, IR version 3 and later) as plain records: nodes in execution order,
// constants, the tensor of images, the result. Free of Torch and of protobuf's types.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace fluence::models {

struct OnnxTensor {
    std::vector<std::int64_t> dims;      // none: a single number
    bool is_real = true;                 // which of the two holds the values
    std::vector<float> reals;            // of float, double, half and bfloat16; finite
    std::vector<std::int64_t> integers;  // of all integer types and bool
    std::int64_t elements() const;
};

struct OnnxNode {
    using Attribute = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>,
                                   std::vector<double>, OnnxTensor>;
    std::string op;                            // "Conv"; of another domain than ONNX's own: "domain::Op"
    std::string name;                          // may be empty
    std::vector<std::string> inputs, outputs;  // names of values; empty: left out
    std::map<std::string, Attribute> attributes;

    std::string place() const;  // for messages
};

struct OnnxGraph {
    std::int64_t opset = 0;
    std::map<std::string, OnnxTensor> constants;  // initialisers, by name
    std::vector<OnnxNode> nodes;
    std::string input;                     // the images
    std::vector<std::int64_t> input_dims;  // −1: not said; none: nothing is said
    std::string output;                    // the logits
};

// Every value that a node reads is a constant, the input or made by a node in front of it; none is made
// twice. Throws InputError for files that are missing, truncated or damaged, for data types without a meaning
// in an inference, for NaN and infinite values, and where inputs or outputs are not one each.
OnnxGraph read_onnx(const std::string& path);

}  // namespace fluence::models
