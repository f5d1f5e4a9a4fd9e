#include "tests/fuzz/onnx_seeds.h"

#include <limits>
#include <vector>

namespace fluence::test {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

class Seed {
  public:
    Seed() {
        model_.set_ir_version(7);
        model_.add_opset_import()->set_version(13);
        auto& input = *graph().add_input();
        input.set_name("images");
        auto& shape = *input.mutable_type()->mutable_tensor_type()->mutable_shape();
        shape.add_dim()->set_dim_param("N");
        for (const int extent : {4, 8, 8}) {
            shape.add_dim()->set_dim_value(extent);
        }
    }
    onnx::GraphProto& graph() { return *model_.mutable_graph(); }
    onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs,
                          const std::string& output) {
        onnx::NodeProto& node = *graph().add_node();
        node.set_op_type(op);
        node.set_name(op + "_" + output);
        for (const std::string& input : inputs) {
            node.add_input(input);
        }
        node.add_output(output);
        return node;
    }
    void reals(const std::string& name, const std::vector<std::int64_t>& dims) {
        onnx::TensorProto& tensor = start(name, dims, onnx::TensorProto::FLOAT);
        std::int64_t count = 1;
        for (const std::int64_t extent : dims) {
            count *= extent;
        }
        for (std::int64_t i = 0; i < count; ++i) {
            tensor.add_float_data(static_cast<float>(i % 7 + 1) / 8.0F);
        }
    }
    void integers(const std::string& name, const std::vector<std::int64_t>& values) {
        onnx::TensorProto& tensor =
            start(name, {static_cast<std::int64_t>(values.size())}, onnx::TensorProto::INT64);
        tensor.set_raw_data(values.data(), values.size() * sizeof values[0]);
    }
    static void ints(onnx::NodeProto& node, const std::string& name,
                     const std::vector<std::int64_t>& values) {
        onnx::AttributeProto& attribute = *node.add_attribute();
        attribute.set_name(name);
        attribute.set_type(onnx::AttributeProto::INTS);
        for (const std::int64_t value : values) {
            attribute.add_ints(value);
        }
    }
    static void integer(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
        onnx::AttributeProto& attribute = *node.add_attribute();
        attribute.set_name(name);
        attribute.set_type(onnx::AttributeProto::INT);
        attribute.set_i(value);
    }
    onnx::ModelProto model() { return model_; }

  private:
    onnx::TensorProto& start(const std::string& name, const std::vector<std::int64_t>& dims, int type) {
        onnx::TensorProto& tensor = *graph().add_initializer();
        tensor.set_name(name);
        tensor.set_data_type(type);
        for (const std::int64_t extent : dims) {
            tensor.add_dims(extent);
        }
        return tensor;
    }
    onnx::ModelProto model_;
};

// A random message inside `from`, itself included; half the way down on average.
Message* pick(Message* from, RandomStream& stream) {
    for (;;) {
        const Reflection& access = *from->GetReflection();
        std::vector<const FieldDescriptor*> set;
        access.ListFields(*from, &set);
        std::vector<Message*> inside;
        for (const FieldDescriptor* field : set) {
            if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
                continue;
            }
            if (!field->is_repeated()) {
                inside.push_back(access.MutableMessage(from, field));
            }
            for (int i = 0; field->is_repeated() && i < access.FieldSize(*from, field); ++i) {
                inside.push_back(access.MutableRepeatedMessage(from, field, i));
            }
        }
        if (inside.empty() || stream.below(4) == 0) {
            return from;
        }
        from = inside[stream.below(inside.size())];
    }
}

std::int64_t any_integer(RandomStream& stream) {
    static const std::vector<std::int64_t> kValues = {-1,
                                                      0,
                                                      1,
                                                      2,
                                                      3,
                                                      5,
                                                      16,
                                                      255,
                                                      32767,
                                                      65536,
                                                      std::int64_t{1} << 31,
                                                      std::int64_t{1} << 33,
                                                      std::numeric_limits<std::int64_t>::min(),
                                                      std::numeric_limits<std::int64_t>::max()};
    return kValues[stream.below(kValues.size())];
}

std::string any_name(RandomStream& stream) {
    static const std::vector<std::string> kNames = {"",          "images",   "w",
                                                    "Conv",      "Reshape",  "Slice",
                                                    "Pad",       "Shape",    "Gather",
                                                    "Transpose", "Add",      "Split",
                                                    "Concat",    "axis",     "pads",
                                                    "perm",      "a\nb",     "SAME_UPPER",
                                                    "MatMul",    "MaxPool",  "conv",
                                                    "flat",      "Constant", "Clip",
                                                    "Mul",       "Gemm",     "Squeeze",
                                                    "Unsqueeze", "to",       "group",
                                                    "Cast",      "strides",  "BatchNormalization"};
    return kNames[stream.below(kNames.size())];
}

void set_scalar(Message* message, const FieldDescriptor* field, RandomStream& stream) {
    const Reflection& access = *message->GetReflection();
    const int size = field->is_repeated() ? access.FieldSize(*message, field) : 0;
    const int at = size == 0 ? 0 : static_cast<int>(stream.below(static_cast<std::uint64_t>(size)));
    const std::int64_t number = any_integer(stream);
    const auto one_of = [&](auto set, auto replace, auto add) {
        !field->is_repeated() ? set() : size != 0 && stream.below(2) == 0 ? replace() : add();
    };
    switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT64:
            one_of([&] { access.SetInt64(message, field, number); },
                   [&] { access.SetRepeatedInt64(message, field, at, number); },
                   [&] { access.AddInt64(message, field, number); });
            break;
        case FieldDescriptor::CPPTYPE_INT32: {
            const auto small = static_cast<std::int32_t>(number);
            one_of([&] { access.SetInt32(message, field, small); },
                   [&] { access.SetRepeatedInt32(message, field, at, small); },
                   [&] { access.AddInt32(message, field, small); });
            break;
        }
        case FieldDescriptor::CPPTYPE_FLOAT: {
            const float real =
                number == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(number);
            one_of([&] { access.SetFloat(message, field, real); },
                   [&] { access.SetRepeatedFloat(message, field, at, real); },
                   [&] { access.AddFloat(message, field, real); });
            break;
        }
        case FieldDescriptor::CPPTYPE_ENUM: {
            const int value = static_cast<int>(stream.below(18));
            if (!field->is_repeated()) {
                access.SetEnumValue(message, field, value);
            }
            break;
        }
        case FieldDescriptor::CPPTYPE_STRING: {
            const std::string text = any_name(stream);
            one_of([&] { access.SetString(message, field, text); },
                   [&] { access.SetRepeatedString(message, field, at, text); },
                   [&] { access.AddString(message, field, text); });
            break;
        }
        default:
            break;
    }
}

// Clears, doubles, exchanges or sets one field.
void change(Message* model, RandomStream& stream) {
    Message* const message = pick(model, stream);
    const Reflection& access = *message->GetReflection();
    const auto& type = *message->GetDescriptor();
    const FieldDescriptor* const field =
        type.field(static_cast<int>(stream.below(static_cast<std::uint64_t>(type.field_count()))));
    const int size = field->is_repeated() ? access.FieldSize(*message, field) : 0;
    const auto any = [&] { return static_cast<int>(stream.below(static_cast<std::uint64_t>(size))); };
    if (size > 1 && stream.below(2) == 0) {
        access.SwapElements(message, field, any(), any());
    } else if (size > 0 && stream.below(3) == 0) {
        access.RemoveLast(message, field);
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
        set_scalar(message, field, stream);
    } else if (size > 0) {
        access.AddMessage(message, field)->CopyFrom(access.GetRepeatedMessage(*message, field, any()));
    } else if (stream.below(8) == 0) {
        access.ClearField(message, field);
    }
}

}  // namespace

onnx::ModelProto onnx_seed() {
    Seed seed;
    seed.reals("conv.weight", {6, 4, 3, 3});
    seed.reals("conv.bias", {6});
    seed.reals("bn.scale", {6});
    seed.reals("bn.zero", {6});
    seed.reals("fc.weight", {5, 6});
    seed.integers("shape", {0, -1});
    seed.integers("groups", {0, 2, 3, 4, 4});
    seed.integers("back", {0, 6, 4, 4});
    seed.integers("first", {0});
    seed.integers("last", {3});
    seed.integers("axis", {1});
    seed.integers("pads", {0, 0, 0, 1, 0, 0, 1, 0});
    seed.integers("zero", {0});
    onnx::NodeProto& conv = seed.node("Conv", {"images", "conv.weight", "conv.bias"}, "conv");
    Seed::ints(conv, "pads", {1, 1, 1, 1});
    Seed::ints(conv, "strides", {1, 1});
    Seed::ints(conv, "dilations", {1, 1});
    Seed::integer(conv, "group", 1);
    seed.node("BatchNormalization", {"conv", "bn.scale", "bn.zero", "bn.zero", "bn.scale"}, "bn");
    seed.node("Relu", {"bn"}, "relu");
    onnx::NodeProto& pool = seed.node("MaxPool", {"relu"}, "pool");
    Seed::ints(pool, "kernel_shape", {2, 2});
    Seed::ints(pool, "strides", {2, 2});
    seed.node("Reshape", {"pool", "groups"}, "grouped");
    Seed::ints(seed.node("Transpose", {"grouped"}, "swapped"), "perm", {0, 2, 1, 3, 4});
    seed.node("Reshape", {"swapped", "back"}, "shuffled");
    seed.node("Slice", {"shuffled", "first", "last", "axis"}, "low");
    seed.node("Pad", {"low", "pads"}, "padded");
    Seed::ints(seed.node("AveragePool", {"padded"}, "averaged"), "kernel_shape", {2, 2});
    Seed::integer(seed.node("Concat", {"averaged", "averaged"}, "joined"), "axis", 1);
    seed.node("Add", {"joined", "shuffled"}, "sum");
    seed.node("GlobalAveragePool", {"sum"}, "mean");
    seed.node("Shape", {"mean"}, "sizes");
    seed.node("Gather", {"sizes", "zero"}, "images_count");
    onnx::NodeProto& rest = seed.node("Constant", {}, "rest");
    onnx::AttributeProto& value = *rest.add_attribute();
    value.set_name("value");
    value.set_type(onnx::AttributeProto::TENSOR);
    value.mutable_t()->set_data_type(onnx::TensorProto::INT64);
    value.mutable_t()->add_dims(1);
    value.mutable_t()->add_int64_data(-1);
    Seed::integer(seed.node("Concat", {"images_count", "rest"}, "target"), "axis", 0);
    seed.node("Reshape", {"mean", "target"}, "flat");
    onnx::NodeProto& gemm = seed.node("Gemm", {"flat", "fc.weight"}, "logits");
    Seed::integer(gemm, "transB", 1);
    seed.graph().add_output()->set_name("logits");
    return seed.model();
}

std::string damaged_onnx(const onnx::ModelProto& seed, RandomStream& stream, Mutator& mutate) {
    if (stream.below(2) == 0) {
        const std::string bytes = seed.SerializeAsString();
        return mutate(bytes, bytes);
    }
    onnx::ModelProto model = seed;
    const auto changes = 1 + stream.below(4);
    for (std::uint64_t i = 0; i < changes; ++i) {
        change(&model, stream);
    }
    return model.SerializeAsString();
}

}  // namespace fluence::test
