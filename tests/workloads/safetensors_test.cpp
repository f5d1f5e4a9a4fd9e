// The container: bytes as the format's specification says them, read back, and every damage refused.
#include "workloads/safetensors.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "sim/core/error.h"
#include "tests/support/temporary_directory.h"

namespace fluence::workloads {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string file_of(std::uint64_t length, const std::string& header, const std::string& data) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) {
        bytes += static_cast<char>(length >> (8 * i) & 255u);
    }
    return bytes + header + data;
}
std::string file_of(const std::string& header, const std::string& data) {
    return file_of(header.size(), header, data);
}

TEST(Safetensors, WritesTheBytesOfTheSpecification) {
    test::TemporaryDirectory folder;
    const std::vector<std::int8_t> small = {-1, 2, 3};
    const std::vector<std::int32_t> wide = {1, -2};
    SafetensorsWriter writer;
    writer.add("b", {3}, small);
    writer.add("a", {2, 1}, wide);
    write_safetensors(writer, folder.file("t.safetensors"));
    const std::string bytes = test::read_file(folder.file("t.safetensors"));

    // By hand: wide tensors first, header padded with blanks to a multiple of 8.
    std::string header = R"({"a":{"data_offsets":[0,8],"dtype":"I32","shape":[2,1]},)"
                         R"("b":{"data_offsets":[8,11],"dtype":"I8","shape":[3]}})";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const std::string data("\x01\0\0\0\xfe\xff\xff\xff\xff\x02\x03", 11);
    EXPECT_EQ(bytes, file_of(header, data));
}

TEST(Safetensors, ReadsWhatOthersWrite) {
    test::TemporaryDirectory folder;
    const std::string path = folder.file("t.safetensors");
    test::write_file(
        path,
        file_of(R"({"__metadata__":{"format":"pt"},"x":{"dtype":"F32","shape":[],"data_offsets":[2,6]},)"
                R"("none":{"dtype":"I8","shape":[0,4],"data_offsets":[2,2]},)"
                R"("u":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}  )",
                std::string("\x05\xff\0\0\x80\x3f", 6)));
    SafetensorsFile file(path);
    EXPECT_EQ(file.entries().size(), 3u);
    EXPECT_THAT(file.read<float>("x", {}), ElementsAre(1.0f));
    EXPECT_THAT(file.read<std::uint8_t>("u", {2}), ElementsAre(5, 255));
    EXPECT_TRUE(file.read<std::int8_t>("none", {0, 4}).empty());
}

TEST(Safetensors, CrcIsZlibs) {
    test::TemporaryDirectory folder;
    // The CRC-32 of a file is checked against a bitwise implementation.
    test::write_file(folder.file("t"), file_of("{}", ""));
    std::uint32_t crc = 0xffffffffu;
    for (const char c : test::read_file(folder.file("t"))) {
        crc ^= static_cast<std::uint8_t>(c);
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc & 1u) != 0 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
        }
    }
    EXPECT_EQ(SafetensorsFile(folder.file("t")).crc32(), ~crc);
}

struct Damage {
    const char* name;
    std::string bytes;
    const char* reason;
};

std::vector<Damage> damages() {
    const std::string one = R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})";
    const auto entry = [](const std::string& text) { return R"({"x":)" + text + "}"; };
    return {
        {"Empty", "", "truncated"},
        {"SevenBytes", "1234567", "truncated"},
        {"AbsurdLength", file_of(UINT64_MAX, one, "data"), "header length"},
        {"LengthBehindTheEnd", file_of(one.size() + 5, one, "data"), "header length"},
        {"LengthOfZero", file_of(0, "", "data"), "header length"},
        {"CutData", file_of(one, "dat"), "x.data_offsets"},
        {"ExtraData", file_of(one, "datas"), "describes 4 bytes"},
        {"NotJson", file_of("{\"x\":", "data"), "not valid JSON"},
        {"NotAnObject", file_of("[1, 2]", ""), "not a JSON object"},
        {"KeyTwice",
         file_of(
             R"({"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
             ""),
         "\"x\" twice"},
        {"UnknownKey",
         file_of(entry(R"({"dtype":"U8","shape":[4],"data_offsets":[0,4],"stride":1})"), "data"), "x.stride"},
        {"MissingKey", file_of(entry(R"({"dtype":"U8","data_offsets":[0,4]})"), "data"), "x.shape"},
        {"UnknownType", file_of(entry(R"({"dtype":"F8","shape":[4],"data_offsets":[0,4]})"), "data"),
         "x.dtype"},
        {"NegativeExtent", file_of(entry(R"({"dtype":"U8","shape":[-4],"data_offsets":[0,4]})"), "data"),
         "x.shape"},
        {"FractionalExtent", file_of(entry(R"({"dtype":"U8","shape":[4.0],"data_offsets":[0,4]})"), "data"),
         "x.shape"},
        {"OverflowingShape",
         file_of(entry(R"({"dtype":"I32","shape":[4294967296,4294967296,1],"data_offsets":[0,0]})"), ""),
         "x.data_offsets"},
        {"WrongSpan", file_of(entry(R"({"dtype":"I32","shape":[4],"data_offsets":[0,4]})"), "data"),
         "x.data_offsets"},
        {"BackwardSpan", file_of(entry(R"({"dtype":"U8","shape":[4],"data_offsets":[4,0]})"), "data"),
         "x.data_offsets"},
        {"HugeOffset",
         file_of(entry(R"({"dtype":"U8","shape":[4],"data_offsets":[0,18446744073709551615]})"), "data"),
         "x.data_offsets"},
        {"Overlap",
         file_of(
             R"({"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"y":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
             "data"),
         "overlaps"},
        {"Gap",
         file_of(
             R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"y":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
             "data"),
         "gap"},
    };
}

class SafetensorsRefuses : public ::testing::TestWithParam<Damage> {};

TEST_P(SafetensorsRefuses, OneClearLine) {
    test::TemporaryDirectory folder;
    const std::string path = folder.file("t.safetensors");
    test::write_file(path, GetParam().bytes);
    try {
        SafetensorsFile file(path);
        FAIL() << "accepted";
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr(path));
        EXPECT_THAT(error.what(), HasSubstr(GetParam().reason));
    }
}

INSTANTIATE_TEST_SUITE_P(Damages, SafetensorsRefuses, ::testing::ValuesIn(damages()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Safetensors, RefusesOtherTypeShapeAndName) {
    test::TemporaryDirectory folder;
    const std::vector<std::uint8_t> values = {1, 2};
    SafetensorsWriter writer;
    writer.add("x", {2}, values);
    write_safetensors(writer, folder.file("t"));
    SafetensorsFile file(folder.file("t"));
    EXPECT_THROW(file.read<std::int8_t>("x", {2}), InputError);
    EXPECT_THROW(file.read<std::uint8_t>("x", {1, 2}), InputError);
    EXPECT_THROW(file.read<std::uint8_t>("y", {2}), InputError);
    EXPECT_THROW(SafetensorsFile(folder.file("absent")), InputError);
    EXPECT_THROW(SafetensorsFile(folder.path()), InputError);
}

}  // namespace
}  // namespace fluence::workloads
