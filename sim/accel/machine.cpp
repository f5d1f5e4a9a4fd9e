#include "sim/accel/machine.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <systemc>

#include "sim/accel/accelerator.h"
#include "sim/accel/memory_image.h"
#include "sim/accel/recorder.h"
#include "sim/core/error.h"

namespace fluence::accel {
namespace {

// What the child sends first.
constexpr char kResult = 'R';
constexpr char kInputError = 'I';
constexpr char kFailure = 'F';

void write_all(int descriptor, const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t count = ::write(descriptor, bytes.data() + sent, bytes.size() - sent);
        if (count < 0 && errno != EINTR) {
            return;  // the parent is gone
        }
        sent += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
}

std::string read_all(int descriptor) {
    std::string bytes;
    std::vector<char> chunk(std::size_t{1} << 16);
    for (;;) {
        const ssize_t count = ::read(descriptor, chunk.data(), chunk.size());
        if (count > 0) {
            bytes.append(chunk.data(), static_cast<std::size_t>(count));
        } else if (count == 0 || errno != EINTR) {
            return bytes;
        }
    }
}

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

std::string run_to_message(const workloads::Graph& graph, const AcceleratorConfig& config,
                           const protect::Policy& policy, const workloads::Codes& image) {
    try {
        const MachineRun run = elaborate_and_run(graph, config, policy, image);
        std::ostringstream stream;
        stream.put(kResult);
        traces::write(stream, run.timeline);
        write_tensors(stream, run.tensors);
        return stream.str();
    } catch (const InputError& error) {
        return kInputError + std::string(error.what());
    } catch (const std::exception& error) {
        return kFailure + std::string(error.what());
    }
}

MachineRun parse_message(const std::string& message, const workloads::Graph& graph) {
    std::istringstream stream(message);
    const int kind = stream.get();
    if (kind == kInputError) {
        throw InputError("", "", message.substr(1));
    }
    if (kind == kFailure) {
        throw std::runtime_error("the machine failed: " + message.substr(1));
    }
    MachineRun run;
    run.timeline = traces::read_timeline(stream, "the machine's process");
    run.tensors = read_tensors(stream, graph);
    return run;
}

std::string ending_of(int status) {
    if (WIFSIGNALED(status)) {
        return std::string("was ended by signal ") + std::to_string(WTERMSIG(status)) + " (" +
               strsignal(WTERMSIG(status)) + ")";
    }
    return "ended with code " + std::to_string(WEXITSTATUS(status)) + " and no result";
}

}  // namespace

MachineRun elaborate_and_run(const workloads::Graph& graph, const AcceleratorConfig& config,
                             const protect::Policy& policy, const workloads::Codes& image) {
    sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
    sc_core::sc_report_handler::set_actions(sc_core::SC_WARNING, sc_core::SC_THROW);
    const Workload workload(graph, config, policy);
    Recorder recorder(workload);
    Accelerator accelerator("accelerator", workload, memory_image(workload, image), &recorder);
    sc_core::sc_start();
    if (!accelerator.finished()) {
        throw std::logic_error("the machine came to a halt with work left");
    }
    return {recorder.finish(), accelerator.tensors()};
}

MachineRun run_machine(const workloads::Graph& graph, const AcceleratorConfig& config,
                       const protect::Policy& policy, const workloads::Codes& image) {
    int ends[2];
    if (::pipe(ends) != 0) {
        throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
    }
    std::cout.flush();
    const pid_t child = ::fork();
    if (child < 0) {
        ::close(ends[0]);
        ::close(ends[1]);
        throw std::runtime_error(std::string("cannot start a process: ") + std::strerror(errno));
    }
    if (child == 0) {
        ::close(ends[0]);
        write_all(ends[1], run_to_message(graph, config, policy, image));
        ::_exit(0);
    }
    ::close(ends[1]);
    const std::string message = read_all(ends[0]);
    ::close(ends[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (message.empty()) {
        throw std::runtime_error("the machine's process " + ending_of(status));
    }
    return parse_message(message, graph);
}

}  // namespace fluence::accel
