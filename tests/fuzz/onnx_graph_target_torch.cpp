// What the importer makes of ONNX files, up to the folded graph.
#include "models/script_graph.h"
#include "tests/fuzz/onnx_seeds.h"
#include "tests/fuzz/targets.h"
#include "tests/support/temporary_directory.h"

namespace fluence::test {

namespace {

void import_graph(const std::string& path) {
    std::vector<std::string> report;
    models::FloatGraph graph = models::ScriptModule::load(path).graph({4, 8, 8}, report);
    models::fold(graph, path, report);
}

}  // namespace

Body onnx_graph_target(const std::string& folder) {
    const onnx::ModelProto seed = onnx_seed();
    const std::string path = folder + "/model.onnx";
    write_file(path, seed.SerializeAsString());
    import_graph(path);  // whole it can be imported
    return [=](RandomStream& stream, Mutator& mutate) {
        write_file(path, damaged_onnx(seed, stream, mutate));
        import_graph(path);
    };
}

}  // namespace fluence::test
