#include "workloads/dataset.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <new>

#include "sim/core/error.h"
#include "sim/core/text.h"
#include "workloads/dataset_readers.h"
#include "workloads/glyphs.h"

namespace fluence::workloads {
namespace {

namespace fs = std::filesystem;

struct Reader {
    const char* format;
    Dataset (*read)(const std::string& location, Split split, std::int64_t limit);
};

Dataset embedded_glyphs(const std::string&, Split split, std::int64_t limit) {
    return glyphs(split, limit);
}

constexpr std::array<Reader, 5> kReaders = {{{"cifar10", read_cifar10},
                                             {"cifar100", read_cifar100},
                                             {"folder", read_folder},
                                             {"glyphs", embedded_glyphs},
                                             {"mnist", read_mnist}}};

}  // namespace

std::vector<std::string> dataset_formats() {
    std::vector<std::string> names;
    for (const Reader& reader : kReaders) {
        names.emplace_back(reader.format);
    }
    return names;
}

Dataset read_dataset(const std::string& format, const std::string& location, Split split,
                     std::int64_t limit) {
    const auto reader = std::find_if(kReaders.begin(), kReaders.end(),
                                     [&](const Reader& row) { return row.format == format; });
    if (reader == kReaders.end()) {
        throw InputError("", "dataset", "there is no format \"" + format + "\"",
                         comma_list(dataset_formats()));
    }
    if (limit < 0) {
        throw InputError("", "images", "is " + std::to_string(limit), "0 (all) or more");
    }
    try {
        return reader->read(location, split, limit);
    } catch (const std::bad_alloc&) {
        throw InputError(location, "", "does not fit into memory");
    }
}

std::string find_file(const std::string& location, const std::vector<std::string>& folders,
                      const std::vector<std::string>& names) {
    for (const std::string& folder : folders) {
        for (const std::string& name : names) {
            const fs::path path = fs::path(location) / folder / name;
            std::error_code ignored;
            if (fs::is_regular_file(path, ignored)) {
                return path.string();
            }
        }
    }
    return "";
}

std::string require_file(const std::string& location, const std::vector<std::string>& folders,
                         const std::vector<std::string>& names) {
    std::string path = find_file(location, folders, names);
    if (path.empty()) {
        std::string places = location;
        for (const std::string& folder : folders) {
            places += folder.empty() ? "" : ", " + (fs::path(location) / folder).string();
        }
        throw InputError(location, "",
                         "holds none of the files " + comma_list(names) + " (looked in " + places + ")");
    }
    return path;
}

}  // namespace fluence::workloads
