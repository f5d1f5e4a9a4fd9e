// Every supported operator, read from a saved TorchScript file: the layers that come out, and that they
// compute what Torch's own interpreter computes; every unsupported one: its error.
#include "models/script_graph.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/core/error.h"
#include "tests/models/script_models.h"
#include "tests/support/temporary_directory.h"

namespace fluence::models {
namespace {

using Kind = FloatOpKind;
using test::ScriptSource;
using test::weights;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr workloads::Shape kInput = {4, 8, 8};

struct Case {
    const char* name;
    ScriptSource source;
    std::vector<Kind> kinds;  // after folding
};

std::map<std::string, at::Tensor> weights_of_all() {
    return {{"w", weights({6, 4, 3, 3}, 1)},
            {"b", weights({6}, 2)},
            {"grouped", weights({6, 2, 3, 3}, 3)},
            {"square", weights({4, 4, 3, 3}, 4)},
            {"scale", weights({6}, 5)},
            {"offset", weights({6}, 6)},
            {"mean", weights({6}, 7)},
            {"var", weights({6}, 8).abs() + 0.5},
            {"scale4", weights({4}, 9)},
            {"var4", weights({4}, 10).abs() + 0.5},
            {"fc", weights({5, 384}, 11)},
            {"fc6", weights({5, 6}, 12)},
            {"fc4", weights({5, 4}, 13)},
            {"fcb", weights({5}, 14)},
            {"fc256", weights({5, 256}, 15)},
            {"plane", weights({6, 1, 1}, 16)},
            {"even", weights({6, 4, 2, 4}, 17)}};
}

// Cases share one set of weights, of which a module takes those that its source names.
ScriptSource script(const std::string& forward) {
    ScriptSource source{forward, {}};
    for (const auto& [name, value] : weights_of_all()) {
        if (forward.find("self." + name) != std::string::npos) {
            source.weights[name] = value;
        }
    }
    return source;
}

const std::string kConv = "x = torch.conv2d(x, self.w, self.b, [1, 1], [1, 1])\n";
const std::string kEnd = "x = torch.flatten(x, 1)\nreturn torch.linear(x, self.fc, self.fcb)\n";
const std::string kMeanEnd = "x = torch.mean(x, [2, 3])\nreturn torch.linear(x, self.fc6, self.fcb)\n";

std::vector<Case> cases() {
    return {
        {"conv_linear", script(kConv + kEnd), {Kind::conv, Kind::flatten, Kind::linear}},
        {"relu_fused",
         script(kConv + "x = torch.relu(x)\n" + kEnd),
         {Kind::conv, Kind::flatten, Kind::linear}},
        {"relu_in_place",
         script(kConv + "y = torch.relu_(x)\n" + kEnd),
         {Kind::conv, Kind::flatten, Kind::linear}},
        {"groups_stride_dilation",
         script("x = torch.conv2d(x, self.grouped, None, [2, 1], [2, 1], [2, 1], 2)\n" + kMeanEnd),
         {Kind::conv, Kind::avg_pool, Kind::linear}},
        {"padding_same",
         script("x = torch.conv2d(x, self.w, self.b, [1, 1], \"same\")\n" + kEnd),
         {Kind::conv, Kind::flatten, Kind::linear}},
        {"batch_norm",
         script(kConv +
                "x = torch.batch_norm(x, self.scale, self.offset, self.mean, self.var, False, 0.1, 1e-5, "
                "False)\n" +
                kEnd),
         {Kind::conv, Kind::flatten, Kind::linear}},
        {"batch_norm_in_front",
         script(
             "x = torch.batch_norm(x, self.scale4, None, self.scale4, self.var4, False, 0.1, 1e-5, False)\n" +
             kConv + kMeanEnd),
         {Kind::conv, Kind::conv, Kind::avg_pool, Kind::linear}},
        {"max_pool",
         script(kConv + "x = torch.max_pool2d(x, [3, 3], [1, 1], [1, 1])\n" + kEnd),
         {Kind::conv, Kind::max_pool, Kind::flatten, Kind::linear}},
        {"relu_passes_max_pool",
         script(kConv + "x = torch.relu(torch.max_pool2d(x, [3, 3], [1, 1], [1, 1]))\n" + kEnd),
         {Kind::conv, Kind::max_pool, Kind::flatten, Kind::linear}},
        {"avg_pool",
         script(kConv + "x = torch.avg_pool2d(x, [3, 3], [1, 1], [1, 1])\n" + kEnd),
         {Kind::conv, Kind::avg_pool, Kind::flatten, Kind::linear}},
        {"adaptive_pool",
         script(kConv + "x = torch.adaptive_avg_pool2d(x, [1, 1])\nx = torch.flatten(x, 1)\n"
                        "return torch.linear(x, self.fc6, None)\n"),
         {Kind::conv, Kind::avg_pool, Kind::linear}},
        {"adaptive_pool_identity",
         script(kConv + "x = torch.adaptive_avg_pool2d(x, [8, 8])\n" + kEnd),
         {Kind::conv, Kind::flatten, Kind::linear}},
        {"residual",
         script("y = torch.relu(torch.conv2d(x, self.square, None, [1, 1], [1, 1]))\n"
                "z = torch.relu(torch.conv2d(y, self.square, None, [1, 1], [1, 1]) + y)\n"
                "x = torch.flatten(z, 1)\nreturn torch.linear(x, self.fc256, None)\n"),
         {Kind::conv, Kind::conv, Kind::add, Kind::flatten, Kind::linear}},
        {"add_in_place",
         script("y = torch.conv2d(x, self.square, None, [1, 1], [1, 1])\ny.add_(x)\n"
                "x = torch.flatten(torch.relu(y), 1)\nreturn torch.linear(x, self.fc256, None)\n"),
         {Kind::conv, Kind::add, Kind::flatten, Kind::linear}},
        {"relu_read_twice",
         script("y = torch.conv2d(x, self.square, None, [1, 1], [1, 1])\nz = torch.relu(y) + y\n"
                "return torch.linear(torch.flatten(z, 1), self.fc256, None)\n"),
         {Kind::conv, Kind::avg_pool, Kind::add, Kind::flatten, Kind::linear}},
        {"concat",
         script("y = torch.relu(torch.conv2d(x, self.w, None, [2, 2], [1, 1]))\n"
                "z = torch.conv2d(x, self.w, self.b, [2, 2], [1, 1])\n"
                "x = torch.mean(torch.cat([y, z], 1), [2, 3])\n"
                "return torch.linear(x, self.fc6.repeat([1, 2]), None)\n"),
         {Kind::conv, Kind::conv, Kind::concat, Kind::avg_pool, Kind::linear}},
        {"option_a",
         script("y = torch.constant_pad_nd(x[:, :, ::2, ::2], [0, 0, 0, 0, 1, 1])\n"
                "x = torch.relu(torch.conv2d(x, self.w, self.b, [2, 2], [1, 1]) + y)\n" +
                kMeanEnd),
         {Kind::subsample, Kind::conv, Kind::add, Kind::avg_pool, Kind::linear}},
        {"matmul_add",
         script("x = torch.relu(torch.mean(x, [2, 3], True))\nx = torch.matmul(x.view(x.size(0), -1), "
                "self.fc4.t())\n"
                "return x + self.fcb\n"),
         {Kind::avg_pool, Kind::linear}},
        {"addmm",
         script(kConv + "x = torch.mean(x, [-1, -2])\nreturn torch.addmm(self.fcb, x, self.fc6.t())\n"),
         {Kind::conv, Kind::avg_pool, Kind::linear}},
        {"reshape",
         script(kConv + "x = torch.reshape(x, [-1, 384])\nreturn torch.linear(x, self.fc, None)\n"),
         {Kind::conv, Kind::flatten, Kind::linear}},
        {"added_constant",
         script(kConv + "x = x + self.plane + 0.5\n" + kEnd),
         {Kind::conv, Kind::flatten, Kind::linear}},
        {"dropped",
         script(kConv + "x = torch.dropout(x, 0.5, False).contiguous()\nx = torch.flatten(x, 1)\n"
                        "return torch.log_softmax(torch.linear(x, self.fc, None), 1)\n"),
         {Kind::conv, Kind::flatten, Kind::linear}},
        {"constant_branch",
         script(kConv + "if self.training:\n    x = torch.sigmoid(x)\n" + kEnd),
         {Kind::conv, Kind::flatten, Kind::linear}},
        {"relu6",
         script(kConv + "x = torch.hardtanh(3 + x, 0.0, 6.0)\n" + kEnd),
         {Kind::conv, Kind::flatten, Kind::linear}},
        {"clamp_in_place_behind_pool",
         script(kConv + "x = torch.max_pool2d(x, [2, 2], [2, 2])\ntorch.hardtanh_(x, 0.0, 1.5)\n" + kMeanEnd),
         {Kind::conv, Kind::max_pool, Kind::avg_pool, Kind::linear}},
        {"clamp_min",
         script(kConv + "x = torch.clamp_min(x, 0)\nx = torch.clamp(x, 0, 2)\n" + kEnd),
         {Kind::conv, Kind::flatten, Kind::linear}},
        {"ceil_mode",  // four windows of three in eight
         script(kConv + "x = torch.max_pool2d(x, [3, 3], [2, 2], [0, 0], [1, 1], True)\n" + kMeanEnd),
         {Kind::conv, Kind::max_pool, Kind::avg_pool, Kind::linear}},
        {"ceil_mode_without_overhang",  // a fifth window would begin in the padding behind
         script(kConv + "x = torch.max_pool2d(x, [2, 2], [2, 2], [1, 1], [1, 1], True)\n" + kMeanEnd),
         {Kind::conv, Kind::max_pool, Kind::avg_pool, Kind::linear}},
        {"padding_behind",
         script("x = torch.conv2d(torch.constant_pad_nd(x, [0, 1, 0, 1]), self.w, self.b, [2, 2])\n" +
                kMeanEnd),
         {Kind::conv, Kind::avg_pool, Kind::linear}},
        {"padding_in_front",
         script("x = torch.conv2d(torch.constant_pad_nd(x, [2, 0, 1, 0]), self.w, self.b, [2, 2])\n" +
                kMeanEnd),
         {Kind::conv, Kind::avg_pool, Kind::linear}},
        {"padding_of_positive_maximum",
         script(kConv +
                "x = torch.constant_pad_nd(torch.relu(x), [0, 1, 1, 2])\n"
                "x = torch.max_pool2d(x, [3, 3], [2, 2])\n" +
                kMeanEnd),
         {Kind::conv, Kind::max_pool, Kind::avg_pool, Kind::linear}},
        {"same_with_even_kernel",
         script("x = torch.conv2d(x, self.even, None, [1, 1], \"same\")\n" + kMeanEnd),
         {Kind::conv, Kind::avg_pool, Kind::linear}},
        {"channel_slices",
         script(kConv + "x = torch.cat([x[:, 4:], x[:, :-2]], 1)\n" + kMeanEnd),
         {Kind::conv, Kind::subsample, Kind::subsample, Kind::concat, Kind::avg_pool, Kind::linear}},
        {"chunks_and_shuffle",
         script(kConv +
                "a, b = torch.chunk(x, 2, 1)\nx = torch.cat([a, torch.relu(b)], 1)\n"
                "x = x.view(x.size(0), 2, 3, 8, 8)\nx = torch.transpose(x, 1, 2).contiguous()\n"
                "x = x.view(-1, 6, 8, 8)\n" +
                kMeanEnd),
         {Kind::conv, Kind::subsample, Kind::avg_pool /* the lone ReLU */, Kind::subsample, Kind::concat,
          Kind::shuffle, Kind::avg_pool, Kind::linear}},
        {"split_into_sizes",
         script(kConv + "parts = torch.split(x, [1, 5], 1)\nx = torch.cat([parts[1], parts[0]], 1)\n" +
                kMeanEnd),
         {Kind::conv, Kind::subsample, Kind::subsample, Kind::concat, Kind::avg_pool, Kind::linear}},
        {"dead_code",
         script("z = torch.conv2d(x, self.square)\n" + kConv + kEnd),
         {Kind::conv, Kind::flatten, Kind::linear}},
    };
}

class ScriptGraph : public ::testing::TestWithParam<Case> {};

TEST_P(ScriptGraph, HasTheLayersAndComputesTheSame) {
    const Case& c = GetParam();
    test::TemporaryDirectory folder;
    const std::string path = folder.file("model.pt");
    test::save_script(c.source, path);
    const ScriptModule module = ScriptModule::load(path);
    std::vector<std::string> report;
    FloatGraph graph = module.graph(kInput, report);
    const at::Tensor batch = weights({3, 4, 8, 8}, 99);
    at::Tensor wanted = module.forward(batch);
    if (std::string(c.name) == "dropped") {  // logits up to the constant that log_softmax subtracts
        wanted = wanted - wanted.mean(1, true);
    }
    for (const bool folded : {false, true}) {
        if (folded) {
            fold(graph, "test", report);
        }
        at::Tensor got = evaluate(graph, batch);
        if (std::string(c.name) == "dropped") {
            got = got - got.mean(1, true);
        }
        EXPECT_LE((got - wanted).abs().max().item<double>(), 1e-4 * wanted.abs().max().item<double>())
            << (folded ? "folded" : "as read");
    }
    std::vector<Kind> kinds;
    for (const FloatOp& op : graph.ops) {
        kinds.push_back(op.kind);
        EXPECT_FALSE(op.name.empty());
    }
    EXPECT_THAT(kinds, ElementsAreArray(c.kinds));
}

INSTANTIATE_TEST_SUITE_P(Operators, ScriptGraph, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ScriptGraphFold, OptionAIsOneSubsample) {
    test::TemporaryDirectory folder;
    test::save_script(script("x = torch.constant_pad_nd(x[:, :, ::2, ::2], [0, 0, 0, 0, 1, 1])\n" + kMeanEnd),
                      folder.file("m.pt"));
    std::vector<std::string> report;
    FloatGraph graph = ScriptModule::load(folder.file("m.pt")).graph(kInput, report);
    fold(graph, "test", report);
    ASSERT_EQ(graph.ops[0].kind, Kind::subsample);
    EXPECT_EQ(graph.ops[0].window.stride_h, 2);
    EXPECT_EQ(graph.ops[0].window.stride_w, 2);
    EXPECT_EQ(graph.ops[0].channels_before, 1);
    EXPECT_EQ(graph.ops[0].channels_after, 1);
}

TEST(ScriptGraphFold, PaddingThatNothingTakesOverIsAnError) {
    for (const char* end : {"x = torch.flatten(x, 1)\nreturn torch.linear(x, self.fc, self.fcb)\n",
                            "x = torch.max_pool2d(x, [3, 3])\nreturn torch.mean(x, [2, 3])\n"}) {
        test::TemporaryDirectory folder;
        test::save_script(
            script("x = torch.constant_pad_nd(torch.conv2d(x, self.w), [0, 2, 0, 2])\n" + std::string(end)),
            folder.file("m.pt"));
        std::vector<std::string> report;
        FloatGraph graph = ScriptModule::load(folder.file("m.pt")).graph(kInput, report);
        try {
            fold(graph, "m.pt", report);
            FAIL();
        } catch (const InputError& error) {
            EXPECT_THAT(error.what(), HasSubstr("m.pt"));
            EXPECT_THAT(error.what(), HasSubstr("cannot take it over"));
        }
    }
}

TEST(ScriptGraphNames, AreThoseOfTheWeights) {
    test::TemporaryDirectory folder;
    test::save_script(script(kConv + kEnd), folder.file("m.pt"));
    std::vector<std::string> report;
    FloatGraph graph = ScriptModule::load(folder.file("m.pt")).graph(kInput, report);
    std::set<std::string> names;
    for (const FloatOp& op : graph.ops) {
        EXPECT_TRUE(names.insert(op.name).second) << op.name;
    }
}

struct Refusal {
    const char* name;
    std::string forward;
    std::vector<std::string> words;  // of the message
};

std::vector<Refusal> refusals() {
    return {
        {"unknown_operator",
         kConv + "x = torch.sigmoid(x)\n" + kEnd,
         {"aten::sigmoid is not supported", "conv2d", "rewrite"}},
        {"transposed", "return torch.conv_transpose2d(x, self.square)\n", {"conv_transpose2d"}},
        {"row_slice", "x = x[:, :, 0:2]\nreturn torch.mean(x, [2, 3])\n", {"slice", "x[:, :, ::n, ::n]"}},
        {"clamp_below_zero", kConv + "x = torch.hardtanh(x, -1.0, 1.0)\n" + kEnd, {"lower bound"}},
        {"transposition", kConv + "x = torch.transpose(x, 2, 3)\n" + kEnd, {"shuffle"}},
        {"five_dimensions",
         kConv + "x = torch.relu(x.view(x.size(0), 2, 3, 8, 8))\nreturn torch.mean(x, [2, 3])\n",
         {"five dimensions"}},
        {"huge_reshape",
         kConv + "x = x.view(4, 8214565720323784728, -1)\nreturn x\n",
         {"reshape", "images x features"}},
        {"empty_reshape", kConv + "x = x.view(0, -1)\nreturn x\n", {"reshape", "images x features"}},
        {"pooling_that_stands_still",
         kConv + "x = torch.max_pool2d(x, [3, 3], [0, 1], [0, 0])\n" + kMeanEnd,
         {"stride", "less than 1"}},
        {"hanging_average",
         kConv + "x = torch.avg_pool2d(x, [3, 3], [2, 2], [0, 0], True)\n" + kMeanEnd,
         {"ceil_mode"}},
        {"softmax_inside",
         kConv + "x = torch.mean(x, [2, 3])\nx = torch.softmax(x, 1)\n"
                 "return torch.linear(x, self.fc6, None)\n",
         {"softmax", "end"}},
        {"scaled_add", kConv + "x = torch.add(x, x, alpha=2)\n" + kEnd, {"alpha"}},
        {"padding_left_out",
         kConv + "x = torch.avg_pool2d(x, [3, 3], [1, 1], [1, 1], False, False)\n" + kEnd,
         {"count_include_pad"}},
        {"uneven_adaptive_pool",
         kConv + "x = torch.adaptive_avg_pool2d(x, [3, 3])\nreturn torch.flatten(x, 1)\n",
         {"8x8 to 3x3", "divide"}},
        {"huge_padding", "x = torch.constant_pad_nd(x, [1, 1, 1, 2000000000])\n" + kMeanEnd, {"padding"}},
        {"data_dependent",
         kConv + "if bool(torch.sum(x) > 0):\n    x = torch.relu(x)\n" + kEnd,
         {"aten::sum"}},
        {"batch_statistics",
         kConv + "x = torch.batch_norm(x, None, None, self.mean, self.var, True, 0.1, 1e-5, False)\n" + kEnd,
         {"evaluation mode"}},
        {"active_dropout", kConv + "x = torch.dropout(x, 0.5, True)\n" + kEnd, {"evaluation mode"}},
        {"wrong_channels",
         "return torch.mean(torch.conv2d(x[:, :, :, :], self.fc6.view([5, 6, 1, 1])), [2, 3])\n",
         {"takes 6 channels and gets 4"}},
        {"images_as_logits", kConv + "return x\n", {"logits"}},
        {"two_results", kConv + "return x, x\n", {"several tensors"}},
    };
}

class ScriptGraphRefuses : public ::testing::TestWithParam<Refusal> {};

TEST_P(ScriptGraphRefuses, WithFilePlaceAndRemedy) {
    const Refusal& r = GetParam();
    test::TemporaryDirectory folder;
    const std::string path = folder.file("model.pt");
    test::save_script(script(r.forward), path);
    std::vector<std::string> report;
    try {
        ScriptModule::load(path).graph(kInput, report);
        FAIL() << "was read";
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr(path));
        EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("\n")));
        for (const std::string& word : r.words) {
            EXPECT_THAT(error.what(), HasSubstr(word));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Operators, ScriptGraphRefuses, ::testing::ValuesIn(refusals()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ScriptGraphFile, MissingAndDamagedAreOneLine) {
    test::TemporaryDirectory folder;
    test::write_file(folder.file("bad.pt"), "this is no archive");
    for (const char* name : {"missing.pt", "bad.pt"}) {
        try {
            ScriptModule::load(folder.file(name));
            FAIL() << name;
        } catch (const InputError& error) {
            EXPECT_THAT(error.what(), HasSubstr(name));
            EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("\n")));
        }
    }
}

TEST(ScriptGraphWeights, NanIsNamed) {
    test::TemporaryDirectory folder;
    ScriptSource source = script(kConv + kEnd);
    source.weights["w"] = source.weights["w"].clone();
    source.weights["w"].data_ptr<float>()[17] = std::nanf("");
    test::save_script(source, folder.file("m.pt"));
    std::vector<std::string> report;
    try {
        ScriptModule::load(folder.file("m.pt")).graph(kInput, report);
        FAIL();
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr("self.w"));
        EXPECT_THAT(error.what(), HasSubstr("NaN"));
    }
}

}  // namespace
}  // namespace fluence::models
