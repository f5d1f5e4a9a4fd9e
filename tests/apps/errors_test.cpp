// Bad input gets one line with file, key, reason and valid values, and exit code 2; what was computed stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/apps/program.h"
#include "tests/support/random_graph.h"
#include "tests/support/temporary_directory.h"
#include "workloads/bundle.h"

namespace {

namespace fs = std::filesystem;
using fluence::test::Finished;
using fluence::test::run_fluence;
using fluence::test::TemporaryDirectory;
using fluence::test::write_file;
using nlohmann::json;
using testing::HasSubstr;

class Errors : public testing::Test {
  protected:
    Errors() {
        fluence::RandomStream stream(1, fluence::RandomPurpose::testing, 0);
        fluence::workloads::Bundle bundle;
        bundle.graph = fluence::test::lenet_like_graph(stream);
        bundle.image_count = 4;
        for (int i = 0; i < 4; ++i) {
            for (const std::int32_t code : fluence::test::random_image(bundle.graph, stream)) {
                bundle.images.push_back(static_cast<std::uint8_t>(code));
            }
            bundle.labels.push_back(0);
        }
        fluence::workloads::write_bundle(bundle, path("bundle"));
        experiment_ = {{"name", "errors"},
                       {"workload", {{"bundle", path("bundle")}}},
                       {"accelerator", "tiny-8x8"},
                       {"policies", {"none", "secded"}},
                       {"fault_model", {{"name", "seu"}}},
                       {"images", 4},
                       {"faults", 400},
                       {"seed", 1}};
    }

    std::string path(const std::string& name) const { return folder_.file(name); }

    Finished run(const std::string& prefix = "", const std::string& output = "out") {
        write_file(path("experiment.json"), experiment_.dump());
        return run_fluence("run " + path("experiment.json") + " -j 2 --output " + path(output), prefix);
    }

    // One line, exit code 2, the parts in it.
    static void expect_error(const Finished& finished, const std::vector<std::string>& parts) {
        EXPECT_EQ(finished.exit_code, 2) << finished.output;
        const std::size_t at = finished.output.find("error: ");
        ASSERT_NE(at, std::string::npos) << finished.output;
        const std::string line = finished.output.substr(at);
        EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
        for (const std::string& part : parts) {
            EXPECT_THAT(line, HasSubstr(part));
        }
    }

    TemporaryDirectory folder_;
    json experiment_;
};

TEST_F(Errors, TheExperimentIsSound) {
    const Finished finished = run();
    EXPECT_EQ(finished.exit_code, 0) << finished.output;
}

TEST_F(Errors, UnknownKeyListsTheKnown) {
    experiment_["polices"] = {"none"};
    expect_error(run(), {"experiment.json: polices: is not a known key", "policies"});
}

TEST_F(Errors, UnknownPolicyListsThePresets) {
    experiment_["policies"] = {"none", "secdde"};
    expect_error(run(), {"experiment.json", "secdde", "checksum-zero", "secded"});
}

TEST_F(Errors, WrongUnitAndTypeNameTheRange) {
    experiment_["confidence"] = 95;
    expect_error(run(), {"experiment.json: confidence: is 95", "valid:"});
    experiment_["confidence"] = 0.95;
    experiment_["faults"] = "many";
    expect_error(run(), {"experiment.json: faults:", "integer"});
}

TEST_F(Errors, ImpossibleMachines) {
    json machine = json::parse(fluence::test::read_file(
        (fs::path(FLUENCE_SOURCE_DIR) / "configs/accelerators/tiny-8x8.json").string()));
    experiment_["accelerator"] = "machine.json";
    machine["array"]["rows"] = 0;
    write_file(path("machine.json"), machine.dump());
    expect_error(run(), {"machine.json: array.rows: is 0", "1 to 1024"});
    machine["array"]["rows"] = 8;
    machine["activation_buffer"]["bytes"] = 16;
    write_file(path("machine.json"), machine.dump());
    expect_error(run(), {"activation_buffer.bytes", "16"});
}

TEST_F(Errors, MissingAndDamagedBundles) {
    experiment_["workload"]["bundle"] = path("nowhere");
    expect_error(run(), {"nowhere"});
    experiment_["workload"]["bundle"] = path("bundle");
    fs::resize_file(path("bundle/tensors.safetensors"), 1000);
    expect_error(run(), {"tensors.safetensors"});
}

TEST_F(Errors, ReadOnlyFolder) {
    if (geteuid() == 0) {
        // Root may write everywhere but to /proc.
        write_file(path("experiment.json"), experiment_.dump());
        expect_error(run_fluence("run " + path("experiment.json") + " --output /proc/fluence"),
                     {"/proc/fluence"});
        return;
    }
    fs::create_directory(path("out"));
    fs::permissions(path("out"), fs::perms::owner_read | fs::perms::owner_exec);
    expect_error(run(), {"out"});
}

TEST_F(Errors, AFullDiskKeepsWhatIsCommittedAndTheRunGoesOn) {
    experiment_["faults"] = 40000;
    const Finished untouched = run("", "untouched");
    ASSERT_EQ(untouched.exit_code, 0) << untouched.output;
    // A limit on the size of files stands for a disk that is full, in blocks of 1,024 bytes.
    const Finished full = run("ulimit -f 300; trap '' XFSZ;");
    expect_error(full, {"results.sqlite"});
    EXPECT_TRUE(fs::exists(path("out/results.sqlite.partial")));
    const Finished resumed = run();
    ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
    EXPECT_EQ(fluence::test::read_file(path("out/results.sqlite")),
              fluence::test::read_file(path("untouched/results.sqlite")));
}

}  // namespace
