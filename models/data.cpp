#include "models/data.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "sim/core/error.h"

namespace fluence::models {
namespace {

at::Tensor channel_values(const std::vector<double>& values) {
    return at::tensor(at::ArrayRef<double>(values), at::kFloat).reshape({1, -1, 1, 1});
}

}  // namespace

Preprocessing complete(const Preprocessing& given, int channels) {
    Preprocessing result = given;
    const auto wanted = static_cast<std::size_t>(channels);
    const auto fill = [&](std::vector<double>& values, double value, const char* key) {
        if (values.empty()) {
            values.assign(wanted, value);
        }
        if (values.size() != wanted) {
            throw InputError("preprocessing", key, "has " + std::to_string(values.size()) + " values",
                             "one a channel of the images: " + std::to_string(wanted));
        }
    };
    fill(result.mean, 0, "mean");
    fill(result.deviation, 1, "deviation");
    return result;
}

bool non_negative(const Preprocessing& given, int channels) {
    const Preprocessing p = complete(given, channels);
    return std::all_of(p.mean.begin(), p.mean.end(), [](double mean) { return mean <= 0; });
}

at::Tensor preprocessed(const workloads::Dataset& data, std::int64_t first, std::int64_t count,
                        const Preprocessing& preprocessing) {
    const Preprocessing p = complete(preprocessing, data.shape.channels);
    // from_blob needs a mutable pointer and never writes through it; to() copies.
    auto* pixels = const_cast<std::uint8_t*>(data.image(first));
    const at::Tensor bytes =
        at::from_blob(pixels, {count, data.shape.channels, data.shape.height, data.shape.width}, at::kByte);
    return bytes.to(at::kFloat)
        .div_(p.divisor)
        .sub_(channel_values(p.mean))
        .div_(channel_values(p.deviation));
}

std::vector<std::int32_t> labels(const workloads::Dataset& data, std::int64_t first, std::int64_t count) {
    const auto begin = data.labels.begin() + first;
    return {begin, begin + count};
}

}  // namespace fluence::models
