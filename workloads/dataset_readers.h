// The readers behind read_dataset, one a file format. Arguments and errors as there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "workloads/dataset.h"
#include "workloads/image_source.h"

namespace fluence::workloads {

Dataset read_mnist(const std::string& location, Split split, std::int64_t limit);
Dataset read_cifar10(const std::string& location, Split split, std::int64_t limit);
Dataset read_cifar100(const std::string& location, Split split, std::int64_t limit);
Dataset read_folder(const std::string& location, Split split, std::int64_t limit);
Dataset read_tiny_imagenet(const std::string& location, Split split, std::int64_t limit);
std::unique_ptr<ImageSource> open_folder(const std::string& location, Split split, std::int64_t limit,
                                         const ImageGeometry& geometry);
std::unique_ptr<ImageSource> open_tiny_imagenet(const std::string& location, Split split, std::int64_t limit,
                                                const ImageGeometry& geometry);

// The first of location/folder/name that is a file, over all folders and names; "" where there is none.
std::string find_file(const std::string& location, const std::vector<std::string>& folders,
                      const std::vector<std::string>& names);
// The same; throws InputError(location, …) naming what was looked for.
std::string require_file(const std::string& location, const std::vector<std::string>& folders,
                         const std::vector<std::string>& names);

}  // namespace fluence::workloads
