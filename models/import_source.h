// What an import starts from: the images, and the network in fp32, folded and checked on some of them. For
// implementation files of models/ only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "models/float_graph.h"
#include "models/import.h"
#include "models/script_graph.h"
#include "workloads/image_source.h"

namespace fluence::models {

struct ImportImages {
    std::unique_ptr<workloads::ImageSource> test, calibration;
    std::int64_t images = 0;  // of the test split, in the bundle
};

struct ImportSource {
    ImportImages data;
    ScriptModule module;
    FloatGraph graph;
};

// Throws InputError for files that cannot be used, for operators that are not supported, and where the folded
// layers compute something else than the module.
ImportSource read_source(const ImportRequest& request, ImportReport& report,
                         const std::function<void(const std::string&)>& log, const ImportProgress& progress);

// Images in a batch: fewer where they are large.
std::int64_t images_at_a_time(const workloads::Shape& image);

// Calls body(first, batch) for batches of images 0 … total−1; `step` names it to `progress`.
template <class Body>
void for_each_batch(const std::string& step, const workloads::ImageSource& source, std::int64_t total,
                    const ImportProgress& progress, Body body) {
    const std::int64_t most = images_at_a_time(source.shape());
    for (std::int64_t first = 0; first < total; first += most) {
        const std::int64_t count = std::min(most, total - first);
        body(first, source.read(first, count));
        if (progress) {
            progress(step, first + count, total);
        }
    }
}

}  // namespace fluence::models
