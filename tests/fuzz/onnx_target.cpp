// The ONNX reader alone, which needs no LibTorch.
#include "models/onnx/onnx_file.h"
#include "tests/fuzz/onnx_seeds.h"
#include "tests/fuzz/targets.h"
#include "tests/support/temporary_directory.h"

namespace fluence::test {

Body onnx_target(const std::string& folder) {
    const onnx::ModelProto seed = onnx_seed();
    const std::string path = folder + "/model.onnx";
    write_file(path, seed.SerializeAsString());
    models::read_onnx(path);  // whole it can be read
    return [=](RandomStream& stream, Mutator& mutate) {
        write_file(path, damaged_onnx(seed, stream, mutate));
        models::read_onnx(path);
    };
}

}  // namespace fluence::test
