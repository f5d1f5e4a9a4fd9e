#include "sim/protect/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "sim/core/error.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/registry.h"

namespace {

using fluence::Cycles;
using fluence::InputError;
using fluence::kMemories;
using fluence::Memory;
using fluence::protect::DueAction;
using fluence::protect::parse_policy;
using fluence::protect::Policy;
using fluence::protect::RangePart;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

Policy parsed(const char* text) {
    return parse_policy(json::parse(text), "policy.json");
}

const std::string& code_of(const Policy& policy, Memory memory) {
    return policy.memory[index_of(memory)].code;
}

void expect_error(const char* text, const testing::Matcher<std::string>& matcher) {
    try {
        parsed(text);
        ADD_FAILURE() << "no error for " << text;
    } catch (const InputError& error) {
        EXPECT_THAT(std::string(error.what()), matcher) << text;
        EXPECT_THAT(std::string(error.what()), HasSubstr("policy.json: "));
    }
}

TEST(Policy, ACompositionIsRead) {
    const Policy policy = parsed(R"({
        "name": "all", "description": "several parts",
        "memory": [{"part": "secded", "words": ["dram", "weight_buffer"]}, {"part": "parity", "words": ["output_buffer"]}],
        "mac_output": [{"part": "linear-checksum"}],
        "layer_output": [{"part": "range-restriction", "mode": "zero", "granularity": "channel"},
                         {"part": "zero-on-detection"}]})");
    EXPECT_EQ(code_of(policy, Memory::dram), "secded");
    EXPECT_EQ(code_of(policy, Memory::weight_buffer), "secded");
    EXPECT_EQ(code_of(policy, Memory::activation_buffer), "none");
    EXPECT_EQ(code_of(policy, Memory::output_buffer), "parity");
    EXPECT_TRUE(policy.checksum && policy.zero && policy.range);
    EXPECT_EQ(policy.range->mode, RangePart::Mode::zero);
    EXPECT_EQ(policy.range->granularity, RangePart::Granularity::channel);
}

TEST(Policy, DefaultsAreAllMemoriesAndLayerwiseClamping) {
    const Policy policy = parsed(
        R"({"name": "x", "memory": [{"part": "sec"}], "layer_output": [{"part": "range-restriction"}]})");
    for (const Memory memory : kMemories) {
        EXPECT_EQ(code_of(policy, memory), "sec");
    }
    EXPECT_EQ(policy.range->mode, RangePart::Mode::clamp);
    EXPECT_EQ(policy.range->granularity, RangePart::Granularity::layer);
}

TEST(Policy, WhatMakesNoSenseIsRefused) {
    expect_error(R"({"description": "x"})", HasSubstr("name: is missing"));
    expect_error(R"({"name": ""})", HasSubstr("name: is empty"));
    expect_error(R"({"name": "x", "memmory": []})", AllOf(HasSubstr("memmory"), HasSubstr("memory, name")));
    expect_error(
        R"({"name": "x", "memory": [{"part": "crc"}]})",
        AllOf(HasSubstr("memory[0].part: is \"crc\""), HasSubstr("parity, sec, secded, secded-exthamming")));
    expect_error(R"({"name": "x", "memory": [{"part": "sec", "words": ["l2"]}]})",
                 AllOf(HasSubstr("memory[0].words"), HasSubstr("dram, weight_buffer")));
    expect_error(R"({"name": "x", "memory": [{"part": "sec", "words": []}]})", HasSubstr("names no memory"));
    expect_error(R"({"name": "x", "memory": [{"part": "sec", "word": []}]})", HasSubstr("not a known key"));
    expect_error(R"({"name": "x", "memory": [{"part": "sec"}, {"part": "parity", "words": ["dram"]}]})",
                 AllOf(HasSubstr("memory[1].words"), HasSubstr("dram a second code: it has sec")));
    expect_error(R"({"name": "x", "mac_output": [{"part": "linear-checksum"}, {"part": "linear-checksum"}]})",
                 HasSubstr("mac_output[1].part: is given twice"));
    expect_error(
        R"({"name": "x", "layer_output": [{"part": "range-restriction"}, {"part": "range-restriction"}]})",
        HasSubstr("given twice"));
    expect_error(R"({"name": "x", "layer_output": [{"part": "zero-on-detection"}]})",
                 AllOf(HasSubstr("no detector"), HasSubstr("linear-checksum")));
    expect_error(R"({"name": "x", "layer_output": [{"part": "linear-checksum"}]})",
                 AllOf(HasSubstr("layer_output[0].part"), HasSubstr("zero-on-detection, range-restriction")));
    expect_error(R"({"name": "x", "pe": [{"part": "qmr"}]})",
                 AllOf(HasSubstr("pe[0].part"), HasSubstr("register-tmr, tmr, dmr")));
    expect_error(R"({"name": "x", "layer_output": [{"part": "range-restriction", "mode": "cut"}]})",
                 HasSubstr("clamp, zero"));
}

TEST(Policy, MemoriesMayShareACodeWithOtherOptions) {
    const Policy policy = parsed(R"({"name": "x", "memory": [
        {"part": "secded", "words": ["weight_buffer", "activation_buffer"], "on_due": "refetch"},
        {"part": "secded", "words": ["output_buffer"], "on_due": "recompute"},
        {"part": "secded", "words": ["dram"], "on_due": "abort", "scrub_period_cycles": 4096}]})");
    const auto& dram = policy.memory[index_of(Memory::dram)];
    EXPECT_EQ(dram.on_due, DueAction::abort);
    EXPECT_EQ(dram.scrub_period, Cycles(4096));
    const json written = to_json(policy);
    EXPECT_EQ(written.at("memory").size(), 3u);
    const Policy copy = parse_policy(written, "copy");
    for (const Memory memory : kMemories) {
        const auto& a = policy.memory[index_of(memory)];
        const auto& b = copy.memory[index_of(memory)];
        EXPECT_EQ(a.code, "secded");
        EXPECT_EQ(b.code, a.code);
        EXPECT_EQ(b.on_due, a.on_due) << name_of(memory);
        EXPECT_EQ(b.scrub_period, a.scrub_period) << name_of(memory);
    }
    EXPECT_EQ(copy.memory[index_of(Memory::weight_buffer)].on_due, DueAction::refetch);
    EXPECT_EQ(copy.memory[index_of(Memory::output_buffer)].on_due, DueAction::recompute);
}

// Weight and activation buffer: zero, refetch, abort; output buffer: zero, recompute, abort; DRAM: zero,
// abort.
TEST(Policy, AMemoryDoesWhatItCanWithAnUncorrectableWord) {
    const std::map<std::string, std::string> valid = {{"dram", "zero, abort"},
                                                      {"weight_buffer", "zero, refetch, abort"},
                                                      {"activation_buffer", "zero, refetch, abort"},
                                                      {"output_buffer", "zero, recompute, abort"}};
    for (const auto& [memory, actions] : valid) {
        for (const std::string action : {"zero", "refetch", "recompute", "abort"}) {
            const std::string text = R"({"name": "x", "memory": [{"part": "parity", "words": [")" + memory +
                                     R"("], "on_due": ")" + action + R"("}]})";
            if (actions.find(action) != std::string::npos) {
                EXPECT_EQ(to_json(parsed(text.c_str())).at("memory")[0].at("on_due"), action);
            } else {
                expect_error(text.c_str(), AllOf(HasSubstr("memory[0].on_due"), HasSubstr(memory + " cannot"),
                                                 HasSubstr(actions)));
            }
        }
    }
    expect_error(R"({"name": "x", "memory": [{"part": "secded", "on_due": "refetch"}]})",
                 AllOf(HasSubstr("dram cannot"), HasSubstr("zero, abort")));
    expect_error(R"({"name": "x", "memory": [{"part": "secded", "on_due": "retry"}]})",
                 HasSubstr("zero, refetch, recompute, abort"));
    expect_error(R"({"name": "x", "memory": [{"part": "parity", "scrub_period_cycles": 5}]})",
                 AllOf(HasSubstr("scrub_period_cycles"), HasSubstr("corrects nothing")));
    expect_error(R"({"name": "x", "memory": [{"part": "sec", "scrub_period_cycles": -1}]})",
                 HasSubstr("scrub_period_cycles"));
}

TEST(Policy, JsonRoundTripKeepsEveryPreset) {
    const std::vector<Policy> presets = fluence::protect::preset_policies();
    EXPECT_GE(presets.size(), 7u);
    for (const Policy& preset : presets) {
        const json written = to_json(preset);
        EXPECT_EQ(to_json(parse_policy(written, "copy")), written) << preset.name;
        EXPECT_FALSE(preset.description.empty()) << preset.name;
        EXPECT_EQ(fluence::protect::load_policy(preset.name).name, preset.name)
            << "a preset is named after its file";
    }
}

TEST(Policy, AnUnknownPresetListsTheValidOnes) {
    try {
        fluence::protect::load_policy("tmr9");
        FAIL() << "no error";
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(),
                    AllOf(HasSubstr("\"tmr9\""), HasSubstr("secded"), HasSubstr("ranger-channel")));
    }
}

TEST(Policy, TimingAddsUpOverTheParts) {
    const auto none = timing_of(fluence::protect::load_policy("none"));
    EXPECT_EQ(none.decode_cycles, (std::array<std::int32_t, 4>{0, 0, 0, 0}));
    EXPECT_FALSE(none.checksum_column);
    EXPECT_EQ(none.vector_pipeline, Cycles(0));

    EXPECT_EQ(timing_of(fluence::protect::load_policy("parity")).decode_cycles,
              (std::array<std::int32_t, 4>{0, 0, 0, 0}));
    EXPECT_EQ(timing_of(fluence::protect::load_policy("secded")).decode_cycles,
              (std::array<std::int32_t, 4>{1, 1, 1, 1}));
    EXPECT_EQ(timing_of(fluence::protect::load_policy("ranger")).vector_pipeline, Cycles(1));

    const auto both = timing_of(parsed(R"({"name": "x", "memory": [{"part": "sec", "words": ["dram"]}],
        "mac_output": [{"part": "linear-checksum"}],
        "layer_output": [{"part": "zero-on-detection"}, {"part": "range-restriction"}]})"));
    EXPECT_EQ(both.decode_cycles, (std::array<std::int32_t, 4>{1, 0, 0, 0}));
    EXPECT_TRUE(both.checksum_column);
    EXPECT_EQ(both.vector_pipeline, Cycles(2));
}

TEST(Policy, StoredBitsCountCheckBits) {
    EXPECT_EQ(stored_bits(fluence::protect::load_policy("none"), Memory::dram, 64), 64);
    EXPECT_EQ(stored_bits(fluence::protect::load_policy("parity"), Memory::dram, 64), 65);
    EXPECT_EQ(stored_bits(fluence::protect::load_policy("secded"), Memory::output_buffer, 32), 39);
}

}  // namespace
