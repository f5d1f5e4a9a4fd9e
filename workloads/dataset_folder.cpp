// A folder of images with labels.txt, lines `file label`. location/train/labels.txt and
// location/test/labels.txt hold the splits; where a split has no folder of its own, location/labels.txt
// serves for it. A file is looked for next to labels.txt and in images/ there.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "sim/core/error.h"
#include "workloads/dataset_readers.h"
#include "workloads/image_file.h"

namespace fluence::workloads {
namespace {

namespace fs = std::filesystem;

constexpr std::int32_t kMaxLabel = 99'999;

struct Entry {
    std::string file;
    std::int32_t label = 0;
    std::int64_t line = 0;
};

std::string at_line(std::int64_t line) {
    return "line " + std::to_string(line);
}

// `file label`; the file's name may hold spaces.
Entry parse_line(const std::string& text, std::int64_t line, const std::string& path) {
    constexpr const char* kSpace = " \t";
    const std::size_t gap = text.find_last_of(kSpace);
    const std::size_t name_end = gap == std::string::npos ? gap : text.find_last_not_of(kSpace, gap);
    Entry entry;
    entry.line = line;
    const char* const end = text.data() + text.size();
    const char* const begin = gap == std::string::npos ? end : text.data() + gap + 1;
    const auto result = std::from_chars(begin, end, entry.label);
    if (name_end == std::string::npos || result.ec != std::errc() || result.ptr != end) {
        throw InputError(path, at_line(line), "is not `file label`: \"" + text + "\"");
    }
    if (entry.label < 0 || entry.label > kMaxLabel) {
        throw InputError(path, at_line(line), "has the label " + std::to_string(entry.label),
                         "0 to " + std::to_string(kMaxLabel));
    }
    entry.file = text.substr(0, name_end + 1);
    return entry;
}

std::vector<Entry> read_labels(const std::string& path) {
    std::ifstream stream(path);
    if (!stream) {
        throw InputError(path, "", "cannot be opened for reading");
    }
    std::vector<Entry> entries;
    std::string text;
    for (std::int64_t line = 1; std::getline(stream, text); ++line) {
        while (!text.empty() && (text.back() == '\r' || text.back() == ' ' || text.back() == '\t')) {
            text.pop_back();
        }
        if (!text.empty()) {
            entries.push_back(parse_line(text, line, path));
        }
    }
    if (entries.empty()) {
        throw InputError(path, "", "names no images", "lines `file label`");
    }
    return entries;
}

std::vector<Image> read_images(const std::vector<Entry>& entries, std::size_t count,
                               const std::string& label_path) {
    std::vector<Image> images;
    const std::string folder = fs::path(label_path).parent_path().string();
    for (std::size_t i = 0; i < count; ++i) {
        const std::string path = find_file(folder, {"", "images"}, {entries[i].file});
        if (path.empty()) {
            throw InputError(label_path, at_line(entries[i].line),
                             "names \"" + entries[i].file + "\", which is not there");
        }
        images.push_back(read_image(path));
        const Shape& first = images.front().shape;
        const Shape& shape = images.back().shape;
        if (shape.height != first.height || shape.width != first.width) {
            throw InputError(path, "",
                             "has " + std::to_string(shape.width) + " x " + std::to_string(shape.height) +
                                 " pixels, and the images in front of it have others",
                             std::to_string(first.width) + " x " + std::to_string(first.height));
        }
    }
    return images;
}

}  // namespace

Dataset read_folder(const std::string& location, Split split, std::int64_t limit) {
    const std::string label_path =
        require_file(location, {split == Split::train ? "train" : "test", ""}, {"labels.txt"});
    const std::vector<Entry> entries = read_labels(label_path);
    const std::size_t count =
        limit == 0 ? entries.size() : std::min(entries.size(), static_cast<std::size_t>(limit));
    std::vector<Image> images = read_images(entries, count, label_path);
    const bool color = std::any_of(images.begin(), images.end(),
                                   [](const Image& image) { return image.shape.channels == 3; });
    Dataset data;
    data.name = "folder";
    for (std::size_t i = 0; i < count; ++i) {
        const Image image = color ? in_color(std::move(images[i])) : std::move(images[i]);
        data.shape = image.shape;
        data.pixels.insert(data.pixels.end(), image.pixels.begin(), image.pixels.end());
        data.labels.push_back(entries[i].label);
    }
    // Of the whole file, so that the number of classes does not depend on the limit.
    for (const Entry& entry : entries) {
        data.classes = std::max(data.classes, entry.label + 1);
    }
    return data;
}

}  // namespace fluence::workloads
