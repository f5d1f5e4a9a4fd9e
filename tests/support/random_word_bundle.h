// A bundle of a random graph of words and random images.
#pragma once

#include "workloads/random_words.h"
#include "workloads/word_bundle.h"

namespace fluence::test {

// Labels 0 and 1 in turn; no golden activations.
inline workloads::WordBundle random_word_bundle(workloads::WordFormat format, RandomStream& stream,
                                                int images) {
    workloads::WordBundle bundle;
    bundle.graph = workloads::random_word_graph(format, stream);
    bundle.image_count = images;
    for (int image = 0; image < images; ++image) {
        const workloads::Words words = workloads::random_word_image(bundle.graph, stream);
        bundle.images.insert(bundle.images.end(), words.begin(), words.end());
        bundle.labels.push_back(image % 2);
    }
    return bundle;
}

}  // namespace fluence::test
