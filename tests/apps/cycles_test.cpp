// The program as a user runs it: `fluence cycles`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <tuple>
#include <vector>

#include "tests/apps/program.h"
#include "tests/support/temporary_directory.h"

namespace {

using fluence::test::Finished;
using fluence::test::run_fluence;
using fluence::test::TemporaryDirectory;
using testing::HasSubstr;

Finished cycles(const std::string& arguments) {
    return run_fluence("cycles " + arguments);
}

void write(const std::string& path, const std::string& content) {
    std::ofstream(path) << content;
}

std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> cells;
    std::istringstream stream(line);
    for (std::string cell; std::getline(stream, cell, ',');) {
        cells.push_back(cell);
    }
    return cells;
}

// Every row of SCALE-Sim's, one run of the program for each array and dataflow.
TEST(CyclesCommand, equals_every_row_of_scale_sim) {
    std::ifstream reference(FLUENCE_TEST_DATA "/cycles/scalesim_compute_cycles.csv");
    std::string heading;
    ASSERT_TRUE(std::getline(reference, heading));
    const std::vector<std::string> names = cells_of(heading);
    const auto column = [&](const std::string& name) {
        return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    };
    struct Machine {
        std::string layers;    // the reference's own lines
        std::string expected;  // the program's output
        int rows = 0;
    };
    std::map<std::tuple<std::string, std::string, std::string>, Machine> machines;
    for (std::string line; std::getline(reference, line);) {
        const std::vector<std::string> cells = cells_of(line);
        Machine& machine =
            machines[{cells.at(column("rows")), cells.at(column("cols")), cells.at(column("dataflow"))}];
        machine.layers += line + "\n";
        machine.expected += std::to_string(machine.rows++) + "," + cells.at(column("folds")) + "," +
                            cells.at(column("total_cycles")) + "\n";
    }
    EXPECT_EQ(machines.size(), 6u);
    const TemporaryDirectory folder;
    for (const auto& [size, machine] : machines) {
        const auto& [rows, cols, dataflow] = size;
        write(folder.file("layers.csv"), heading + "\n" + machine.layers);
        const Finished run = cycles(folder.file("layers.csv") + " --preset scale-sim --rows " + rows +
                                    " --cols " + cols + " --dataflow " + dataflow);
        EXPECT_EQ(run.exit_code, 0) << run.output;
        EXPECT_EQ(run.output, "row,folds,compute_cycles\n" + machine.expected)
            << rows << "x" << cols << " " << dataflow;
        EXPECT_GT(machine.rows, 30);
    }
}

// Columns in any order, spaces, Windows line ends; by hand: ⌈5/2⌉·⌈3/2⌉ = 6 folds on 2×2, of 7 terms.
// Folds of 2×2: 2 of 7+2+2+3 = 14; 2×1: 2 of 7+2+1+3−1 = 12; 1×2: 12; 1×1: 7+1+1+3−1 = 11.
TEST(CyclesCommand, stonne_by_hand) {
    const TemporaryDirectory folder;
    write(folder.file("layers.csv"), "K, name ,N,M_ofmap_px\r\n7,a, 3 ,5\r\n\r\n1,\"b, c\",1,1\r\n");
    EXPECT_EQ(cycles(folder.file("layers.csv") + " --preset stonne-os --rows 2 --cols 2").output,
              "row,folds,compute_cycles\n0,6,75\n1,1,5\n");
    EXPECT_EQ(cycles(folder.file("layers.csv") + " --preset stonne-os --rows 8 --cols 8 --batch 2").output,
              "row,folds,compute_cycles\n0,2,36\n1,1,6\n");
}

TEST(CyclesCommand, bad_requests_are_one_line_and_exit_code_2) {
    const TemporaryDirectory folder;
    const std::string good = folder.file("good.csv");
    write(good, "M_ofmap_px,N,K\n1,1,1\n");
    const auto table = [&](const std::string& name, const std::string& content) {
        write(folder.file(name), content);
        return folder.file(name) + " --preset scale-sim";
    };
    for (const std::string& arguments :
         {std::string(), good, good + " --preset nosuch", good + " --preset scale-sim --dataflow rs",
          good + " --preset scale-sim --rows 0", good + " --preset scale-sim --cols 1025",
          good + " --preset scale-sim --batch 0", good + " --preset edge-16x16 --dataflow os",
          folder.file("none.csv") + " --preset scale-sim", table("a.csv", "M_ofmap_px,N\n1,1\n"),
          table("b.csv", "M_ofmap_px,N,K\n1,1\n"), table("c.csv", "M_ofmap_px,N,K\n1,0,1\n"),
          table("d.csv", "M_ofmap_px,N,K\n1,1,1.5\n"), table("e.csv", ""),
          table("f.csv", "M_ofmap_px,N,K\n1099511627776,1099511627776,1\n")}) {
        const Finished run = cycles(arguments);
        EXPECT_EQ(run.exit_code, 2) << arguments;
        EXPECT_THAT(run.output, HasSubstr("error: ")) << arguments;
        EXPECT_EQ(run.output.find('\n', run.output.find("error: ")), run.output.size() - 1) << arguments;
    }
    EXPECT_THAT(cycles(table("c.csv", "M_ofmap_px,N,K\n1,0,1\n")).output,
                HasSubstr("c.csv: line 2, N: is \"0\" (valid: whole numbers from 1 to "));
}

}  // namespace
