#include "models/onnx/onnx_file.h"

#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>

#include "sim/core/error.h"

namespace fluence::models {
namespace {

using Dims = std::vector<std::int64_t>;

constexpr std::uintmax_t kMaxBytes = std::numeric_limits<std::int32_t>::max();  // protobuf's own limit
constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;

// The product, −1 where a dimension is negative or the product is beyond any file.
std::int64_t product(const Dims& dims) {
    std::int64_t elements = 1;
    for (const std::int64_t extent : dims) {
        if (extent < 0 || extent > kMaxElements) {
            return -1;
        }
        elements *= extent;
        if (elements > kMaxElements) {
            return -1;
        }
    }
    return elements;
}

float float_of(std::uint32_t bits) {
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

// IEEE 754 binary16.
float half(std::uint16_t bits) {
    const int exponent = bits >> 10 & 31;
    const int fraction = bits & 1023;
    const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
    if (exponent == 31) {
        return fraction != 0 ? std::numeric_limits<float>::quiet_NaN()
                             : sign * std::numeric_limits<float>::infinity();
    }
    return sign * (exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                 : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25));
}

class TensorReader {
  public:
    TensorReader(const std::string& file, const std::string& place, const onnx::TensorProto& from)
        : file_(file), place_(place), from_(from) {}

    OnnxTensor read() {
        result_.dims = {from_.dims().begin(), from_.dims().end()};
        elements_ = product(result_.dims);
        if (elements_ < 0) {
            fail("has a negative dimension or more elements than a file holds");
        }
        if (from_.data_location() == onnx::TensorProto::EXTERNAL) {
            fail("keeps its values in another file", "a model saved as one file");
        }
        values();
        for (const float value : result_.reals) {
            if (!std::isfinite(value)) {
                fail("holds a NaN or an infinite value");
            }
        }
        return std::move(result_);
    }

  private:
    [[noreturn]] void fail(const std::string& reason, const std::string& valid = "") const {
        throw InputError(file_, place_, reason, valid);
    }

    void values() {
        using Proto = onnx::TensorProto;
        const auto widen = [](auto value) { return static_cast<std::int64_t>(value); };
        const auto narrow = [](auto value) { return static_cast<float>(value); };
        const auto from_half = [](auto bits) { return half(static_cast<std::uint16_t>(bits)); };
        const auto from_bfloat = [](auto bits) {
            return float_of(static_cast<std::uint32_t>(static_cast<std::uint16_t>(bits)) << 16);
        };
        switch (from_.data_type()) {
            case Proto::FLOAT:
                return fill<float>(from_.float_data(), result_.reals, narrow);
            case Proto::DOUBLE:
                return fill<double>(from_.double_data(), result_.reals, narrow);
            case Proto::FLOAT16:
                return fill<std::uint16_t>(from_.int32_data(), result_.reals, from_half);
            case Proto::BFLOAT16:
                return fill<std::uint16_t>(from_.int32_data(), result_.reals, from_bfloat);
            default:
                break;
        }
        result_.is_real = false;
        switch (from_.data_type()) {
            case Proto::INT64:
                return fill<std::int64_t>(from_.int64_data(), result_.integers, widen);
            case Proto::INT32:
                return fill<std::int32_t>(from_.int32_data(), result_.integers, widen);
            case Proto::INT16:
                return fill<std::int16_t>(from_.int32_data(), result_.integers, widen);
            case Proto::INT8:
                return fill<std::int8_t>(from_.int32_data(), result_.integers, widen);
            case Proto::UINT8:
            case Proto::BOOL:
                return fill<std::uint8_t>(from_.int32_data(), result_.integers, widen);
            default:
                fail("has the data type " + std::to_string(from_.data_type()),
                     "float, double, float16, bfloat16, int8 to int64, uint8, bool");
        }
    }

    // Values lie in a field of their own type, or as little-endian bytes of `Stored`.
    template <class Stored, class Field, class Value, class Convert>
    void fill(const Field& field, std::vector<Value>& values, Convert convert) {
        const auto wanted = static_cast<std::size_t>(elements_);
        const std::string& raw = from_.raw_data();
        const std::size_t given =
            from_.has_raw_data() ? raw.size() / sizeof(Stored) : static_cast<std::size_t>(field.size());
        if (given != wanted || (from_.has_raw_data() && raw.size() % sizeof(Stored) != 0)) {
            fail("holds " + std::to_string(given) + " values, and its dimensions make " +
                 std::to_string(wanted));
        }
        values.reserve(wanted);
        for (std::size_t i = 0; i < wanted; ++i) {
            if (from_.has_raw_data()) {
                Stored stored{};
                std::memcpy(&stored, raw.data() + i * sizeof(Stored), sizeof stored);
                values.push_back(convert(stored));
            } else {
                values.push_back(convert(field.Get(static_cast<int>(i))));
            }
        }
    }

    const std::string& file_;
    const std::string& place_;
    const onnx::TensorProto& from_;
    OnnxTensor result_;
    std::int64_t elements_ = 0;
};

std::string in_quotes(const std::string& text) {
    std::string shown = "\"";
    for (const char c : text.substr(0, 200)) {
        shown += static_cast<unsigned char>(c) < 32 ? '?' : c;  // a message is one line
    }
    return shown + "\"";
}

class FileReader {
  public:
    explicit FileReader(const std::string& path) : path_(path) {}

    OnnxGraph read() {
        onnx::ModelProto model;
        parse(model);
        for (const auto& opset : model.opset_import()) {
            if (opset.domain().empty() || opset.domain() == "ai.onnx") {
                result_.opset = opset.version();
            }
        }
        const onnx::GraphProto& graph = model.graph();
        if (!model.has_graph() || graph.node_size() == 0) {
            throw InputError(path_, "", "holds no ONNX graph");
        }
        if (result_.opset < 7 || graph.sparse_initializer_size() != 0) {
            throw InputError(path_, "",
                             "is of opset " + std::to_string(result_.opset) + " or has sparse weights",
                             "opset 7 or later (onnx.version_converter), dense weights");
        }
        for (const auto& tensor : graph.initializer()) {
            make(tensor.name(), "initializer " + in_quotes(tensor.name()));
            result_.constants[tensor.name()] =
                TensorReader(path_, "initializer " + in_quotes(tensor.name()), tensor).read();
        }
        ends(graph);
        for (const auto& node : graph.node()) {
            result_.nodes.push_back(read(node));
        }
        if (known_.count(result_.output) == 0) {
            throw InputError(path_, "output " + in_quotes(result_.output), "is made by no node");
        }
        return std::move(result_);
    }

  private:
    void parse(onnx::ModelProto& model) const {
        std::error_code error;
        const std::uintmax_t size = std::filesystem::file_size(path_, error);
        if (error || !std::filesystem::is_regular_file(path_)) {
            throw InputError(path_, "", "there is no such ONNX file");
        }
        if (size > kMaxBytes) {
            throw InputError(path_, "", "has more than 2 GiB, which no ONNX file can have");
        }
        const google::protobuf::LogSilencer quiet;
        std::ifstream stream(path_, std::ios::binary);
        if (!model.ParseFromIstream(&stream)) {
            throw InputError(path_, "", "is no ONNX file, or its end is missing");
        }
    }

    void make(const std::string& value, const std::string& place) {
        if (value.empty() || !known_.insert(value).second) {
            throw InputError(path_, place,
                             "makes the value " + in_quotes(value) + ", which has no name or is there");
        }
    }

    // Initialisers may be listed as inputs too: values that a caller could replace.
    void ends(const onnx::GraphProto& graph) {
        std::vector<const onnx::ValueInfoProto*> inputs;
        for (const auto& input : graph.input()) {
            if (result_.constants.count(input.name()) == 0) {
                inputs.push_back(&input);
            }
        }
        if (inputs.size() != 1 || graph.output_size() != 1) {
            throw InputError(path_, "",
                             "has " + std::to_string(inputs.size()) + " inputs and " +
                                 std::to_string(graph.output_size()) + " outputs",
                             "one tensor of images, one of logits");
        }
        result_.input = inputs[0]->name();
        result_.output = graph.output(0).name();
        make(result_.input, "input");
        const auto& type = inputs[0]->type().tensor_type();
        for (const auto& extent : type.shape().dim()) {
            result_.input_dims.push_back(extent.has_dim_value() ? extent.dim_value() : -1);
        }
    }

    OnnxNode read(const onnx::NodeProto& from) {
        OnnxNode node;
        const bool own = from.domain().empty() || from.domain() == "ai.onnx";
        node.op = own ? from.op_type() : from.domain() + "::" + from.op_type();
        node.name = from.name();
        node.inputs = {from.input().begin(), from.input().end()};
        node.outputs = {from.output().begin(), from.output().end()};
        for (const std::string& input : node.inputs) {
            if (!input.empty() && known_.count(input) == 0) {
                throw InputError(
                    path_, node.place(),
                    "reads " + in_quotes(input) +
                        ", which nothing in front of it makes (nodes in a circle or out of order)");
            }
        }
        for (const std::string& output : node.outputs) {
            if (!output.empty()) {
                make(output, node.place());
            }
        }
        for (const auto& attribute : from.attribute()) {
            read(attribute, node);
        }
        return node;
    }

    void read(const onnx::AttributeProto& from, OnnxNode& node) const {
        using Proto = onnx::AttributeProto;
        OnnxNode::Attribute& value = node.attributes[from.name()];
        switch (from.type()) {
            case Proto::INT:
                value = std::int64_t{from.i()};
                break;
            case Proto::FLOAT:
                value = double{from.f()};
                break;
            case Proto::STRING:
                value = from.s();
                break;
            case Proto::INTS:
                value = Dims(from.ints().begin(), from.ints().end());
                break;
            case Proto::FLOATS:
                value = std::vector<double>(from.floats().begin(), from.floats().end());
                break;
            case Proto::TENSOR:
                value = TensorReader(path_, node.place(), from.t()).read();
                break;
            default:
                throw InputError(path_, node.place(),
                                 "the attribute " + in_quotes(from.name()) + " is a graph or a list of texts",
                                 "numbers, lists of numbers, a text, a tensor");
        }
    }

    const std::string& path_;
    OnnxGraph result_;
    std::set<std::string> known_;
};

}  // namespace

std::int64_t OnnxTensor::elements() const {
    return product(dims);
}

std::string OnnxNode::place() const {
    std::string text = "node ";
    if (!name.empty()) {
        text += in_quotes(name);
    } else {
        text += outputs.empty() ? std::string("without a name") : "of " + in_quotes(outputs[0]);
    }
    return text + " (" + in_quotes(op).substr(1, in_quotes(op).size() - 2) + ")";
}

OnnxGraph read_onnx(const std::string& path) {
    return FileReader(path).read();
}

}  // namespace fluence::models
