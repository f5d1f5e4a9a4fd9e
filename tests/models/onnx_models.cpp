#include "tests/models/onnx_models.h"

#include <ATen/ATen.h>

#include <cmath>
#include <stdexcept>

#include "tests/support/temporary_directory.h"

namespace fluence::test {

using models::FloatGraph;
using models::FloatOp;
using models::FloatOpKind;

OnnxModel::OnnxModel(const workloads::Shape& images, std::int64_t opset, std::int64_t batch) {
    proto_.set_ir_version(7);
    proto_.add_opset_import()->set_version(opset);
    onnx::GraphProto& graph = *proto_.mutable_graph();
    graph.set_name("test");
    onnx::ValueInfoProto& input = *graph.add_input();
    input.set_name("images");
    auto& type = *input.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    auto& first = *type.mutable_shape()->add_dim();
    if (batch == 0) {
        first.set_dim_param("N");
    } else {
        first.set_dim_value(batch);
    }
    for (const int extent : {images.channels, images.height, images.width}) {
        type.mutable_shape()->add_dim()->set_dim_value(extent);
    }
}

std::string OnnxModel::constant(const std::string& name, const at::Tensor& values) {
    onnx::TensorProto& tensor = *proto_.mutable_graph()->add_initializer();
    tensor.set_name(name);
    for (const std::int64_t extent : values.sizes()) {
        tensor.add_dims(extent);
    }
    const bool real = values.is_floating_point();
    tensor.set_data_type(real ? onnx::TensorProto::FLOAT : onnx::TensorProto::INT64);
    const at::Tensor stored = values.to(real ? at::kFloat : at::kLong).contiguous();
    tensor.set_raw_data(stored.data_ptr(), static_cast<std::size_t>(stored.numel()) * stored.element_size());
    return name;
}

std::string OnnxModel::integers(const Ints& values) {
    return constant("value" + std::to_string(values_++),
                    at::tensor(at::ArrayRef<std::int64_t>(values), at::kLong));
}

std::string OnnxModel::number(std::int64_t value) {
    return constant("value" + std::to_string(values_++), at::scalar_tensor(value, at::kLong));
}

std::string OnnxModel::node(const std::string& op, const Names& inputs, const Attributes& attributes) {
    return nodes(op, inputs, 1, attributes)[0];
}

OnnxModel::Names OnnxModel::nodes(const std::string& op, const Names& inputs, std::size_t outputs,
                                  const Attributes& attributes) {
    onnx::NodeProto& node = *proto_.mutable_graph()->add_node();
    node.set_op_type(op);
    for (const std::string& input : inputs) {
        node.add_input(input);
    }
    Names made;
    for (std::size_t i = 0; i < outputs; ++i) {
        made.push_back("value" + std::to_string(values_++));
        node.add_output(made.back());
    }
    for (const auto& [name, value] : attributes) {
        onnx::AttributeProto& attribute = *node.add_attribute();
        attribute.set_name(name);
        if (const auto* integer = std::get_if<std::int64_t>(&value)) {
            attribute.set_type(onnx::AttributeProto::INT);
            attribute.set_i(*integer);
        } else if (const auto* real = std::get_if<float>(&value)) {
            attribute.set_type(onnx::AttributeProto::FLOAT);
            attribute.set_f(*real);
        } else if (const auto* text = std::get_if<std::string>(&value)) {
            attribute.set_type(onnx::AttributeProto::STRING);
            attribute.set_s(*text);
        } else {
            attribute.set_type(onnx::AttributeProto::INTS);
            for (const std::int64_t item : std::get<Ints>(value)) {
                attribute.add_ints(item);
            }
        }
    }
    return made;
}

void OnnxModel::output(const std::string& value) {
    proto_.mutable_graph()->add_output()->set_name(value);
}

std::string OnnxModel::bytes() const {
    return proto_.SerializeAsString();
}

void OnnxModel::save(const std::string& path) const {
    write_file(path, bytes());
}

namespace {

using Ints = OnnxModel::Ints;

Ints pads_of(const FloatOp& op) {
    const workloads::Window& w = op.window;
    return {w.pad_h, w.pad_w, w.pad_h + op.more_h, w.pad_w + op.more_w};
}

OnnxModel::Attributes window_of(const FloatOp& op) {
    const workloads::Window& w = op.window;
    return {{"kernel_shape", Ints{w.kernel_h, w.kernel_w}},
            {"strides", Ints{w.stride_h, w.stride_w}},
            {"pads", pads_of(op)}};
}

class Writer {
  public:
    explicit Writer(const FloatGraph& graph)
        : graph_(graph), model_(shape(graph.input)), names_(graph.shapes.size()) {
        names_[static_cast<std::size_t>(graph.input)] = "images";
    }
    OnnxModel run() {
        for (const FloatOp& op : graph_.ops) {
            names_[static_cast<std::size_t>(op.output)] = write(op);
        }
        model_.output(names_[static_cast<std::size_t>(graph_.logits)]);
        return std::move(model_);
    }

  private:
    const workloads::Shape& shape(int tensor) const {
        return graph_.shapes[static_cast<std::size_t>(tensor)];
    }

    std::string write(const FloatOp& op) {
        OnnxModel::Names inputs;
        for (const int input : op.inputs) {
            inputs.push_back(names_[static_cast<std::size_t>(input)]);
        }
        const std::string& x = inputs[0];
        const workloads::Shape& in = shape(op.inputs[0]);
        OnnxModel::Attributes attributes = window_of(op);
        switch (op.kind) {
            case FloatOpKind::conv:
                attributes["dilations"] = Ints{op.window.dilation_h, op.window.dilation_w};
                attributes["group"] = std::int64_t{op.groups};
                return model_.node("Conv",
                                   {x, model_.constant(op.name + ".weight", op.weight),
                                    model_.constant(op.name + ".bias", op.bias)},
                                   attributes);
            case FloatOpKind::linear:
                return model_.node("Gemm",
                                   {in.plane() == 1 ? model_.node("Flatten", {x}) : x,
                                    model_.constant(op.name + ".weight", op.weight),
                                    model_.constant(op.name + ".bias", op.bias)},
                                   {{"transB", std::int64_t{1}}});
            case FloatOpKind::max_pool:
                attributes["dilations"] = Ints{op.window.dilation_h, op.window.dilation_w};
                if (op.more_h != 0 || op.more_w != 0) {  // more padding behind is a window over the edge
                    attributes["pads"] =
                        Ints{op.window.pad_h, op.window.pad_w, op.window.pad_h, op.window.pad_w};
                    attributes["ceil_mode"] = std::int64_t{1};
                }
                return model_.node("MaxPool", {x}, attributes);
            case FloatOpKind::avg_pool:
                attributes["count_include_pad"] = std::int64_t{1};
                return model_.node("AveragePool", {x}, attributes);
            case FloatOpKind::add:
                return model_.node("Add", inputs);
            case FloatOpKind::concat:
                return model_.node("Concat", inputs, {{"axis", std::int64_t{1}}});
            case FloatOpKind::flatten:
                return model_.node("Flatten", {x});
            case FloatOpKind::relu:
                if (std::isinf(op.ceiling)) {
                    return model_.node("Relu", {x});
                }
                return model_.node("Clip", {x, model_.constant(op.name + ".min", at::zeros({})),
                                            model_.constant(op.name + ".max", at::full({}, op.ceiling))});
            case FloatOpKind::subsample:
                return subsample(op, x, in);
            case FloatOpKind::shuffle:
                return shuffle(op, x, in);
            case FloatOpKind::pad:
                return pad(x, {0, 0, op.window.pad_h, op.window.pad_w, 0, 0, op.window.pad_h + op.more_h,
                               op.window.pad_w + op.more_w});
            case FloatOpKind::affine:
                break;
        }
        return model_.node(
            "BatchNormalization",
            {x, model_.constant(op.name + ".weight", op.weight), model_.constant(op.name + ".bias", op.bias),
             model_.constant(op.name + ".mean", at::zeros({in.channels})),
             model_.constant(op.name + ".var", at::ones({in.channels}))},
            {{"epsilon", 0.0F}});
    }

    std::string pad(const std::string& x, const Ints& pads) {
        return model_.node("Pad", {x, model_.integers(pads)});
    }

    std::string subsample(const FloatOp& op, std::string x, const workloads::Shape& in) {
        const auto cut = [](int more) { return std::int64_t{std::max(0, -more)}; };
        const auto added = [](int more) { return std::int64_t{std::max(0, more)}; };
        if (op.window.stride_h != 1 || op.window.stride_w != 1) {
            x = model_.node("Slice", {x, model_.integers({0, 0}), model_.integers({INT64_MAX, INT64_MAX}),
                                      model_.integers({2, 3}),
                                      model_.integers({op.window.stride_h, op.window.stride_w})});
        }
        if (op.channels_before < 0 || op.channels_after < 0) {
            x = model_.node("Slice",
                            {x, model_.integers({cut(op.channels_before)}),
                             model_.integers({in.channels - cut(op.channels_after)}), model_.integers({1})});
        }
        if (op.channels_before > 0 || op.channels_after > 0) {
            x = pad(x, {0, added(op.channels_before), 0, 0, 0, added(op.channels_after), 0, 0});
        }
        return x;
    }

    std::string shuffle(const FloatOp& op, const std::string& x, const workloads::Shape& in) {
        const std::string groups = model_.node(
            "Reshape", {x, model_.integers({0, op.groups, in.channels / op.groups, in.height, in.width})});
        const std::string swapped = model_.node("Transpose", {groups}, {{"perm", Ints{0, 2, 1, 3, 4}}});
        return model_.node("Reshape", {swapped, model_.integers({0, in.channels, in.height, in.width})});
    }

    const FloatGraph& graph_;
    OnnxModel model_;
    OnnxModel::Names names_;
};

}  // namespace

OnnxModel onnx_of(const FloatGraph& graph) {
    return Writer(graph).run();
}

}  // namespace fluence::test
