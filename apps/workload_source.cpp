#include "apps/workload_source.h"

#include <zlib.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "sim/campaign/file_lock.h"
#include "sim/campaign/workers.h"
#include "sim/core/error.h"
#ifdef FLUENCE_WITH_TORCH
#include "models/import.h"
#endif

namespace fluence::apps {
namespace {

namespace fs = std::filesystem;
using Log = std::function<void(const std::string&)>;

// Size and CRC-32 of a file, as text; empty where there is none.
std::string fingerprint(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        return "";
    }
    uLong crc = crc32_z(0, nullptr, 0);
    std::uintmax_t size = 0;
    std::array<char, 65536> buffer{};
    while (stream.read(buffer.data(), buffer.size()) || stream.gcount() > 0) {
        const auto bytes = static_cast<std::size_t>(stream.gcount());
        crc = crc32_z(crc, reinterpret_cast<const Bytef*>(buffer.data()), bytes);
        size += bytes;
    }
    return std::to_string(size) + "-" + std::to_string(crc);
}

// What the imported bundle was made from. The data set is named, not read: it is far larger than the model.
nlohmann::json stamp_of(const nlohmann::json& request, const fs::path& data) {
    std::error_code ignored;
    nlohmann::json stamp = {{"request", request},
                            {"data", fs::absolute(data, ignored).lexically_normal().string()}};
    for (const char* key : {"model", "weights"}) {
        if (request.contains(key) && request[key].is_string()) {
            stamp[key] = fingerprint(data / request[key].get<std::string>());
        }
    }
    return stamp;
}

bool is_current(const fs::path& bundle, const fs::path& stamp_file, const nlohmann::json& stamp) {
    std::error_code ignored;
    if (!fs::is_regular_file(bundle / "workload.json", ignored) ||
        !fs::is_regular_file(stamp_file, ignored)) {
        return false;
    }
    std::ifstream stream(stamp_file);
    return nlohmann::json::parse(stream, nullptr, false) == stamp;
}

#ifdef FLUENCE_WITH_TORCH

void import_bundle(const campaign::Experiment& experiment, const std::string& data, const fs::path& bundle,
                   const Log& log) {
    const models::ImportRequest request = models::parse_import_request(
        JsonObject(experiment.workload.import_request, experiment.file, "workload.import"), data);
    // In a process of its own, which takes the front end's memory and threads with it.
    const auto work = [&](std::int64_t) {
        models::ImportReport report;
        workloads::write_bundle(models::import_model(request, report, log), bundle.string());
        log(std::string("imported: ") + workloads::name_of(request.format) + " top-1 " +
            std::to_string(report.quantised_correct) + " of " + std::to_string(report.images) + ", fp32 " +
            std::to_string(report.fp32_correct));
        return std::string();
    };
    campaign::run_in_workers(
        1, {0}, {[&] { return campaign::Work(work); }, [](auto, const auto&) {}, [] { return false; }},
        experiment.file);
}

#else

[[noreturn]] void import_bundle(const campaign::Experiment& experiment, const std::string&,
                                const fs::path& bundle, const Log&) {
    throw InputError(
        experiment.file, "workload.import",
        "this program was built without the LibTorch front end, so it cannot import a network",
        "a build with FLUENCE_WITH_TORCH=ON, or the bundle that one imported, with its stamp, as " +
            bundle.string());
}

#endif

}  // namespace

workloads::Bundle load_workload(const campaign::Experiment& experiment, const std::string& data,
                                const std::string& cache, const Log& log) {
    if (!experiment.workload.bundle.empty()) {
        return workloads::read_bundle(experiment.workload.bundle);
    }
    if (data.empty()) {
        throw InputError("fluence run", "--data",
                         "is missing; " + experiment.file + " imports a network and a data set",
                         "the folder that its paths are relative to");
    }
    const fs::path bundle = fs::path(cache) / "workload";
    const fs::path stamp_file = fs::path(cache) / "workload.stamp.json";
    const nlohmann::json stamp = stamp_of(experiment.workload.import_request, data);
    if (is_current(bundle, stamp_file, stamp)) {
        return workloads::read_bundle(bundle.string());
    }
    campaign::make_folder_of(bundle.string());
    // Shards that start together on a common file system: the first imports, the others wait for it.
    const campaign::FileLock lock((fs::path(cache) / "workload.lock").string(),
                                  campaign::FileLock::Held::wait);
    if (!is_current(bundle, stamp_file, stamp)) {
        std::error_code ignored;
        fs::remove(stamp_file, ignored);
        import_bundle(experiment, data, bundle, log);
        std::ofstream(stamp_file) << stamp.dump(1) << "\n";
    }
    return workloads::read_bundle(bundle.string());
}

}  // namespace fluence::apps
