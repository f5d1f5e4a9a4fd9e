// A case is the same behind its file, and damaged files are refused.
#include <gtest/gtest.h>

#include "sim/check/batch.h"
#include "sim/core/error.h"

namespace fluence {
namespace {

using check::Case;
using nlohmann::json;

constexpr std::uint64_t kSeed = 41;

TEST(CaseFile, ReadsBackAsItWas) {
    for (std::int64_t number = 0; number < 20 * check::kCasesPerMachine; number += check::kCasesPerMachine) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + " case " + std::to_string(number));
        const Case one = check::case_of(kSeed, number);
        const json text = to_json(one);
        const Case read = check::parse_case(json::parse(text.dump()), "case");
        EXPECT_EQ(to_json(read), text);
        EXPECT_EQ(read.setup.image, one.setup.image);
        EXPECT_EQ(arith::Engine(read.setup.graph).run(read.setup.image).tensors,
                  arith::Engine(one.setup.graph).run(one.setup.image).tensors);
        ASSERT_EQ(read.upsets.size(), one.upsets.size());
        for (std::size_t i = 0; i < one.upsets.size(); ++i) {
            EXPECT_EQ(read.upsets[i].site, one.upsets[i].site);
            EXPECT_EQ(read.upsets[i].unit, one.upsets[i].unit);
            EXPECT_EQ(read.upsets[i].cycle, one.upsets[i].cycle);
            EXPECT_EQ(read.upsets[i].bits, one.upsets[i].bits);
        }
    }
}

std::string refusal(const json& value) {
    try {
        check::parse_case(value, "case.json");
        return "";
    } catch (const InputError& error) {
        return error.what();
    }
}

TEST(CaseFile, RefusesWhatIsNone) {
    const json good = to_json(check::case_of(kSeed, 0));
    EXPECT_EQ(refusal(good), "");
    json bad = good;
    bad["image"].push_back(1);
    EXPECT_NE(refusal(bad).find("case.json: image: has"), std::string::npos) << refusal(bad);
    bad = good;
    bad["upsets"][0]["site"] = "pe_wieght";
    EXPECT_NE(refusal(bad).find("upsets[0].site"), std::string::npos) << refusal(bad);
    bad = good;
    bad["upsets"][0]["bits"] = {400};
    EXPECT_NE(refusal(bad).find("upsets[0].bits: holds 400"), std::string::npos) << refusal(bad);
    bad = good;
    bad["layers"].erase(0);
    EXPECT_NE(refusal(bad).find("layers: has"), std::string::npos) << refusal(bad);
    bad = good;
    bad["layers"][good["layers"].size() - 1]["weight"].push_back(1);
    EXPECT_NE(refusal(bad), "");
    bad = good;
    bad["extra"] = 1;
    EXPECT_NE(refusal(bad).find("extra"), std::string::npos) << refusal(bad);
}

}  // namespace
}  // namespace fluence
