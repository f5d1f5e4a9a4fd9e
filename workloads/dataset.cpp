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
    // Null: read whole.
    std::unique_ptr<ImageSource> (*open)(const std::string& location, Split split, std::int64_t limit,
                                         const ImageGeometry& geometry);
};

Dataset embedded_glyphs(const std::string&, Split split, std::int64_t limit) {
    return glyphs(split, limit);
}

constexpr std::array<Reader, 6> kReaders = {{{"cifar10", read_cifar10, nullptr},
                                             {"cifar100", read_cifar100, nullptr},
                                             {"folder", read_folder, open_folder},
                                             {"glyphs", embedded_glyphs, nullptr},
                                             {"mnist", read_mnist, nullptr},
                                             {"tiny-imagenet", read_tiny_imagenet, open_tiny_imagenet}}};

const Reader& reader_of(const std::string& format, std::int64_t limit) {
    const auto reader = std::find_if(kReaders.begin(), kReaders.end(),
                                     [&](const Reader& row) { return row.format == format; });
    if (reader == kReaders.end()) {
        throw InputError("", "dataset", "there is no format \"" + format + "\"",
                         comma_list(dataset_formats()));
    }
    if (limit < 0) {
        throw InputError("", "images", "is " + std::to_string(limit), "0 (all) or more");
    }
    return *reader;
}

// A data set that is in memory.
class WholeSource : public ImageSource {
  public:
    WholeSource(const Dataset& data, const ImageGeometry& geometry) {
        classes_ = data.classes;
        labels_ = data.labels;
        name_ = data.name;
        shape_ = transformed_shape(data.shape, geometry, data.name);
        if (geometry == ImageGeometry{}) {
            pixels_ = data.pixels;
            return;
        }
        for (std::int64_t i = 0; i < data.size(); ++i) {
            Image image{data.shape, {data.image(i), data.image(i) + data.shape.elements()}};
            image = transformed(image, geometry, data.name);
            pixels_.insert(pixels_.end(), image.pixels.begin(), image.pixels.end());
        }
    }

    Dataset read(std::int64_t first, std::int64_t count) const override {
        const auto elements = shape_.elements();
        return {name_,
                shape_,
                classes_,
                {pixels_.begin() + first * elements, pixels_.begin() + (first + count) * elements},
                {labels_.begin() + first, labels_.begin() + first + count}};
    }

  private:
    std::string name_;
    std::vector<std::uint8_t> pixels_;
};

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
    const Reader& reader = reader_of(format, limit);
    try {
        return reader.read(location, split, limit);
    } catch (const std::bad_alloc&) {
        throw InputError(location, "", "does not fit into memory");
    }
}

std::unique_ptr<ImageSource> open_images(const std::string& format, const std::string& location, Split split,
                                         std::int64_t limit, const ImageGeometry& geometry) {
    const Reader& reader = reader_of(format, limit);
    if (reader.open != nullptr) {
        return reader.open(location, split, limit, geometry);
    }
    return std::make_unique<WholeSource>(read_dataset(format, location, split, limit), geometry);
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
