// CIFAR-10 and CIFAR-100, binary version (https://www.cs.toronto.edu/~kriz/cifar.html): records of one label
// byte (CIFAR-100: coarse, then fine) and 3,072 bytes of pixels, channel · row · column.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "sim/core/error.h"
#include "workloads/dataset_readers.h"

namespace fluence::workloads {
namespace {

constexpr std::int64_t kPixels = 3 * 32 * 32;

struct Layout {
    const char* name;
    std::vector<int> label_ranges;  // number of classes of each label byte; the last one is the label
    std::vector<std::string> folders;
    std::vector<std::string> train, test;
    std::int64_t record() const { return static_cast<std::int64_t>(label_ranges.size()) + kPixels; }
};

std::int64_t records_in(const std::string& path, const Layout& layout) {
    std::error_code error;
    const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path, error));
    if (error) {
        throw InputError(path, "", "cannot be opened for reading");
    }
    if (size == 0 || size % layout.record() != 0) {
        throw InputError(path, "", "has " + std::to_string(size) + " bytes: not whole records",
                         "a multiple of " + std::to_string(layout.record()));
    }
    return size / layout.record();
}

// Appends up to `most` records of a file.
void append(Dataset& data, const std::string& path, std::int64_t most, const Layout& layout) {
    const std::int64_t count = std::min(records_in(path, layout), most);
    std::ifstream stream(path, std::ios::binary);
    std::vector<char> record(static_cast<std::size_t>(layout.record()));
    for (std::int64_t i = 0; i < count; ++i) {
        if (!stream.read(record.data(), layout.record())) {
            throw InputError(path, "record " + std::to_string(i), "cannot be read");
        }
        std::int32_t label = 0;
        for (std::size_t b = 0; b < layout.label_ranges.size(); ++b) {
            label = static_cast<std::uint8_t>(record[b]);
            if (label >= layout.label_ranges[b]) {
                throw InputError(path, "record " + std::to_string(i),
                                 "has the label " + std::to_string(label),
                                 "0 to " + std::to_string(layout.label_ranges[b] - 1));
            }
        }
        data.labels.push_back(label);
        data.pixels.insert(data.pixels.end(), record.end() - kPixels, record.end());
    }
}

Dataset read_cifar(const Layout& layout, const std::string& location, Split split, std::int64_t limit) {
    Dataset data;
    data.name = layout.name;
    data.shape = {3, 32, 32};
    data.classes = layout.label_ranges.back();
    const std::vector<std::string>& names = split == Split::train ? layout.train : layout.test;
    require_file(location, layout.folders, names);
    for (const std::string& name : names) {
        const std::string path = find_file(location, layout.folders, {name});
        if (!path.empty() && (limit == 0 || data.size() < limit)) {
            append(data, path, limit == 0 ? INT64_MAX : limit - data.size(), layout);
        }
    }
    return data;
}

}  // namespace

// Training batches that are not there are left out: a part of the data set is still a data set.
Dataset read_cifar10(const std::string& location, Split split, std::int64_t limit) {
    const Layout layout{
        "cifar10",
        {10},
        {"", "cifar10", "cifar-10-batches-bin"},
        {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
        {"test_batch.bin"}};
    return read_cifar(layout, location, split, limit);
}

Dataset read_cifar100(const std::string& location, Split split, std::int64_t limit) {
    const Layout layout{
        "cifar100", {20, 100}, {"", "cifar100", "cifar-100-binary"}, {"train.bin"}, {"test.bin"}};
    return read_cifar(layout, location, split, limit);
}

}  // namespace fluence::workloads
