// Small ONNX models to be damaged.
#pragma once

#include <onnx/onnx_pb.h>

#include "sim/core/random.h"
#include "tests/fuzz/mutator.h"

namespace fluence::test {

// A network of four channels of 8×8 with every kind of attribute and constant that the reader knows.
onnx::ModelProto onnx_seed();

// The bytes of a damaged seed: half of them changed as bytes, half field by field, so that the file still
// parses.
std::string damaged_onnx(const onnx::ModelProto& seed, RandomStream& stream, Mutator& mutate);

}  // namespace fluence::test
