// Which words and bits a cluster of adjacent cells strikes, by hand.
#include "sim/fault/cluster.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "sim/protect/memory_code.h"

namespace fluence::fault {
namespace {

class ClusterCells : public testing::Test {
  protected:
    ClusterCells() {
        config_.weight_buffer = {Bytes(80), 64};  // ten words
    }
    protect::MemoryPart& part() { return policy_.memory[index_of(Memory::weight_buffer)]; }
    // By word, the struck bits.
    std::map<std::int64_t, std::set<int>> struck(std::int64_t word, int bit, Cluster cluster,
                                                 SiteKind site = SiteKind::weight_buffer) {
        Upset first;
        first.site = site;
        first.unit = word;
        first.cycle = 17;
        first.bits.set(static_cast<std::size_t>(bit));
        std::map<std::int64_t, std::set<int>> cells;
        for (const Upset& upset : cluster_upsets(first, cluster, {config_, policy_, 100})) {
            EXPECT_EQ(upset.cycle, 17);
            for (int b = 0; b < kMaxWordBits; ++b) {
                if (upset.bits[static_cast<std::size_t>(b)]) {
                    EXPECT_TRUE(cells[upset.unit].insert(b).second);
                }
            }
        }
        return cells;
    }
    using Cells = std::map<std::int64_t, std::set<int>>;
    AcceleratorConfig config_;
    protect::Policy policy_;
};

TEST_F(ClusterCells, OneWordARow) {
    EXPECT_EQ(struck(3, 5, {1, 1}), (Cells{{3, {5}}}));
    EXPECT_EQ(struck(3, 5, {1, 3}), (Cells{{3, {5, 6, 7}}}));
    EXPECT_EQ(struck(3, 5, {2, 1}), (Cells{{3, {5}}, {4, {5}}}));
    EXPECT_EQ(struck(3, 5, {2, 2}), (Cells{{3, {5, 6}}, {4, {5, 6}}}));
}

TEST_F(ClusterCells, EndAtTheEdges) {
    EXPECT_EQ(struck(3, 62, {1, 4}), (Cells{{3, {62, 63}}}));
    EXPECT_EQ(struck(9, 0, {2, 2}), (Cells{{9, {0, 1}}}));
    part().code = "parity";  // 65 columns
    EXPECT_EQ(struck(3, 62, {1, 4}), (Cells{{3, {62, 63, 64}}}));
}

// Four words a row: word 5 lies in row 1, its bit 3 in column 3·4 + 1 = 13.
TEST_F(ClusterCells, InterleavedWordsAreNeighbours) {
    part().code = "secded";
    part().interleave = 4;
    EXPECT_EQ(struck(5, 3, {1, 2}), (Cells{{5, {3}}, {6, {3}}}));
    EXPECT_EQ(struck(6, 3, {1, 4}), (Cells{{6, {3}}, {7, {3}}, {4, {4}}, {5, {4}}}));
    // The row below: words 8 and 9 alone are there of it.
    EXPECT_EQ(struck(5, 3, {2, 2}), (Cells{{5, {3}}, {6, {3}}, {9, {3}}}));
    EXPECT_EQ(struck(7, 71, {1, 2}), (Cells{{7, {71}}})) << "the last column";
}

TEST_F(ClusterCells, ABitThatThePolicyDoesNotStoreIsNoCell) {
    EXPECT_EQ(struck(3, 70, {2, 3}), (Cells{{3, {70}}}));  // dead: the resolver calls it absent
}

TEST_F(ClusterCells, RegistersEndAtTheirOwnBits) {
    EXPECT_EQ(struck(3, 5, {3, 2}, SiteKind::pe_weight), (Cells{{3, {5, 6}}}));
}

// The reason to interleave: no row cluster of up to `interleave` columns leaves two wrong bits in a word.
TEST_F(ClusterCells, InterleavingKeepsRowClustersSingle) {
    part().code = "secded";
    for (const int interleave : {2, 4, 8}) {
        part().interleave = interleave;
        for (int cols = 1; cols <= interleave; ++cols) {
            for (std::int64_t word = 0; word < 10; ++word) {
                for (int bit = 0; bit < 72; ++bit) {
                    for (const auto& [unit, bits] : struck(word, bit, {1, cols})) {
                        EXPECT_EQ(bits.size(), 1U);
                    }
                }
            }
        }
    }
}

}  // namespace
}  // namespace fluence::fault
