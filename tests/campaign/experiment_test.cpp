// Experiments are read strictly: what is wrong is named with file, key and what would be right.
#include "sim/campaign/experiment.h"

#include <gmock/gmock.h>

#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "tests/support/temporary_directory.h"

namespace fluence::campaign {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class ExperimentFile : public testing::Test {
  protected:
    void SetUp() override {
        test::write_file(folder_.file("bundle/workload.json"), "{}");
        value_ = {{"name", "sample"},
                  {"workload", {{"bundle", "bundle"}}},
                  {"accelerator", "edge-16x16"},
                  {"policies", {"none", "secded"}},
                  {"fault_model", {{"name", "seu"}}},
                  {"images", 10},
                  {"faults", 100}};
    }

    Experiment read(const ExperimentOverrides& overrides = {}) {
        test::write_file(path_, value_.dump());
        return read_experiment(path_, overrides);
    }

    void expect_error(const std::string& key, const std::string& reason) {
        EXPECT_THAT([&] { read(); },
                    ThrowsMessage<InputError>(AllOf(HasSubstr(path_ + ": " + key + ":"), HasSubstr(reason))));
    }

    test::TemporaryDirectory folder_;
    std::string path_ = folder_.file("sample.json");
    json value_;
};

TEST_F(ExperimentFile, FillsInDefaults) {
    const Experiment experiment = read();
    EXPECT_EQ(experiment.name, "sample");
    EXPECT_EQ(experiment.seed, 1U);
    EXPECT_EQ(experiment.confidence, 0.95);
    EXPECT_EQ(experiment.workload.bundle, folder_.file("bundle"));
    EXPECT_TRUE(experiment.workload.import_request.is_null());
    ASSERT_EQ(experiment.policies.size(), 2U);
    EXPECT_EQ(experiment.policies[0].name, "none");
    EXPECT_EQ(experiment.policies[1].name, "secded");
    EXPECT_EQ(experiment.resolved["accelerator"]["array"]["rows"], 16);
    EXPECT_EQ(experiment.resolved["policies"][1]["name"], "secded");
    EXPECT_EQ(experiment.resolved["seed"], 1);
    EXPECT_EQ(experiment.resolved["self_check"], 0.001);
    EXPECT_EQ(experiment.resolved["workload"], value_["workload"]) << "paths stay as they were written";
}

TEST_F(ExperimentFile, PoliciesKeepTheirOrder) {
    value_["policies"] = {"secded", "ranger", "none"};
    const Experiment experiment = read();
    EXPECT_EQ(experiment.policies[0].name, "secded");
    EXPECT_EQ(experiment.policies[2].name, "none");
}

TEST_F(ExperimentFile, OverridesReplaceAndAreChecked) {
    const Experiment experiment = read({5, 77, 9});
    EXPECT_EQ(experiment.images, 5);
    EXPECT_EQ(experiment.faults, 77);
    EXPECT_EQ(experiment.seed, 9U);
    EXPECT_EQ(experiment.resolved["faults"], 77);
    EXPECT_THAT(
        [&] {
            read({0, {}, {}});
        },
        ThrowsMessage<InputError>(HasSubstr("images: is 0 (valid: 1 to")));
}

TEST_F(ExperimentFile, UnknownAndMissingKeys) {
    value_["falts"] = 100;
    expect_error("falts", "is not a known key (valid: accelerator, confidence");
    value_.erase("falts");
    value_.erase("faults");
    expect_error("faults", "is missing");
    value_["faults"] = 100;
    value_["workload"]["bundel"] = "x";
    expect_error("workload.bundel", "is not a known key");
}

TEST_F(ExperimentFile, WrongTypesAndRanges) {
    const std::vector<std::tuple<std::string, json, std::string>> cases = {
        {"name", "", "no name for a folder"},
        {"name", "../up", "no name for a folder"},
        {"name", 3, "where a text is needed"},
        {"images", 0, "valid: 1 to"},
        {"images", 1.5, "where an integer is needed"},
        {"faults", -1, "valid: 1 to"},
        {"faults", "many", "where an integer is needed"},
        {"seed", -1, "valid: 0 to"},
        {"confidence", 1.0, "valid: 0.5 to"},
        {"confidence", "high", "where a number is needed"},
        {"self_check", 1.5, "valid: 0.0 to"},
        {"policies", json::array(), "is empty"},
        {"policies", json::array({"none", "none"}), "is there twice"},
        {"policies", json::array({"nonsense"}), "there is no \"nonsense\" in policies"},
        {"policies", "none", "where a list of texts is needed"},
        {"accelerator", "tpu9", "edge-16x16"},
        {"workload", json::object(), "has neither of bundle and import"},
        {"workload", {{"bundle", "bundle"}, {"import", json::object()}}, "has both"},
        {"workload.bundle", {{"bundle", "nowhere"}}, "there is no bundle \"nowhere\""},
        {"workload.import", {{"import", "model.pt"}}, "where an object is needed"},
        {"fault_model", "seu", "where an object is needed"},
        {"fault_model.name", {{"name", "gamma-ray"}}, "seu"},
    };
    const json good = value_;
    for (const auto& [key, wrong, reason] : cases) {
        SCOPED_TRACE(key + " = " + wrong.dump());
        value_ = good;
        value_[key.substr(0, key.find('.'))] = wrong;
        expect_error(key, reason);
    }
}

TEST_F(ExperimentFile, ImportRequestsAreHandedOnUnread) {
    value_["workload"] = {{"import", {{"model", "x.pt"}, {"anything", 1}}}};
    const Experiment experiment = read();
    EXPECT_TRUE(experiment.workload.bundle.empty());
    EXPECT_EQ(experiment.workload.import_request["anything"], 1);
}

TEST_F(ExperimentFile, ShippedExperimentsAreValidJson) {
    const std::vector<std::string> names = config_names("experiments");
    EXPECT_THAT(names, testing::IsSupersetOf({"lenet5-glyphs", "resnet20-cifar10"}));
    for (const std::string& name : names) {
        value_ = read_json_file(find_config("experiments", name));
        EXPECT_EQ(value_.at("name"), name);
        if (value_.at("workload").contains("bundle")) {
            value_["workload"]["bundle"] = "bundle";  // the shipped one is another test's business
        }
        const Experiment experiment = read();
        EXPECT_GE(experiment.policies.size(), 5U);
        EXPECT_GE(experiment.faults, 2000);
    }
}

}  // namespace
}  // namespace fluence::campaign
