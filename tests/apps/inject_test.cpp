// `fluence inject`: faults in stored values of the shipped bundle.
#include <gmock/gmock.h>

#include <string>

#include "tests/apps/program.h"
#include "tests/support/temporary_directory.h"

namespace {

using fluence::test::Finished;
using fluence::test::run_fluence;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

const std::string kBundle = FLUENCE_SOURCE_DIR "/workloads/pretrained/lenet5-glyphs";

TEST(Inject, SaysShareWithCountAndInterval) {
    const fluence::test::TemporaryDirectory folder;
    const Finished run =
        run_fluence("inject " + kBundle + " --faults 60 --images 8 -j 2 -o " + folder.file("out"));
    EXPECT_EQ(run.exit_code, 0) << run.output;
    EXPECT_THAT(run.output, AllOf(HasSubstr("weight-flip: 60 faults of 491760 possible ones, 8 images"),
                                  ContainsRegex("drop > 0.5 % +[0-9]+ / 60 "), HasSubstr("By bit"),
                                  HasSubstr("summary.json"), HasSubstr("faults.csv")));
    const Finished neurons = run_fluence("inject " + kBundle + " --model neuron-flip --faults 60 --images 8");
    EXPECT_THAT(neurons.output,
                AllOf(ContainsRegex("masked +[0-9]+ / 60 "), ContainsRegex("sdc +[0-9]+ / 60 ")));
}

// The shipped network is one of codes: its machines are fluence run's.
TEST(Inject, UpsetsOfMachinesNeedWordsAndAMachine) {
    EXPECT_THAT(run_fluence("inject " + kBundle + " --model seu").output,
                HasSubstr("--accelerator: is missing"));
    const Finished codes = run_fluence("inject " + kBundle + " --model seu -a edge-16x16-fxp16");
    EXPECT_EQ(codes.exit_code, 2);
    EXPECT_THAT(codes.output, HasSubstr("fluence run"));
    EXPECT_THAT(run_fluence("inject " + kBundle + " -a edge-16x16").output,
                HasSubstr("--accelerator: goes with --model seu"));
    EXPECT_THAT(run_fluence("inject " + kBundle + " -p secded").output,
                HasSubstr("--policy: goes with --model seu"));
}

TEST(Inject, ImpossibleRequestsAreNamed) {
    for (const char* wrong : {" --model neuron", " --faults 0", " --images 1000000", " --confidence 2",
                              " --layers nowhere", " --model neuron-fp-rand"}) {
        const Finished refused = run_fluence("inject " + kBundle + wrong);
        EXPECT_EQ(refused.exit_code, 2) << wrong;
        EXPECT_THAT(refused.output, HasSubstr("--")) << wrong;
    }
    EXPECT_EQ(run_fluence("inject nowhere").exit_code, 2);
}

}  // namespace
