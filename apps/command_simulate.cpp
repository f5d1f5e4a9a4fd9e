#include "apps/command_simulate.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>
#include <utility>

#include "analysis/report_files.h"
#include "apps/latency_report.h"
#include "apps/options.h"
#include "apps/stream_file.h"
#include "apps/trace_context.h"
#include "sim/accel/area.h"
#include "sim/accel/machine.h"
#include "sim/accel/register_dump.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/core/text.h"
#include "sim/protect/policy.h"
#include "sim/protect/rerun.h"
#include "sim/words/machine_check.h"
#include "sim/words/resolver.h"
#include "sim/words/stepped_machine.h"
#include "traces/perfetto.h"
#include "traces/timeline_csv.h"
#include "traces/timeline_vcd.h"
#include "workloads/batch.h"
#include "workloads/bundle.h"
#include "workloads/word_bundle.h"

namespace fluence::apps {
namespace {

struct SimulateRequest {
    std::string bundle, accelerator, policy;
    cost::Process process;                                     // of the energy
    std::optional<std::int64_t> image;                         // none: cycles alone, no values
    int batch = 1;                                             // images from `image` on in one inference
    std::string csv, json, records, residency, perfetto, vcd;  // files to write; empty: none
    std::string signals, registers;                            // of the VCD: shell patterns
};

void write_file(const std::string& path, const std::string& content) {
    if (path.empty()) {
        return;
    }
    const std::filesystem::path target(path);
    const std::string directory = target.has_parent_path() ? target.parent_path().string() : ".";
    for (const std::string& written :
         analysis::write_files(directory, {{target.filename().string(), content}})) {
        std::cout << "wrote " << written << "\n";
    }
}

template <class Write>
std::string written_by(Write write, const traces::Timeline& timeline) {
    std::ostringstream stream;
    write(stream, timeline);
    return stream.str();
}

// A batch may lack tensors that the bundle has (workloads::batched).
std::size_t tensor_named(const workloads::Graph& graph, const std::string& name) {
    const auto found = std::find_if(graph.tensors.begin(), graph.tensors.end(),
                                    [&](const workloads::TensorInfo& tensor) { return tensor.name == name; });
    return static_cast<std::size_t>(found - graph.tensors.begin());
}

// Images from `first` on, one behind the other.
workloads::Codes batch_of_images(const workloads::Bundle& bundle, const workloads::Graph& batch,
                                 std::int64_t first) {
    std::vector<workloads::Codes> images;
    for (int i = 0; i < batch.images(); ++i) {
        images.push_back(bundle.image(first + i));
    }
    return workloads::stacked(images, batch.tensor(batch.input).shape);
}

// The machine computes the bundle's golden activations, or one of the two is wrong; but an array whose sums
// wrap or saturate below 32 bits may compute others.
void compare_with_golden(const workloads::Bundle& bundle, const workloads::Graph& batch, std::int64_t first,
                         const ArrayConfig& array, const accel::MachineRun& run) {
    const bool exact = array.accumulator_bits == 32 && array.overflow == Overflow::wrap;
    std::size_t differ = 0;
    std::size_t compared = 0;
    for (int i = 0; i < batch.images(); ++i) {
        const std::int64_t image = first + i;
        if (image >= static_cast<std::int64_t>(bundle.golden.size())) {
            break;
        }
        for (std::size_t t = 0; t < batch.tensors.size(); ++t) {
            const workloads::TensorInfo& tensor = batch.tensors[t];
            if (run.tensors[t].empty()) {  // kept on chip
                continue;
            }
            const workloads::Codes& golden =
                bundle.golden[static_cast<std::size_t>(image)][tensor_named(bundle.graph, tensor.name)];
            differ += workloads::image_of(run.tensors[t], tensor.shape, i) != golden ? 1 : 0;
            ++compared;
            if (differ > 0 && exact) {
                throw std::runtime_error("the machine's tensor \"" + tensor.name +
                                         "\" differs from the bundle's golden activations of image " +
                                         std::to_string(image));
            }
        }
    }
    if (compared == 0) {
        return;
    }
    if (differ == 0) {
        std::cout << "\nAll " << compared << " tensors equal the bundle's golden activations.\n";
    } else {
        std::cout << "\n"
                  << differ << " of " << compared
                  << " tensors differ from the bundle's golden activations: the array's sums overflow "
                  << array.accumulator_bits << " bits.\n";
    }
}

// Signals of the timeline, and registers of the array out of a run of the register-true machine. `bundle`:
// needed for those.
void write_vcd(const SimulateRequest& request, const LatencyReport& report, const workloads::Bundle* bundle,
               const workloads::Graph& batch, const protect::Policy& policy) {
    // No pattern, no registers: nobody waits for a run in which they move.
    accel::RegisterDump registers(report.config.array, request.registers);
    if (registers.signals().empty() && !request.registers.empty()) {
        throw InputError("fluence simulate", "--registers",
                         "\"" + request.registers + "\" matches no register of this array",
                         "array.BANK.rROW_cCOLUMN, for instance array.pe_psum.r0_c*");
    }
    traces::TimelineVcd dump(report.timeline, trace_context(report.network, report.config, report.policy),
                             request.signals, registers.signals());
    if (dump.signals() == 0) {
        throw InputError("fluence simulate", "--signals", "\"" + request.signals + "\" matches no signal",
                         comma_list(traces::vcd_signals()));
    }
    stream_file(request.vcd, [&](std::ostream& stream) {
        dump.begin(stream);
        if (!registers.signals().empty()) {
            registers.write_to(dump);
            accel::elaborate_and_run_detailed(batch, report.config, policy, report.timeline,
                                              batch_of_images(*bundle, batch, request.image.value_or(0)), {},
                                              {}, &registers);
        }
        dump.finish();
    });
}

void write_traces(const SimulateRequest& request, const LatencyReport& report,
                  const workloads::Bundle* bundle, const workloads::Graph& batch,
                  const protect::Policy& policy) {
    if (!request.perfetto.empty()) {
        stream_file(request.perfetto, [&](std::ostream& stream) {
            traces::write_perfetto(stream, report.timeline,
                                   trace_context(report.network, report.config, report.policy));
        });
    }
    if (!request.vcd.empty()) {
        write_vcd(request, report, bundle, batch, policy);
    } else if (!request.registers.empty()) {
        throw InputError("fluence simulate", "--registers", "goes with --vcd", "--vcd FILE");
    }
}

// All but the timeline and its energy.
LatencyReport begin_report(const SimulateRequest& request, const workloads::Graph& batch,
                           const protect::Policy& policy) {
    LatencyReport report;
    report.images = request.batch;
    report.config = read_accelerator(find_config("accelerators", request.accelerator));
    report.policy = policy.name;
    if (protect::reruns(policy)) {
        report.runs = protect::least_runs(policy);
        report.check = protect::check_cycles(policy, report.config, batch);
        report.restart = protect::restart_cycles(report.config);
    }
    report.area = accel::area_of(report.config, policy).area;
    report.unprotected_area = accel::area_of(report.config, protect::Policy()).area;
    report.process = request.process;
    return report;
}

// The energy of its timeline; then the table is whole.
void finish_report(const cost::EnergyTable& energies, const protect::Policy& policy, LatencyReport& report) {
    report.energy = accel::energy_of(report.config, policy, report.timeline, energies);
    std::cout << report.table();
}

void write_files(const SimulateRequest& request, const LatencyReport& report, const workloads::Bundle* bundle,
                 const workloads::Graph& batch, const protect::Policy& policy) {
    write_file(request.csv, report.csv());
    write_file(request.json, report.json().dump(2) + "\n");
    if (!request.records.empty()) {
        write_file(request.records, written_by(traces::write_records_csv, report.timeline));
    }
    if (!request.residency.empty()) {
        write_file(request.residency, written_by(traces::write_residency_csv, report.timeline));
    }
    write_traces(request, report, bundle, batch, policy);
}

// The register-true machine's values of one image against the tile level's, and the bundle's golden
// activations, which floats meet in another order of sums.
void compare_words(const workloads::WordBundle& bundle, std::int64_t image, const AcceleratorConfig& config,
                   const protect::Policy& policy, const traces::Timeline& timeline) {
    const workloads::WordGraph& graph = bundle.graph;
    words::check_machine(graph, config, policy);
    const std::unique_ptr<arith::WordValues> values =
        arith::make_word_values(graph, words::machine_order(graph, config));
    values->load(bundle.image(image));
    const words::SteppedWordMachine::Run run =
        words::SteppedWordMachine(graph, config, policy, timeline).run(bundle.image(image), {});
    const bool has_golden = image < static_cast<std::int64_t>(bundle.golden.size());
    int golden = 0;
    for (std::size_t t = 0; t < graph.structure.tensors.size(); ++t) {
        const bool logits = tensor_id(t) == graph.structure.logits;
        const workloads::Words& got = logits ? run.logits : run.tensors[t];
        if (got != values->golden(tensor_id(t))) {
            throw std::runtime_error("tensor \"" + graph.structure.tensors[t].name +
                                     "\" of the register-true machine differs from the tile level's");
        }
        golden += has_golden && got == bundle.golden[static_cast<std::size_t>(image)][t] ? 1 : 0;
    }
    const std::size_t tensors = graph.structure.tensors.size();
    std::cout << "\nAll " << tensors << " tensors of the register-true machine equal the tile level's";
    if (has_golden) {
        std::cout << ", " << golden << " of them the bundle's golden activations";
        std::cout << (workloads::is_fixed_point(graph.format) ? "" : " (sums are rounded in another order)");
    }
    std::cout << ".\n";
}

void check_words(const SimulateRequest& request, const workloads::WordBundle& bundle) {
    if (!request.registers.empty()) {
        throw InputError("fluence simulate", "--registers",
                         std::string("shows registers of codes, and the bundle's are words of ") +
                             workloads::name_of(bundle.graph.format),
                         "bundles of int8 or fxp8");
    }
    const auto images = static_cast<std::int64_t>(bundle.labels.size());
    if (request.image && (*request.image < 0 || *request.image >= images)) {
        throw InputError("fluence simulate", "--image", "there is no image " + std::to_string(*request.image),
                         "0 to " + std::to_string(images - 1));
    }
    if (request.image && request.batch > 1) {
        throw InputError("fluence simulate", "--image",
                         "with words goes without --batch: values are computed for one image");
    }
}

int simulate_words(const SimulateRequest& request) {
    const workloads::WordBundle bundle = workloads::read_word_bundle(request.bundle);
    const char* format = workloads::name_of(bundle.graph.format);
    check_words(request, bundle);
    const workloads::Graph structure = workloads::stored_structure(bundle.graph);
    const workloads::Graph batch = workloads::batched_structure(structure, request.batch, structure.name);
    const protect::Policy policy = protect::load_policy(request.policy);
    LatencyReport report = begin_report(request, batch, policy);
    if (std::string(name_of(report.config.array.format)) != format) {
        throw InputError(
            report.config.name, "format",
            std::string("is ") + name_of(report.config.array.format) + ", the bundle's is " + format,
            "an accelerator and a bundle of one format (int8, " + comma_list(workloads::word_format_names()) +
                ")");
    }
    report.network = structure.name;
    const cost::EnergyTable energies(request.process);
    report.timeline = accel::time_machine(batch, report.config, policy);
    finish_report(energies, policy, report);
    if (request.image) {
        compare_words(bundle, *request.image, report.config, policy, report.timeline);
    }
    write_files(request, report, nullptr, batch, policy);
    return 0;
}

int simulate(const SimulateRequest& request) {
    if (workloads::has_words(request.bundle)) {
        return simulate_words(request);
    }
    const workloads::Bundle bundle = workloads::read_bundle(request.bundle);
    if (request.image && (*request.image < 0 || *request.image >= bundle.image_count)) {
        throw InputError("fluence simulate", "--image", "there is no image " + std::to_string(*request.image),
                         "0 to " + std::to_string(bundle.image_count - 1));
    }
    const workloads::Graph batch = workloads::batched(bundle.graph, request.batch, bundle.graph.name);
    const std::int64_t last_image = request.image.value_or(0) + request.batch;
    if ((request.image || !request.registers.empty()) && last_image > bundle.image_count) {
        throw InputError("fluence simulate", "--batch",
                         "there are no " + std::to_string(request.batch) + " images from image " +
                             std::to_string(request.image.value_or(0)) + " on",
                         "1 to " + std::to_string(bundle.image_count - request.image.value_or(0)));
    }
    const protect::Policy policy = protect::load_policy(request.policy);
    LatencyReport report = begin_report(request, batch, policy);
    require_int8(report.config, "this bundle");
    report.network = bundle.graph.name;
    const cost::EnergyTable energies(request.process);
    if (request.image) {
        accel::MachineRun run =
            accel::run_machine(batch, report.config, policy, batch_of_images(bundle, batch, *request.image));
        report.timeline = std::move(run.timeline);
        finish_report(energies, policy, report);
        compare_with_golden(bundle, batch, *request.image, report.config.array, run);
    } else {
        report.timeline = accel::time_machine(batch, report.config, policy);
        finish_report(energies, policy, report);
    }
    write_files(request, report, &bundle, batch, policy);
    return 0;
}

}  // namespace

int run_simulate(const Arguments& arguments) {
    SimulateRequest request;
    po::options_description options("Options");
    options.add_options()("bundle", po::value(&request.bundle)->required(), "folder of a workload bundle")(
        "accelerator,a", po::value(&request.accelerator)->default_value("edge-16x16"),
        "name of a preset, or a JSON file")("policy,p", po::value(&request.policy)->default_value("none"),
                                            "name of a preset, or a JSON file")(
        "image", po::value<std::int64_t>(),
        "index of an image: compute its values too and compare them with the bundle's golden activations "
        "(cycles do not depend on values)")("batch", po::value(&request.batch)->default_value(1),
                                            "images in one inference, from --image on")(
        "csv", po::value(&request.csv), "write the table as CSV")("json", po::value(&request.json),
                                                                  "write it as JSON")(
        "records", po::value(&request.records), "write every transfer, fold and vector pass as CSV")(
        "residency", po::value(&request.residency), "write what the buffers hold from when to when as CSV")(
        "perfetto", po::value(&request.perfetto),
        "write layers, folds, transfers and stalls as a trace for ui.perfetto.dev")(
        "vcd", po::value(&request.vcd), "write signals as a value change dump, for GTKWave")(
        "signals", po::value(&request.signals)->default_value("*"), "which of them: a pattern with * and ?")(
        "registers", po::value(&request.registers),
        "registers of the array too, by a run of the register-true machine: array.pe_psum.r0_c*")(
        "node", po::value(&request.process.node_nm)->default_value(cost::Process().node_nm),
        "process of the energy, nm")(
        "supply", po::value(&request.process.supply_volt)->default_value(cost::Process().supply_volt),
        "its supply, V");
    const auto values = parse_options(
        "simulate", "--bundle DIR [OPTIONS]", options, {"bundle"}, arguments,
        "  fluence simulate bundles/lenet5 --accelerator cloud-32x32\n"
        "  fluence simulate bundles/lenet5 -a my-machine.json -p secded --csv layers.csv\n"
        "\nThe columns are explained in docs/machine.md, the memories in docs/memory.md, the trace files "
        "in docs/traces.md, area and energy in docs/costs.md.\n");
    if (!values) {
        return 0;
    }
    if (values->count("image") != 0) {
        request.image = (*values)["image"].as<std::int64_t>();
    }
    return simulate(request);
}

}  // namespace fluence::apps
