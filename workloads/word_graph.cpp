#include "workloads/word_graph.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sim/core/error.h"

namespace fluence::workloads {
namespace {

// Sums of fxp16 are held in 64 bits, those of fxp32 in 128: with at most 2^31 products they cannot overflow
// within these limits.
constexpr int kMaxLeft = 30;  // of inputs, and of outputs that are finer than their sum
constexpr int kMaxExponent = 500;

int most_shift(WordFormat format) {
    return format == WordFormat::fxp16 ? 40 : 80;
}

int exponent_of(double power_of_two) {
    return std::ilogb(power_of_two);
}

bool is_power_of_two(double value) {
    int exponent = 0;
    return std::isfinite(value) && std::frexp(value, &exponent) == 0.5 && std::abs(exponent) <= kMaxExponent;
}

bool moves_words(OpKind kind) {
    return kind == OpKind::max_pool || kind == OpKind::flatten || kind == OpKind::subsample;
}

class Validator {
  public:
    Validator(const WordGraph& graph, const std::string& file) : graph_(graph), file_(file) {}

    void check() const {
        validate_structure(graph_.structure, file_);
        if (graph_.structure.images() != 1 || graph_.layers.size() != graph_.structure.layers.size() ||
            graph_.reach.size() != graph_.structure.tensors.size()) {
            throw std::logic_error("a graph of words with parts missing");
        }
        for (std::size_t t = 0; t < graph_.structure.tensors.size(); ++t) {
            const std::string key = "tensors[" + std::to_string(t) + "]";
            check_scale(key + ".scale", graph_.structure.tensors[t].scale);
            if (!std::isfinite(graph_.reach[t]) || graph_.reach[t] < 0) {
                throw InputError(file_, key + ".reach", "is no finite number", "0 or more");
            }
        }
        for (std::size_t i = 0; i < graph_.layers.size(); ++i) {
            check_layer(i);
        }
    }

  private:
    [[noreturn]] void fail(std::size_t layer, const std::string& field, const std::string& reason,
                           const std::string& valid = "") const {
        throw InputError(file_, "layers[" + std::to_string(layer) + "]." + field,
                         reason + " in \"" + graph_.structure.layers[layer].name + "\"", valid);
    }
    void check_scale(const std::string& key, double scale) const {
        if (is_fixed_point(graph_.format) ? !is_power_of_two(scale) : scale != 1) {
            throw InputError(file_, key, "is no scale of " + std::string(name_of(graph_.format)),
                             is_fixed_point(graph_.format) ? "powers of two" : "1");
        }
    }
    void check_layer(std::size_t i) const;
    void check_words(std::size_t layer, const char* field, const Words& words, std::int64_t size,
                     int bits) const;
    void check_shifts(std::size_t layer) const;

    const WordGraph& graph_;
    const std::string& file_;
};

void Validator::check_words(std::size_t layer, const char* field, const Words& words, std::int64_t size,
                            int bits) const {
    if (static_cast<std::int64_t>(words.size()) != size) {
        fail(layer, field, "has " + std::to_string(words.size()) + " values", std::to_string(size));
    }
    if (bits < 32 && std::any_of(words.begin(), words.end(), [&](Word w) { return w >> bits != 0; })) {
        fail(layer, field, "has a word of more than " + std::to_string(bits) + " bits");
    }
}

void Validator::check_layer(std::size_t i) const {
    const Layer& layer = graph_.structure.layers[i];
    const WordLayer& words = graph_.layers[i];
    std::int64_t weights = 0;
    std::int64_t channels = 0;
    if (layer.has_macs()) {
        const GemmShape gemm = gemm_shape(graph_.structure, layer);
        channels = gemm.n * gemm.groups;
        weights = gemm.k * channels;
    }
    const int bits = word_bits(graph_.format);
    check_words(i, "weights", words.weights, weights, bits);
    check_words(i, "bias", words.bias, channels, graph_.format == WordFormat::bf16 ? 32 : bits);
    const std::string key = "layers[" + std::to_string(i) + "].";
    check_scale(key + "weight_scale", words.weight_scale);
    check_scale(key + "bias_scale", words.bias_scale);
    if (!(words.ceiling > 0) || (!words.relu && std::isfinite(words.ceiling))) {
        fail(i, "ceiling", "is not above 0, or given without relu");
    }
    if (moves_words(layer.kind)) {
        const double in = graph_.structure.tensor(layer.inputs[0]).scale;
        if (words.relu || graph_.structure.tensor(layer.output).scale != in) {
            fail(i, "output", "has a ReLU or another scale than the input whose words it takes over");
        }
        return;
    }
    if (is_fixed_point(graph_.format)) {
        check_shifts(i);
    }
}

void Validator::check_shifts(std::size_t i) const {
    const WordShifts shifts = shifts_of(graph_, i);
    const int most = most_shift(graph_.format);
    if (shifts.bias < 0 || shifts.bias > most) {
        fail(i, "bias_scale", "is 2^" + std::to_string(shifts.bias) + " units of the sum",
             "2^0 to 2^" + std::to_string(most));
    }
    if (std::any_of(shifts.inputs.begin(), shifts.inputs.end(), [](int s) { return s > kMaxLeft; })) {
        fail(i, "inputs", "have scales that are further apart than 2^" + std::to_string(kMaxLeft));
    }
    if (shifts.output < -kMaxLeft || shifts.output > most) {
        fail(i, "output", "has a scale of 2^" + std::to_string(shifts.output) + " units of the sum",
             "2^-" + std::to_string(kMaxLeft) + " to 2^" + std::to_string(most));
    }
}

}  // namespace

const std::vector<WordFormatInfo>& word_formats() {
    static const std::vector<WordFormatInfo> table = {
        {WordFormat::fxp16, "fxp16", "16-bit two's complement with one integer bit, exact sums, saturation"},
        {WordFormat::fxp32, "fxp32", "32-bit two's complement with one integer bit, exact sums, saturation"},
        {WordFormat::bf16, "bf16", "bfloat16 operands, fp32 sums in a fixed order"},
        {WordFormat::fp32, "fp32", "IEEE 754 binary32, sums in a fixed order"},
    };
    return table;
}

std::vector<std::string> word_format_names() {
    std::vector<std::string> names;
    for (const WordFormatInfo& info : word_formats()) {
        names.emplace_back(info.name);
    }
    return names;
}

const char* name_of(WordFormat format) {
    for (const WordFormatInfo& info : word_formats()) {
        if (info.format == format) {
            return info.name;
        }
    }
    throw std::out_of_range("number format without a row");
}

WordFormat word_format_named(const std::string& name) {
    for (const WordFormatInfo& info : word_formats()) {
        if (info.name == name) {
            return info.format;
        }
    }
    throw std::out_of_range(name);
}

int word_bits(WordFormat format) {
    return format == WordFormat::fxp16 || format == WordFormat::bf16 ? 16 : 32;
}

bool is_fixed_point(WordFormat format) {
    return format == WordFormat::fxp16 || format == WordFormat::fxp32;
}

WordShifts shifts_of(const WordGraph& graph, std::size_t index) {
    const Layer& layer = graph.structure.layers[index];
    const WordLayer& words = graph.layers[index];
    const int out = exponent_of(graph.structure.tensor(layer.output).scale);
    const auto in = [&](std::size_t i) { return exponent_of(graph.structure.tensor(layer.inputs[i]).scale); };
    WordShifts shifts;
    int unit = in(0);
    if (layer.has_macs()) {
        unit += exponent_of(words.weight_scale);
        shifts.bias = exponent_of(words.bias_scale) - unit;
    }
    if (layer.kind == OpKind::add || layer.kind == OpKind::concat) {
        for (std::size_t i = 1; i < layer.inputs.size(); ++i) {
            unit = std::min(unit, in(i));
        }
        for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
            shifts.inputs.push_back(in(i)-unit);
        }
    }
    shifts.output = out - unit;
    return shifts;
}

void validate(const WordGraph& graph, const std::string& file) {
    Validator(graph, file).check();
}

std::vector<int> stored_shifts(const WordGraph& graph, std::size_t index) {
    const Layer& layer = graph.structure.layers[index];
    if (!is_fixed_point(graph.format) || moves_words(layer.kind)) {
        return {};
    }
    const WordShifts shifts = shifts_of(graph, index);
    std::vector<int> stored = layer.has_macs() ? std::vector<int>{shifts.bias} : shifts.inputs;
    stored.push_back(shifts.output);
    return stored;
}

Graph stored_structure(const WordGraph& graph) {
    Graph stored = graph.structure;
    for (std::size_t i = 0; i < stored.layers.size(); ++i) {
        Layer& layer = stored.layers[i];
        layer.bias.assign(graph.layers[i].bias.size(), 0);
        layer.shift.assign(stored_shifts(graph, i).size(), 0);
    }
    return stored;
}

}  // namespace fluence::workloads
