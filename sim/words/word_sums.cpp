#include "sim/words/word_sums.h"

#include <algorithm>

namespace fluence::words {

Word WordSums::activation(const traces::Fold& fold, std::int64_t m, std::int64_t k) const {
    if (k >= fold.terms) {
        return 0;
    }
    const fault::MacLayer& layer = machine_.mac_layer(fold.layer);
    const std::int64_t element =
        layer.im2col.input_element(fold.group, fold.first_pixel + m, fold.first_k + k);
    return element < 0 ? 0 : value(layer.layer->inputs[0], element);
}

Word WordSums::weight(const traces::Fold& fold, std::int64_t k, std::int64_t n) const {
    if (k >= fold.terms) {
        return 0;
    }
    const fault::MacLayer& layer = machine_.mac_layer(fold.layer);
    const std::int64_t channel = layer.channel(fold.group, fold.first_n + n);
    return graph_.layers[index_of(fold.layer)]
        .weights[static_cast<std::size_t>(channel * layer.gemm.k + fold.first_k + k)];
}

WideBits WordSums::partial(const traces::Fold& fold, std::int64_t m, std::int64_t n,
                           std::int64_t terms) const {
    WideBits sum = 0;
    for (std::int64_t k = 0; k < terms; ++k) {
        sum = pe_.add(sum, pe_.multiply(activation(fold, m, k), weight(fold, k, n)));
    }
    return sum;
}

}  // namespace fluence::words
