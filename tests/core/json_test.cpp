#include "sim/core/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "sim/core/accelerator_config.h"
#include "sim/core/error.h"

namespace {

using fluence::InputError;
using fluence::JsonObject;
using nlohmann::json;

template <class Action>
std::string message_of(Action action) {
    try {
        action();
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

TEST(InputError, StaysOneLineWhateverNamesHold) {
    EXPECT_STREQ(InputError("a\nb", "k\x1b[2J", "r\r\x7f", "\tx").what(), "a?b: k?[2J: r?? (valid: ?x)");
}

TEST(JsonObject, UnknownKeyNamesFileKeyAndValidKeys) {
    const json value = {{"rows", 4}, {"rwos", 4}};
    EXPECT_EQ(message_of([&] {
                  JsonObject object(value, "m.json", "array");
                  object.integer("rows", 1, 8);
                  object.finish();
              }),
              "m.json: array.rwos: is not a known key (valid: rows)");
}

TEST(JsonObject, IntegersAreCheckedForTypeAndRange) {
    const json value = {{"a", 9}, {"b", 1.5}, {"c", "8"}, {"d", 18446744073709551615ULL}};
    JsonObject object(value, "f");
    EXPECT_EQ(message_of([&] { object.integer("a", 1, 8); }), "f: a: is 9 (valid: 1 to 8)");
    EXPECT_EQ(message_of([&] { object.integer("b", 1, 8); }),
              "f: b: is 1.5 where an integer is needed (valid: 1 to 8)");
    EXPECT_EQ(message_of([&] { object.integer("c", 1, 8); }),
              "f: c: is \"8\" where an integer is needed (valid: 1 to 8)");
    EXPECT_THAT(message_of([&] { object.integer("d", 0, INT64_MAX); }),
                testing::HasSubstr("18446744073709551615"));
    EXPECT_EQ(message_of([&] { object.integer("e", 1, 8); }), "f: e: is missing");
}

TEST(JsonObject, SmallRatesSurviveExactly) {
    const json value = json::parse(R"({"rate": 1e-15})");
    JsonObject object(value, "f");
    EXPECT_EQ(object.number("rate", 0, 1), 1e-15);
    EXPECT_EQ(json::parse(json(object.number("rate", 0, 1)).dump()).get<double>(), 1e-15);
}

TEST(JsonObject, ChoicesListWhatIsValid) {
    const json value = {{"mode", "clmap"}};
    JsonObject object(value, "f");
    EXPECT_EQ(message_of([&] {
                  object.choice("mode", {"clamp", "zero"});
              }),
              "f: mode: is \"clmap\" (valid: clamp, zero)");
}

TEST(ReadJsonFile, MissingAndDamagedFilesAreNamed) {
    EXPECT_EQ(message_of([] { fluence::read_json_file("/nonexistent/x.json"); }),
              "/nonexistent/x.json: cannot be opened for reading");
    const std::string path = testing::TempDir() + "fluence_damaged.json";
    std::ofstream(path) << "{\"a\": 1,";
    EXPECT_THAT(message_of([&] { fluence::read_json_file(path); }), testing::HasSubstr("is not valid JSON"));
}

json small_machine() {
    return json::parse(R"({
        "name": "m", "clock_mhz": 100, "array": {"rows": 4, "cols": 4},
        "weight_buffer": {"bytes": 1024}, "activation_buffer": {"bytes": 1024},
        "output_buffer": {"bytes": 1024, "word_bits": 32},
        "dram": {"bytes_per_cycle": 8, "latency_cycles": 10}, "vector_unit": {"lanes": 4}})");
}

TEST(AcceleratorConfig, RoundTripsThroughJson) {
    const auto config = fluence::parse_accelerator(small_machine(), "m.json");
    const auto again = fluence::parse_accelerator(to_json(config), "m.json");
    EXPECT_EQ(to_json(config), to_json(again));
    EXPECT_EQ(config.array.rows, 4);
    EXPECT_TRUE(config.array.shadow_weights);
}

TEST(AcceleratorConfig, ImpossibleMachinesAreRejected) {
    const auto error_with = [](const char* pointer, const json& value) {
        json machine = small_machine();
        machine[json::json_pointer(pointer)] = value;
        return message_of([&] { fluence::parse_accelerator(machine, "m.json"); });
    };
    EXPECT_EQ(error_with("/array/rows", 0), "m.json: array.rows: is 0 (valid: 1 to 1024)");
    EXPECT_EQ(error_with("/weight_buffer/bytes", 1023),
              "m.json: weight_buffer.bytes: is 1023: two halves of whole words are needed (valid: multiples "
              "of 16)");
    EXPECT_EQ(error_with("/weight_buffer/word_bits", 32),
              "m.json: weight_buffer.word_bits: is 32: DRAM words move whole (valid: the dram's 64)");
    EXPECT_THAT(error_with("/dram/latency", 3), testing::HasSubstr("dram.latency: is not a known key"));
    EXPECT_THAT(error_with("/clock_mhz", "fast"), testing::HasSubstr("clock_mhz: is \"fast\""));
}

// Gemmini's mesh and tiny-tpu's array are what they are: conventions that neither has are refused by name.
TEST(AcceleratorConfig, TravellingControlKnowsTwoFamiliesOfArrays) {
    const auto error_with = [](const json& conventions) {
        json machine = small_machine();
        machine["array"]["control"] = "travelling";
        machine["array"].update(conventions);
        return message_of([&] { fluence::parse_accelerator(machine, "m.json"); });
    };
    const json tiny = {{"shadow_weights", false}};
    const json mesh = {{"operand_register", "input"}};
    const json mesh_of_sums = {{"operand_register", "input"}, {"dataflow", "output-stationary"}};
    for (const json& known : {tiny, mesh, mesh_of_sums}) {
        EXPECT_EQ(error_with(known), "no error");
        json with = known;
        with["skew"] = "internal";
        EXPECT_THAT(error_with(with), testing::HasSubstr("array.skew: is internal"));
        with = known;
        with["overflow"] = "saturate";
        EXPECT_THAT(error_with(with), testing::HasSubstr("array.overflow: is saturate"));
        with = known;
        with["multiplier_stages"] = 1;
        EXPECT_THAT(error_with(with), testing::HasSubstr("array.multiplier_stages: "));
    }
    json with = mesh_of_sums;
    with["drain"] = "parallel";
    EXPECT_THAT(error_with(with), testing::HasSubstr("array.drain: is parallel"));
    EXPECT_THAT(error_with({{"shadow_weights", true}}), testing::HasSubstr("array.shadow_weights: "));
    EXPECT_THAT(error_with({{"dataflow", "output-stationary"}, {"operand_register", "output"}}),
                testing::HasSubstr("array.operand_register: is output"));
}

}  // namespace
