// Labelled images as the data sets store them: 8-bit, channel · row · column.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workloads/graph.h"

namespace fluence::workloads {

struct Dataset {
    std::string name;
    Shape shape;  // of one image
    int classes = 0;
    std::vector<std::uint8_t> pixels;  // images × shape.elements()
    std::vector<std::int32_t> labels;
    std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
    const std::uint8_t* image(std::int64_t i) const { return pixels.data() + i * shape.elements(); }
};

enum class Split { train, test };

// Formats: "mnist" (IDX files, also Fashion-MNIST, plain or .gz, in `location` or location/mnist),
// "cifar10", "cifar100" (binary version, in `location` or location/cifar10 …), "folder" (images and a
// label file, location/labels.txt with lines `file label`), "tiny-imagenet" (as Stanford packs it), "glyphs"
// (made by the project, location ignored). Reads at most `limit` images (0: all). Throws InputError naming
// file, place and reason.
Dataset read_dataset(const std::string& format, const std::string& location, Split split,
                     std::int64_t limit = 0);
std::vector<std::string> dataset_formats();

}  // namespace fluence::workloads
