// ONNX files against the TorchScript of the same networks; models as PyTorch exports them; refused and
// hostile files.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "models/import.h"
#include "models/registry.h"
#include "models/script_graph.h"
#include "sim/core/error.h"
#include "tests/models/onnx_models.h"
#include "tests/models/script_models.h"
#include "tests/support/temporary_directory.h"

namespace fluence::models {
namespace {

using Kind = FloatOpKind;
using test::OnnxModel;
using test::weights;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using Ints = OnnxModel::Ints;

constexpr workloads::Shape kInput = {4, 8, 8};

ScriptModule saved(const OnnxModel& model, const std::string& path) {
    model.save(path);
    return ScriptModule::load(path);
}

std::vector<int> numbers(const workloads::Window& w) {
    return {w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.pad_h, w.pad_w, w.dilation_h, w.dilation_w};
}

void expect_equal(const FloatGraph& a, const FloatGraph& b) {
    ASSERT_EQ(a.ops.size(), b.ops.size());
    EXPECT_EQ(a.shapes, b.shapes);
    EXPECT_EQ(a.logits, b.logits);
    for (std::size_t i = 0; i < a.ops.size(); ++i) {
        const FloatOp& x = a.ops[i];
        const FloatOp& y = b.ops[i];
        SCOPED_TRACE(x.name);
        EXPECT_EQ(x.kind, y.kind);
        EXPECT_EQ(x.inputs, y.inputs);
        EXPECT_EQ(x.output, y.output);
        EXPECT_EQ(numbers(x.window), numbers(y.window));
        EXPECT_EQ(x.more_h, y.more_h);
        EXPECT_EQ(x.more_w, y.more_w);
        EXPECT_EQ(x.groups, y.groups);
        EXPECT_EQ(x.channels_before, y.channels_before);
        EXPECT_EQ(x.channels_after, y.channels_after);
        EXPECT_EQ(x.relu, y.relu);
        EXPECT_EQ(x.ceiling, y.ceiling);
        ASSERT_EQ(x.weight.defined(), y.weight.defined());
        if (x.weight.defined()) {  // the writer rounds what stands for batch norms to float
            EXPECT_TRUE(at::allclose(x.weight, y.weight, 1e-6, 1e-12));
            EXPECT_TRUE(at::allclose(x.bias, y.bias, 1e-6, 1e-6));
        }
    }
}

// Both files read and folded.
void expect_same_network(const ScriptModule& script, const workloads::Shape& input) {
    std::vector<std::string> report;
    FloatGraph from_script = script.graph(input, report);
    test::TemporaryDirectory folder;
    const ScriptModule onnx = saved(test::onnx_of(from_script), folder.file("model.onnx"));
    EXPECT_EQ(onnx.declared_input(), input);
    FloatGraph from_onnx = onnx.graph(input, report);
    fold(from_script, "script", report);
    fold(from_onnx, "onnx", report);
    expect_equal(from_script, from_onnx);
}

class OnnxOfListedNetworks : public ::testing::TestWithParam<const char*> {};

TEST_P(OnnxOfListedNetworks, IsTheNetworkOfTheTorchScript) {
    const NetworkInfo& info = network_info(GetParam());
    expect_same_network(ScriptModule::from_registry(info.name, "", info.input, info.classes), info.input);
}

// Between them: every operator of the list.
INSTANTIATE_TEST_SUITE_P(Networks, OnnxOfListedNetworks,
                         ::testing::Values("lenet5", "resnet20", "squeezenet1_1", "shufflenet_v2",
                                           "mobilenet_v2"),
                         [](const auto& test) { return std::string(test.param); });

TEST(OnnxOfRealModels, AreTheNetworksOfTheTorchScripts) {
    const char* folder = std::getenv("FLUENCE_DATA");
    if (folder == nullptr) {
        GTEST_SKIP() << "FLUENCE_DATA is not set: no trained networks";
    }
    for (const char* name : {"cifar10_resnet8", "cifar10_resnet20", "cifar10_allcnn_bn"}) {
        SCOPED_TRACE(name);
        expect_same_network(ScriptModule::load(std::string(folder) + "/models/" + name + ".pt"), {3, 32, 32});
    }
}

TEST(OnnxImport, GivesTheSameIntegerNetwork) {
    test::TemporaryDirectory folder;
    ImportRequest request;
    request.model = "lenet5";
    request.weights = FLUENCE_SOURCE_DIR "/models/pretrained/lenet5-glyphs.safetensors";
    request.dataset = "glyphs";
    request.images = 20;
    request.calibration_images = 40;
    ImportReport from_list;
    const workloads::Bundle a = import_model(request, from_list, {});
    std::vector<std::string> report;
    const ScriptModule script = ScriptModule::from_registry("lenet5", request.weights, {1, 32, 32}, 10);
    test::onnx_of(script.graph({1, 32, 32}, report)).save(folder.file("lenet5.onnx"));
    request.model = folder.file("lenet5.onnx");
    request.weights.clear();
    ImportReport from_file;
    const workloads::Bundle b = import_model(request, from_file, {});
    EXPECT_EQ(from_list.quantised_correct, from_file.quantised_correct);
    ASSERT_EQ(a.graph.layers.size(), b.graph.layers.size());
    for (std::size_t i = 0; i < a.graph.layers.size(); ++i) {
        EXPECT_EQ(a.graph.layers[i].kind, b.graph.layers[i].kind);
        EXPECT_EQ(a.graph.layers[i].weights, b.graph.layers[i].weights);
        EXPECT_EQ(a.graph.layers[i].bias, b.graph.layers[i].bias);
        EXPECT_EQ(a.graph.layers[i].multiplier, b.graph.layers[i].multiplier);
        EXPECT_EQ(a.graph.layers[i].shift, b.graph.layers[i].shift);
    }
    EXPECT_EQ(a.golden, b.golden);
    EXPECT_EQ(b.graph.layers[0].name, "conv1");
}

// What PyTorch's exporter writes beyond one node an operator; `script`: the same in TorchScript.
struct Idiom {
    const char* name;
    std::string script;
    std::function<void(OnnxModel&)> onnx;
    std::int64_t opset = 13, batch = 0;
};

std::map<std::string, at::Tensor> parameters() {
    return {{"w", weights({6, 4, 3, 3}, 1)},    {"b", weights({6}, 2)},
            {"fc", weights({5, 384}, 3)},       {"fcb", weights({5}, 4)},
            {"fc6", weights({5, 6}, 5)},        {"even", weights({6, 4, 2, 4}, 6)},
            {"plane", weights({1, 6, 1, 1}, 7)}};
}

std::string conv(OnnxModel& m) {
    return m.node("Conv", {"images", m.constant("w", parameters()["w"]), m.constant("b", parameters()["b"])},
                  {{"pads", Ints{1, 1, 1, 1}}});
}

std::string gemm(OnnxModel& m, const std::string& x, const char* weight) {
    return m.node("Gemm",
                  {x, m.constant(weight, parameters()[weight]), m.constant("fcb", parameters()["fcb"])},
                  {{"transB", std::int64_t{1}}});
}

const std::string kConv = "x = torch.conv2d(x, self.w, self.b, [1, 1], [1, 1])\n";
const std::string kFlat = "return torch.linear(torch.flatten(x, 1), self.fc, self.fcb)\n";
const std::string kMean = "return torch.linear(torch.mean(x, [2, 3]), self.fc6, self.fcb)\n";

void mean_end(OnnxModel& m, const std::string& x) {
    m.output(gemm(m, m.node("Flatten", {m.node("GlobalAveragePool", {x})}), "fc6"));
}

std::vector<Idiom> idioms() {
    return {
        {"view_of_computed_sizes", kConv + kFlat,
         [](OnnxModel& m) {  // x.view(x.size(0), -1)
             const std::string x = conv(m);
             const std::string images = m.node("Gather", {m.node("Shape", {x}), m.number(0)});
             const std::string sizes =
                 m.node("Concat", {m.node("Unsqueeze", {images, m.integers({0})}), m.integers({-1})},
                        {{"axis", std::int64_t{0}}});
             m.output(gemm(m, m.node("Reshape", {x, sizes}), "fc"));
         }},
        {"reshape_for_one_image", kConv + kFlat,
         [](OnnxModel& m) {
             m.output(gemm(m, m.node("Reshape", {conv(m), m.integers({1, -1})}), "fc"));
         },
         13, 1},
        {"sizes_by_slice_and_product", kConv + kFlat,
         [](OnnxModel& m) {
             const std::string x = conv(m);
             const std::string shape = m.node("Shape", {x});
             const std::string images =
                 m.node("Slice", {shape, m.integers({0}), m.integers({1}), m.integers({0})});
             const std::string plane = m.node(
                 "Mul", {m.node("Gather", {shape, m.number(2)}), m.node("Gather", {shape, m.number(3)})});
             const std::string all = m.node("Mul", {m.node("Gather", {shape, m.number(1)}), plane});
             const std::string sizes = m.node("Concat", {images, m.node("Unsqueeze", {all, m.integers({0})})},
                                              {{"axis", std::int64_t{0}}});
             m.output(gemm(m, m.node("Reshape", {x, sizes}), "fc"));
         }},
        {"matmul_and_add", kConv + kFlat,
         [](OnnxModel& m) {
             const std::string matrix =
                 m.node("Transpose", {m.constant("fc", parameters()["fc"])}, {{"perm", Ints{1, 0}}});
             const std::string y = m.node("MatMul", {m.node("Flatten", {conv(m)}), matrix});
             m.output(m.node("Add", {m.constant("fcb", parameters()["fcb"]), y}));
         }},
        {"scaled_gemm", kConv + "return torch.linear(torch.flatten(x, 1), self.fc, self.fcb)\n",
         [](OnnxModel& m) {
             const at::Tensor half = parameters()["fc"].t().contiguous() / 2;
             const at::Tensor quarter = parameters()["fcb"] / 4;
             m.output(m.node(
                 "Gemm",
                 {m.node("Flatten", {conv(m)}), m.constant("half", half), m.constant("quarter", quarter)},
                 {{"alpha", 2.0F}, {"beta", 4.0F}}));
         }},
        {"clip_by_attributes", kConv + "x = torch.hardtanh(x, 0.0, 6.0)\n" + kMean,
         [](OnnxModel& m) {
             mean_end(m, m.node("Clip", {conv(m)}, {{"min", 0.0F}, {"max", 6.0F}}));
         },
         10},
        {"clip_without_minimum_tensor", kConv + "x = torch.clamp(x, 0, 2)\n" + kMean,
         [](OnnxModel& m) {
             mean_end(m, m.node("Clip", {conv(m), m.constant("lo", at::zeros({})),
                                         m.constant("hi", at::full({}, 2.0))}));
         }},
        {"same_upper", "x = torch.conv2d(x, self.even, None, [1, 1], \"same\")\n" + kMean,
         [](OnnxModel& m) {
             mean_end(m, m.node("Conv", {"images", m.constant("even", parameters()["even"])},
                                {{"auto_pad", std::string("SAME_UPPER")}}));
         }},
        {"padding_behind",
         "x = torch.conv2d(torch.constant_pad_nd(x, [0, 1, 0, 1]), self.w, self.b, [2, 2])\n" + kMean,
         [](OnnxModel& m) {
             mean_end(
                 m, m.node("Conv",
                           {"images", m.constant("w", parameters()["w"]), m.constant("b", parameters()["b"])},
                           {{"pads", Ints{0, 0, 1, 1}}, {"strides", Ints{2, 2}}}));
         }},
        {"reduce_mean_and_softmax", kConv + "x = torch.relu(x)\n" + kMean,
         [](OnnxModel& m) {
             const std::string x = m.node("ReduceMean", {m.node("Relu", {conv(m)})},
                                          {{"axes", Ints{2, 3}}, {"keepdims", std::int64_t{0}}});
             m.output(
                 m.node("LogSoftmax", {gemm(m, m.node("Dropout", {x}), "fc6")}, {{"axis", std::int64_t{1}}}));
         }},
        {"squeeze", kConv + kMean,
         [](OnnxModel& m) {
             const std::string x = m.node("GlobalAveragePool", {m.node("Identity", {conv(m)})});
             m.output(gemm(m, m.node("Squeeze", {x, m.integers({2, 3})}), "fc6"));
         }},
        {"split_and_concat",
         kConv + "a, b = torch.chunk(x, 2, 1)\nx = torch.cat([b, torch.relu(a)], 1)\n" + kMean,
         [](OnnxModel& m) {
             const auto parts =
                 m.nodes("Split", {conv(m), m.integers({3, 3})}, 2, {{"axis", std::int64_t{1}}});
             mean_end(m,
                      m.node("Concat", {parts[1], m.node("Relu", {parts[0]})}, {{"axis", std::int64_t{1}}}));
         }},
        {"split_by_attribute", kConv + "a, b = torch.split(x, [2, 4], 1)\nx = torch.cat([b, a], 1)\n" + kMean,
         [](OnnxModel& m) {
             const auto parts =
                 m.nodes("Split", {conv(m)}, 2, {{"axis", std::int64_t{1}}, {"split", Ints{2, 4}}});
             mean_end(m, m.node("Concat", {parts[1], parts[0]}, {{"axis", std::int64_t{1}}}));
         },
         11},
        {"added_constant", kConv + "x = x + self.plane\n" + kMean,
         [](OnnxModel& m) {
             mean_end(m, m.node("Add", {conv(m), m.constant("plane", parameters()["plane"])}));
         }},
        {"hanging_maximum", kConv + "x = torch.max_pool2d(x, [3, 3], [2, 2], [0, 0], [1, 1], True)\n" + kMean,
         [](OnnxModel& m) {
             mean_end(m, m.node("MaxPool", {conv(m)},
                                {{"kernel_shape", Ints{3, 3}},
                                 {"strides", Ints{2, 2}},
                                 {"ceil_mode", std::int64_t{1}}}));
         }},
    };
}

class OnnxIdioms : public ::testing::TestWithParam<Idiom> {};

TEST_P(OnnxIdioms, ComputeWhatTheTorchScriptComputes) {
    const Idiom& c = GetParam();
    test::TemporaryDirectory folder;
    test::ScriptSource source{c.script, {}};
    for (const auto& [name, value] : parameters()) {
        if (c.script.find("self." + name) != std::string::npos) {
            source.weights[name] = value;
        }
    }
    test::save_script(source, folder.file("m.pt"));
    OnnxModel model(kInput, c.opset, c.batch);
    c.onnx(model);
    const ScriptModule onnx = saved(model, folder.file("m.onnx"));
    const at::Tensor batch = weights({3, 4, 8, 8}, 99);
    at::Tensor wanted = ScriptModule::load(folder.file("m.pt")).forward(batch);
    const bool probabilities = std::string(c.name) == "reduce_mean_and_softmax";
    const auto same = [&](at::Tensor got) {
        if (probabilities) {  // up to the constant that log_softmax subtracts
            got = got - got.mean(1, true);
            wanted = wanted - wanted.mean(1, true);
        }
        return (got - wanted).abs().max().item<double>() <= 1e-5 * wanted.abs().max().item<double>();
    };
    EXPECT_TRUE(same(onnx.forward(batch)));
    std::vector<std::string> report;
    FloatGraph graph = onnx.graph(kInput, report);
    EXPECT_TRUE(same(evaluate(graph, batch)));
    fold(graph, "test", report);
    EXPECT_TRUE(same(evaluate(graph, batch)));
}

INSTANTIATE_TEST_SUITE_P(Models, OnnxIdioms, ::testing::ValuesIn(idioms()),
                         [](const auto& test) { return std::string(test.param.name); });

std::string refusal(const std::string& path) {
    std::vector<std::string> report;
    try {
        ScriptModule::load(path).graph(kInput, report);
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr(path));
        EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("\n")));
        return error.what();
    }
    return "was read";
}

TEST(OnnxRefusal, NamesOperatorNodeAndRemedy) {
    test::TemporaryDirectory folder;
    const std::string path = folder.file("m.onnx");
    const std::vector<std::pair<std::function<void(OnnxModel&)>, std::vector<std::string>>> cases = {
        {[](OnnxModel& m) { mean_end(m, m.node("Sigmoid", {conv(m)})); },
         {"node of \"value1\" (Sigmoid)", "operator Sigmoid is not supported", "rewrite",
          "GlobalAveragePool"}},
        {[](OnnxModel& m) {
             mean_end(m, m.node("Mul", {conv(m), m.constant("two", at::full({}, 2.0))}));
         },
         {"(Mul)", "on activations"}},
        {[](OnnxModel& m) {
             mean_end(m, m.node("Transpose", {"images"}, {{"perm", Ints{0, 3, 1, 2}}}));
         },
         {"(Transpose)", "shuffle"}},
        {[](OnnxModel& m) {
             mean_end(m, m.node("AveragePool", {conv(m)},
                                {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}));
         },
         {"(AveragePool)", "leaves its padding out"}},
        {[](OnnxModel& m) {
             mean_end(m, m.node("Clip", {conv(m)}, {{"min", -1.0F}, {"max", 1.0F}}));
         },
         {"(Clip)", "lower bound"}},
        {[](OnnxModel& m) {
             mean_end(m, m.node("Conv", {"images", m.constant("w", parameters()["w"])},
                                {{"auto_pad", std::string("SAME_UPPER")}, {"strides", Ints{2, 2}}}));
         },
         {"auto_pad", "the attribute pads"}},
        {[](OnnxModel& m) {
             mean_end(m, m.node("Pad", {conv(m), m.integers({0, 0, 1, 1, 0, 0, 1, 1})},
                                {{"mode", std::string("reflect")}}));
         },
         {"(Pad)", "reflect"}},
        {[](OnnxModel& m) {
             mean_end(m, m.node("Conv", {"images", m.constant("w", weights({6, 3, 3, 3}, 1))}));
         },
         {"takes 3 channels and gets 4"}},
        {[](OnnxModel& m) {
             mean_end(m, m.node("Conv", {"images", m.constant("w", parameters()["w"])},
                                {{"group", std::int64_t{1} << 33}}));
         },
         {"group", "8589934592"}},
        {[](OnnxModel& m) { m.output(m.node("Identity", {m.constant("w", parameters()["w"])})); },
         {"not computed from the images"}},
        {[](OnnxModel& m) { m.output(conv(m)); }, {"logits"}},
    };
    for (const auto& [write, words] : cases) {
        OnnxModel model(kInput, 13);
        write(model);
        model.save(path);
        const std::string message = refusal(path);
        for (const std::string& word : words) {
            EXPECT_THAT(message, HasSubstr(word));
        }
    }
}

OnnxModel small_model() {
    OnnxModel model(kInput);
    mean_end(model, model.node("Relu", {conv(model)}));
    return model;
}

TEST(OnnxHostile, EveryBrokenPartIsOneLine) {
    using Break = std::function<void(onnx::ModelProto&)>;
    const auto first = [](onnx::ModelProto& m) { return m.mutable_graph()->mutable_initializer(0); };
    const float nan = std::nanf("");
    const std::vector<std::pair<Break, std::string>> cases = {
        {[&](auto& m) { first(m)->set_dims(0, std::int64_t{1} << 62); }, "more elements"},
        {[&](auto& m) { first(m)->set_dims(0, -6); }, "negative dimension"},
        {[&](auto& m) { first(m)->set_dims(0, 7); }, "holds 216 values, and its dimensions make 252"},
        {[&](auto& m) {
             first(m)->mutable_raw_data()->replace(40, 4, reinterpret_cast<const char*>(&nan), 4);
         },
         "initializer \"w\": holds a NaN"},
        {[&](auto& m) { first(m)->set_data_type(onnx::TensorProto::STRING); }, "data type"},
        {[&](auto& m) { first(m)->set_data_location(onnx::TensorProto::EXTERNAL); }, "another file"},
        {[](auto& m) { m.mutable_graph()->mutable_node(0)->set_input(0, "value1"); },
         "in a circle or out of order"},
        {[](auto& m) { m.mutable_graph()->mutable_node(1)->set_output(0, "value0"); }, "makes the value"},
        {[](auto& m) { m.mutable_graph()->add_input()->set_name("mask"); }, "has 2 inputs and 1 outputs"},
        {[](auto& m) { m.mutable_graph()->clear_output(); }, "1 inputs and 0 outputs"},
        {[](auto& m) { m.mutable_graph()->mutable_output(0)->set_name("x"); }, "made by no node"},
        {[](auto& m) { m.mutable_graph()->clear_node(); }, "no ONNX graph"},
        {[](auto& m) { m.mutable_opset_import(0)->set_version(3); }, "opset 7 or later"},
        {[](auto& m) {
             m.mutable_graph()
                 ->mutable_input(0)
                 ->mutable_type()
                 ->mutable_tensor_type()
                 ->mutable_shape()
                 ->add_dim();
         },
         "5 dimensions"},
        {[](auto& m) {
             m.mutable_graph()
                 ->mutable_input(0)
                 ->mutable_type()
                 ->mutable_tensor_type()
                 ->mutable_shape()
                 ->mutable_dim(1)
                 ->set_dim_value(3);
         },
         "takes images of 3x8x8 and gets 4x8x8"},
        {[](auto& m) {
             m.mutable_graph()->mutable_node(0)->mutable_attribute(0)->set_type(onnx::AttributeProto::GRAPH);
         },
         "is a graph"},
    };
    test::TemporaryDirectory folder;
    const std::string path = folder.file("m.onnx");
    for (const auto& [damage, words] : cases) {
        OnnxModel model = small_model();
        damage(model.proto());
        model.save(path);
        EXPECT_THAT(refusal(path), HasSubstr(words));
    }
}

TEST(OnnxHostile, ATruncatedFileIsOneLine) {
    test::TemporaryDirectory folder;
    const std::string path = folder.file("m.onnx");
    const std::string whole = small_model().bytes();
    std::size_t read = 0;
    for (std::size_t size = 0; size < whole.size(); size += 1 + size / 40) {
        test::write_file(path, whole.substr(0, size));
        read += refusal(path) == "was read" ? 1 : 0;
    }
    EXPECT_EQ(read, 0u);
    test::write_file(path, whole);
    EXPECT_EQ(refusal(path), "was read");
    EXPECT_THAT(refusal(folder.file("missing.onnx")), HasSubstr("no such ONNX file"));
}

}  // namespace
}  // namespace fluence::models
