// A bundle of a network and one random image, for programs that read one.
#pragma once

#include <string>

#include "tests/support/random_graph.h"
#include "tests/support/temporary_directory.h"
#include "workloads/bundle.h"

namespace fluence::test {

// Written into `folder`; returns its path.
inline std::string write_small_bundle(const TemporaryDirectory& folder,
                                      workloads::Graph (*make)(RandomStream& stream)) {
    RandomStream stream(1, RandomPurpose::testing, 0);
    workloads::Bundle bundle;
    bundle.graph = make(stream);
    bundle.image_count = 1;
    for (const std::int32_t code : random_image(bundle.graph, stream)) {
        bundle.images.push_back(static_cast<std::uint8_t>(code));
    }
    bundle.labels = {0};
    bundle.profile.resize(bundle.graph.tensors.size());
    workloads::write_bundle(bundle, folder.file("bundle"));
    return folder.file("bundle");
}

}  // namespace fluence::test
