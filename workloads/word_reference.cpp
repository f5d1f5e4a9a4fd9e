#include "workloads/word_reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace fluence::workloads {
namespace {

__extension__ using Integer = __int128;

float as_float(Word word) {
    float value = 0;
    std::memcpy(&value, &word, sizeof value);
    return value;
}

Word as_word(float value) {
    Word word = 0;
    std::memcpy(&word, &value, sizeof word);
    return word;
}

std::int64_t code_of(int bits, Word word) {
    const std::int64_t code = word;
    return code >> (bits - 1) != 0 ? code - (std::int64_t{1} << bits) : code;
}

// An fp32 value as the format stores it: bf16 by remainder, to nearest, ties to even.
Word stored(WordFormat format, float value) {
    if (std::isnan(value)) {
        return format == WordFormat::bf16 ? 0x7fc0U : 0x7fc00000U;
    }
    const Word word = as_word(value);
    if (format == WordFormat::fp32) {
        return word;
    }
    const Word upper = word >> 16;
    const Word rest = word & 0xffffU;
    const bool up = rest > 0x8000U || (rest == 0x8000U && upper % 2 == 1);
    return upper + (up ? 1U : 0U);
}

float loaded(WordFormat format, Word word) {
    return as_float(format == WordFormat::bf16 ? word << 16 : word);
}

// One layer of one inference.
class LayerRun {
  public:
    LayerRun(const WordGraph& graph, std::size_t index, const std::vector<Words>& tensors,
             const Words& weights)
        : graph_(graph),
          layer_(graph.structure.layers[index]),
          words_(graph.layers[index]),
          weights_(weights),
          out_(graph.structure.tensor(layer_.output).shape),
          bits_(word_bits(graph.format)),
          fixed_(is_fixed_point(graph.format)) {
        for (const TensorId id : layer_.inputs) {
            inputs_.push_back(&tensors[index_of(id)]);
            shapes_.push_back(graph.structure.tensor(id).shape);
        }
        if (fixed_ && layer_.kind != OpKind::max_pool && layer_.kind != OpKind::flatten &&
            layer_.kind != OpKind::subsample) {
            shifts_ = shifts_of(graph, index);
        }
    }

    Words run() const {
        Words output(static_cast<std::size_t>(out_.elements()));
        std::size_t at = 0;
        for (std::int64_t c = 0; c < out_.channels; ++c) {
            for (std::int64_t y = 0; y < out_.height; ++y) {
                for (std::int64_t x = 0; x < out_.width; ++x, ++at) {
                    output[at] = compute(static_cast<std::int64_t>(at), c, y, x);
                }
            }
        }
        return output;
    }

  private:
    Word compute(std::int64_t at, std::int64_t c, std::int64_t y, std::int64_t x) const {
        switch (layer_.kind) {
            case OpKind::conv:
            case OpKind::linear:
                return fixed_ ? mac_fixed(c, y, x) : mac_float(c, y, x);
            case OpKind::max_pool:
                return maximum(c, y, x);
            case OpKind::avg_pool:
                return average(c, y, x);
            case OpKind::add:
                return sum_of_inputs(at);
            case OpKind::concat:
                return joined(at);
            case OpKind::flatten:
                return word(0, at);
            case OpKind::subsample:
                break;
        }
        return subsample(c, y, x);
    }

    Word word(std::size_t input, std::int64_t element) const {
        return (*inputs_[input])[static_cast<std::size_t>(element)];
    }
    std::int64_t code(std::size_t input, std::int64_t element) const {
        return code_of(bits_, word(input, element));
    }
    float real(std::size_t input, std::int64_t element) const {
        return loaded(graph_.format, word(input, element));
    }

    // visit(element of the input, or −1 in the padding; place in the window) in the order of rows, columns.
    template <class Visit>
    void window(std::int64_t c, std::int64_t y, std::int64_t x, Visit visit) const {
        const Window w = window_of(graph_.structure, layer_);
        const Shape& in = shapes_[0];
        for (std::int64_t ky = 0, place = 0; ky < w.kernel_h; ++ky) {
            for (std::int64_t kx = 0; kx < w.kernel_w; ++kx, ++place) {
                const std::int64_t iy = y * w.stride_h - w.pad_h + ky * w.dilation_h;
                const std::int64_t ix = x * w.stride_w - w.pad_w + kx * w.dilation_w;
                const bool inside = iy >= 0 && iy < in.height && ix >= 0 && ix < in.width;
                visit(inside ? (c * in.height + iy) * in.width + ix : -1, place);
            }
        }
    }

    // visit(element, weight) for every product of an output, in the order of the sum; padding left out.
    template <class Visit>
    void products(std::int64_t n, std::int64_t y, std::int64_t x, Visit visit) const {
        const GemmShape gemm = gemm_shape(graph_.structure, layer_);
        const Window w = window_of(graph_.structure, layer_);
        const std::int64_t kernel = std::int64_t{w.kernel_h} * w.kernel_w;
        const std::int64_t channels = gemm.k / kernel;
        for (std::int64_t c = 0; c < channels; ++c) {
            window(n / gemm.n * channels + c, y, x, [&](std::int64_t element, std::int64_t place) {
                if (element >= 0) {
                    visit(element, weights_[static_cast<std::size_t>(n * gemm.k + c * kernel + place)]);
                }
            });
        }
    }

    Word mac_fixed(std::int64_t n, std::int64_t y, std::int64_t x) const {
        Integer sum = code_of(bits_, words_.bias[static_cast<std::size_t>(n)]);
        sum *= Integer{1} << shifts_.bias;
        products(n, y, x, [&](std::int64_t element, Word weight) {
            sum += Integer{code_of(bits_, weight)} * code(0, element);
        });
        return divided(sum, 1);
    }
    Word mac_float(std::int64_t n, std::int64_t y, std::int64_t x) const {
        float sum = as_float(words_.bias[static_cast<std::size_t>(n)]);
        products(n, y, x, [&](std::int64_t element, Word weight) {
            const float product = loaded(graph_.format, weight) * real(0, element);
            sum = sum + product;
        });
        return finished(sum);
    }

    Word maximum(std::int64_t c, std::int64_t y, std::int64_t x) const {
        std::int64_t best = -1;
        window(c, y, x, [&](std::int64_t element, std::int64_t) {
            if (element < 0) {
                return;
            }
            const bool larger =
                best >= 0 && (fixed_ ? code(0, element) > code(0, best)
                                     : !std::isnan(real(0, best)) && (std::isnan(real(0, element)) ||
                                                                      real(0, element) > real(0, best)));
            best = best < 0 || larger ? element : best;
        });
        return word(0, best);
    }

    Word average(std::int64_t c, std::int64_t y, std::int64_t x) const {
        Integer codes = 0;
        float reals = 0;
        window(c, y, x, [&](std::int64_t element, std::int64_t) {
            if (element >= 0 && fixed_) {
                codes += code(0, element);
            } else if (element >= 0) {
                reals = reals + real(0, element);
            }
        });
        const std::int64_t taps = std::int64_t{layer_.window.kernel_h} * layer_.window.kernel_w;
        return fixed_ ? divided(codes, taps) : finished(reals / static_cast<float>(taps));
    }

    Word sum_of_inputs(std::int64_t at) const {
        return fixed_ ? divided(aligned(0, at) + aligned(1, at), 1) : finished(real(0, at) + real(1, at));
    }

    Word joined(std::int64_t at) const {
        std::size_t input = 0;
        while (at >= shapes_[input].elements()) {
            at -= shapes_[input++].elements();
        }
        return fixed_ ? divided(aligned(input, at), 1) : finished(real(input, at));
    }

    Word subsample(std::int64_t c, std::int64_t y, std::int64_t x) const {
        const Shape& in = shapes_[0];
        const std::int64_t ordered = c - layer_.channels_before;
        if (ordered < 0 || ordered >= in.channels) {
            return 0;
        }
        // Row r and column q of the matrix of channels.
        const std::int64_t r = ordered % layer_.groups;
        const std::int64_t q = ordered / layer_.groups;
        const std::int64_t channel = r * (in.channels / layer_.groups) + q;
        return word(
            0, (channel * in.height + y * layer_.window.stride_h) * in.width + x * layer_.window.stride_w);
    }

    Integer aligned(std::size_t input, std::int64_t at) const {
        return Integer{code(input, at)} * (Integer{1} << shifts_.inputs[input]);
    }

    // sum / (taps · 2^shift) to the nearest code, halves up; ReLU, saturation.
    Word divided(Integer sum, std::int64_t taps) const {
        Integer numerator = sum;
        Integer denominator = taps;
        (shifts_.output < 0 ? numerator : denominator) *= Integer{1} << std::abs(shifts_.output);
        numerator = 2 * numerator + denominator;
        denominator *= 2;
        Integer code = numerator / denominator;
        if (numerator % denominator < 0) {
            --code;
        }
        const std::int64_t most = (std::int64_t{1} << (bits_ - 1)) - 1;
        std::int64_t hi = most;
        if (words_.relu) {
            const double scale = graph_.structure.tensor(layer_.output).scale;
            hi = static_cast<std::int64_t>(
                std::min(std::nearbyint(words_.ceiling / scale), static_cast<double>(most)));
        }
        const Integer lo = words_.relu ? 0 : -most - 1;
        const auto saturated = static_cast<std::int64_t>(code < lo ? lo : code > hi ? Integer{hi} : code);
        return static_cast<Word>(static_cast<std::uint64_t>(saturated) & ((std::uint64_t{1} << bits_) - 1));
    }

    Word finished(float value) const {
        if (words_.relu && !std::isnan(value)) {
            const float ceiling =
                loaded(graph_.format, stored(graph_.format, static_cast<float>(words_.ceiling)));
            value = value > ceiling ? ceiling : value > 0 ? value : 0.0F;
        }
        return stored(graph_.format, value);
    }

    const WordGraph& graph_;
    const Layer& layer_;
    const WordLayer& words_;
    const Words& weights_;
    const Shape& out_;
    const int bits_;
    const bool fixed_;
    std::vector<const Words*> inputs_;
    std::vector<Shape> shapes_;
    WordShifts shifts_;
};

}  // namespace

std::vector<Words> reference_run(const WordGraph& graph, const Words& image,
                                 const std::vector<WordFault>& faults) {
    std::vector<Words> tensors(graph.structure.tensors.size());
    tensors[index_of(graph.structure.input)] = image;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        Words weights = graph.layers[i].weights;
        for (const WordFault& fault : faults) {
            if (fault.layer == i && fault.in_weights) {
                weights.at(static_cast<std::size_t>(fault.index)) = fault.word;
            }
        }
        Words output = LayerRun(graph, i, tensors, weights).run();
        for (const WordFault& fault : faults) {
            if (fault.layer == i && !fault.in_weights) {
                output.at(static_cast<std::size_t>(fault.index)) = fault.word;
            }
        }
        tensors[index_of(graph.structure.layers[i].output)] = std::move(output);
    }
    return tensors;
}

double value_of(WordFormat format, double scale, Word word) {
    return is_fixed_point(format) ? scale * static_cast<double>(code_of(word_bits(format), word))
                                  : double{loaded(format, word)};
}

Word nearest_word(WordFormat format, double scale, double value) {
    if (!is_fixed_point(format)) {
        return stored(format, static_cast<float>(value));
    }
    const int bits = word_bits(format);
    const double most = std::ldexp(1.0, bits - 1) - 1;
    const auto code = static_cast<std::int64_t>(std::clamp(std::nearbyint(value / scale), -most - 1, most));
    return static_cast<Word>(static_cast<std::uint64_t>(code) & ((std::uint64_t{1} << bits) - 1));
}

}  // namespace fluence::workloads
