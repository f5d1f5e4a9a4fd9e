#include "sim/accel/machine.h"

#include <sstream>
#include <stdexcept>
#include <systemc>

#include "sim/accel/accelerator.h"
#include "sim/accel/child_process.h"
#include "sim/accel/memory_image.h"
#include "sim/accel/recorder.h"
#include "sim/accel/systemc_setup.h"

namespace fluence::accel {
namespace {

void write_tensors(std::ostream& stream, const std::vector<workloads::Codes>& tensors) {
    for (const workloads::Codes& codes : tensors) {
        stream.write(reinterpret_cast<const char*>(codes.data()),
                     static_cast<std::streamsize>(codes.size() * sizeof(std::int32_t)));
    }
}

std::vector<workloads::Codes> read_tensors(std::istream& stream, const workloads::Graph& graph) {
    std::vector<workloads::Codes> tensors;
    for (const workloads::TensorInfo& tensor : graph.tensors) {
        workloads::Codes codes(static_cast<std::size_t>(tensor.shape.elements()));
        stream.read(reinterpret_cast<char*>(codes.data()),
                    static_cast<std::streamsize>(codes.size() * sizeof(std::int32_t)));
        tensors.push_back(std::move(codes));
    }
    if (!stream) {
        throw std::runtime_error("the machine's process sent too few bytes");
    }
    return tensors;
}

std::string message_of(const MachineRun& run) {
    std::ostringstream stream;
    traces::write(stream, run.timeline);
    write_tensors(stream, run.tensors);
    return stream.str();
}

MachineRun parse_message(const std::string& message, const workloads::Graph& graph) {
    std::istringstream stream(message);
    MachineRun run;
    run.timeline = traces::read_timeline(stream, "the machine's process");
    run.tensors = read_tensors(stream, graph);
    return run;
}

}  // namespace

MachineRun elaborate_and_run(const workloads::Graph& graph, const AcceleratorConfig& config,
                             const protect::Policy& policy, const workloads::Codes& image) {
    quiet_systemc();
    const Workload workload(graph, config, policy);
    Recorder recorder(workload);
    Accelerator accelerator("accelerator", workload, memory_image(workload, image), &recorder);
    sc_core::sc_start();
    if (!accelerator.finished()) {
        throw std::logic_error("the machine came to a halt with work left");
    }
    return {recorder.finish(), accelerator.tensors()};
}

traces::Timeline elaborate_and_time(const workloads::Graph& graph, const AcceleratorConfig& config,
                                    const protect::Policy& policy) {
    quiet_systemc();
    const Workload workload(graph, config, policy, Words::stay);
    Recorder recorder(workload);
    const Accelerator accelerator("accelerator", workload, {}, &recorder);
    sc_core::sc_start();
    if (!accelerator.finished()) {
        throw std::logic_error("the machine came to a halt with work left");
    }
    return recorder.finish();
}

MachineRun run_machine(const workloads::Graph& graph, const AcceleratorConfig& config,
                       const protect::Policy& policy, const workloads::Codes& image) {
    return parse_message(
        in_child_process([&] { return message_of(elaborate_and_run(graph, config, policy, image)); }), graph);
}

traces::Timeline time_machine(const workloads::Graph& graph, const AcceleratorConfig& config,
                              const protect::Policy& policy) {
    std::istringstream stream(in_child_process([&] {
        std::ostringstream message;
        traces::write(message, elaborate_and_time(graph, config, policy));
        return message.str();
    }));
    return traces::read_timeline(stream, "the machine's process");
}

}  // namespace fluence::accel
