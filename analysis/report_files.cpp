#include "analysis/report_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "analysis/reports.h"
#include "sim/core/error.h"
#include "sim/core/text.h"

namespace fluence::analysis {

namespace fs = std::filesystem;

namespace {

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::vector<std::string> files_ending_in(const fs::path& directory, const std::string& end) {
    std::vector<std::string> found;
    std::error_code error;
    for (fs::directory_iterator at(directory, error), last; !error && at != last; at.increment(error)) {
        if (ends_with(at->path().filename().string(), end)) {
            found.push_back(at->path().string());
        }
    }
    if (error) {
        throw InputError(directory.string(), "", "cannot be read: " + error.message());
    }
    std::sort(found.begin(), found.end());
    return found;
}

void write_file(const fs::path& path, const std::string& content) {
    const fs::path temporary = path.string() + ".tmp";
    const auto fail = [&path, &temporary](const std::string& reason) {
        std::error_code ignored;
        fs::remove(temporary, ignored);
        throw InputError(path.string(), "", "cannot be written: " + reason,
                         "choose another folder with --output");
    };
    errno = 0;
    std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
    stream.close();
    if (!stream) {
        fail(errno == 0 ? "unknown reason" : std::strerror(errno));
    }
    std::error_code error;
    fs::rename(temporary, path, error);
    if (error) {
        fail(error.message());
    }
}

}  // namespace

std::string find_results(const std::string& path) {
    if (!fs::exists(path) && fs::exists(campaign::partial_path(path))) {
        return path;  // the reader takes the partial file
    }
    if (!fs::exists(path)) {
        throw InputError(path, "", "there is no such file or directory",
                         "the .sqlite file of a campaign, or its folder");
    }
    if (!fs::is_directory(path)) {
        return path;
    }
    for (const char* end : {".sqlite", ".sqlite.partial"}) {
        const std::vector<std::string> found = files_ending_in(path, end);
        if (found.size() == 1) {
            return found[0];
        }
        if (found.size() > 1) {
            throw InputError(path, "", "holds several result files", comma_list(found));
        }
    }
    throw InputError(path, "", "holds no result file", "a folder with one .sqlite file");
}

std::vector<std::string> write_files(const std::string& directory, const std::vector<ReportFile>& files) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (error) {
        throw InputError(directory, "", "cannot be created: " + error.message());
    }
    std::vector<std::string> paths;
    for (const ReportFile& file : files) {
        const fs::path path = fs::path(directory) / file.name;
        write_file(path, file.content);
        paths.push_back(path.string());
    }
    return paths;
}

WrittenReport write_report(const std::string& results, const ReportOptions& options) {
    std::vector<std::string> formats = options.formats;
    if (formats.empty()) {
        for (const ReportFormat& format : report_formats()) {
            formats.emplace_back(format.name);
        }
    }
    std::vector<const ReportFormat*> writers;  // all names are checked before anything is computed
    writers.reserve(formats.size());
    for (const std::string& name : formats) {
        writers.push_back(&report_format_named(name, "format"));
    }
    const std::string file = find_results(results);
    const campaign::ResultReader reader(file);
    const Summary summary = summarise(reader, options.summary, file);
    const std::string beside = fs::path(file).parent_path().string();
    const std::string directory = !options.directory.empty() ? options.directory
                                  : beside.empty()           ? "."
                                                             : beside;
    WrittenReport report;
    report.table = text_report(summary)[0].content;
    for (const ReportFormat* writer : writers) {
        const std::vector<std::string> paths = write_files(directory, writer->write(summary));
        report.paths.insert(report.paths.end(), paths.begin(), paths.end());
    }
    return report;
}

}  // namespace fluence::analysis
