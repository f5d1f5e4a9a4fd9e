#include "tests/fuzz/targets.h"

namespace fluence::test {

const std::vector<Target>& targets() {
    static const std::vector<Target> table = {
        {"idx", "MNIST's files", idx_target},
        {"cifar", "CIFAR-10's files", cifar_target},
        {"image-folder", "labels.txt and PPM images", image_folder_target},
        {"json", "JSON files: values, accelerators", json_target},
        {"bundle", "workload.json and tensors.safetensors", bundle_target},
#ifdef FLUENCE_FUZZ_ONNX
        {"onnx", "ONNX files, as bytes and field by field", onnx_target},
#endif
#ifdef FLUENCE_FUZZ_ONNX_GRAPH
        {"onnx-graph", "the same, and what the importer makes of them", onnx_graph_target},
#endif
    };
    return table;
}

}  // namespace fluence::test
