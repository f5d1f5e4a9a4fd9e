// Folders of images. "folder": with labels.txt, lines `file label`. location/train/labels.txt and
// location/test/labels.txt hold the splits; where a split has no folder of its own, location/labels.txt
// serves for it. A file is looked for next to labels.txt and in images/ there. "tiny-imagenet": as Stanford
// packs it, train/WNID/images/* and val/val_annotations.txt with val/images/*; classes in the order of their
// WordNet ids.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

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

constexpr std::size_t kColorSample = 64;

class FolderSource : public ImageSource {
  public:
    // `list`: the file that names the images, for messages.
    FolderSource(std::string list, std::vector<Entry> entries, std::int64_t limit,
                 const ImageGeometry& geometry)
        : list_(std::move(list)), entries_(std::move(entries)), geometry_(geometry) {
        // Of the whole list, so that the number of classes does not depend on the limit.
        for (const Entry& entry : entries_) {
            classes_ = std::max(classes_, entry.label + 1);
        }
        if (limit != 0 && static_cast<std::size_t>(limit) < entries_.size()) {
            entries_.resize(static_cast<std::size_t>(limit));
        }
        for (const Entry& entry : entries_) {
            labels_.push_back(entry.label);
        }
        for (std::size_t i = 0; i < std::min(entries_.size(), kColorSample) && shape_.channels != 3; ++i) {
            const Image image = read_image(path_of(entries_[i]));
            shape_ = i == 0 || image.shape.channels == 3
                         ? transformed_shape(image.shape, geometry_, path_of(entries_[i]))
                         : shape_;
        }
    }

    Dataset read(std::int64_t first, std::int64_t count) const override {
        Dataset data;
        data.name = "folder";
        data.shape = shape_;
        data.classes = classes_;
        for (std::int64_t i = first; i < first + count; ++i) {
            const Entry& entry = entries_.at(static_cast<std::size_t>(i));
            const Image image = fitting(entry);
            data.pixels.insert(data.pixels.end(), image.pixels.begin(), image.pixels.end());
            data.labels.push_back(entry.label);
        }
        return data;
    }

  private:
    std::string path_of(const Entry& entry) const {
        const std::string folder = fs::path(list_).parent_path().string();
        std::string path = find_file(folder, {"", "images"}, {entry.file});
        if (path.empty()) {
            throw InputError(list_, at_line(entry.line), "names \"" + entry.file + "\", which is not there");
        }
        return path;
    }

    Image fitting(const Entry& entry) const {
        const std::string path = path_of(entry);
        Image image = transformed(read_image(path), geometry_, path);
        if (shape_.channels == 3) {
            image = in_color(std::move(image));
        }
        if (image.shape.height != shape_.height || image.shape.width != shape_.width) {
            throw InputError(path, "",
                             "has " + std::to_string(image.shape.width) + " x " +
                                 std::to_string(image.shape.height) +
                                 " pixels, and the images in front of it have others",
                             std::to_string(shape_.width) + " x " + std::to_string(shape_.height) +
                                 ", or a resize and a crop for all");
        }
        if (image.shape.channels != shape_.channels) {
            throw InputError(path, "", "is in colour, and the first images are grey", "images of one kind");
        }
        return image;
    }

    std::string list_;
    std::vector<Entry> entries_;
    ImageGeometry geometry_;
};

std::vector<fs::path> sorted_entries(const fs::path& folder) {
    std::vector<fs::path> paths;
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        paths.push_back(at->path());
    }
    if (error || paths.empty()) {
        throw InputError(folder.string(), "", error ? "cannot be read: " + error.message() : "is empty");
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

// The classes of train/, by WordNet id.
std::map<std::string, std::int32_t> tiny_classes(const fs::path& root) {
    std::map<std::string, std::int32_t> classes;
    for (const fs::path& path : sorted_entries(root / "train")) {
        if (fs::is_directory(path)) {
            classes.emplace(path.filename().string(), static_cast<std::int32_t>(classes.size()));
        }
    }
    return classes;
}

// Round the classes, so that every prefix of the split is balanced.
std::vector<Entry> tiny_training(const fs::path& root, const std::map<std::string, std::int32_t>& classes) {
    std::vector<std::vector<Entry>> by_class;
    std::size_t most = 0;
    for (const auto& [id, label] : classes) {
        std::vector<Entry>& images = by_class.emplace_back();
        for (const fs::path& path : sorted_entries(root / "train" / id / "images")) {
            images.push_back({id + "/images/" + path.filename().string(), label, 0});
        }
        most = std::max(most, images.size());
    }
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < most; ++i) {
        for (const std::vector<Entry>& images : by_class) {
            if (i < images.size()) {
                entries.push_back(images[i]);
            }
        }
    }
    return entries;
}

// Lines `file WNID x y width height`.
std::vector<Entry> tiny_validation(const fs::path& list, const std::map<std::string, std::int32_t>& classes) {
    std::ifstream stream(list);
    if (!stream) {
        throw InputError(list.string(), "", "cannot be opened for reading");
    }
    std::vector<Entry> entries;
    std::string text;
    for (std::int64_t line = 1; std::getline(stream, text); ++line) {
        std::istringstream words(text);
        std::string file, id;
        if (!(words >> file)) {
            continue;
        }
        words >> id;
        const auto found = classes.find(id);
        if (found == classes.end()) {
            throw InputError(list.string(), at_line(line),
                             "names the class \"" + id + "\", which train/ lacks");
        }
        entries.push_back({file, found->second, line});
    }
    if (entries.empty()) {
        throw InputError(list.string(), "", "names no images", "lines `file WNID ...`");
    }
    return entries;
}

Dataset whole(const ImageSource& source) {
    return source.read(0, source.size());
}

}  // namespace

std::unique_ptr<ImageSource> open_folder(const std::string& location, Split split, std::int64_t limit,
                                         const ImageGeometry& geometry) {
    const std::string list =
        require_file(location, {split == Split::train ? "train" : "test", ""}, {"labels.txt"});
    return std::make_unique<FolderSource>(list, read_labels(list), limit, geometry);
}

std::unique_ptr<ImageSource> open_tiny_imagenet(const std::string& location, Split split, std::int64_t limit,
                                                const ImageGeometry& geometry) {
    const fs::path list = require_file(location, {"", "tiny-imagenet-200"}, {"val/val_annotations.txt"});
    const fs::path root = list.parent_path().parent_path();
    const auto classes = tiny_classes(root);
    return split == Split::train
               ? std::make_unique<FolderSource>((root / "train" / "images").string(),
                                                tiny_training(root, classes), limit, geometry)
               : std::make_unique<FolderSource>(list.string(), tiny_validation(list, classes), limit,
                                                geometry);
}

Dataset read_folder(const std::string& location, Split split, std::int64_t limit) {
    return whole(*open_folder(location, split, limit, {}));
}

Dataset read_tiny_imagenet(const std::string& location, Split split, std::int64_t limit) {
    return whole(*open_tiny_imagenet(location, split, limit, {}));
}

}  // namespace fluence::workloads
