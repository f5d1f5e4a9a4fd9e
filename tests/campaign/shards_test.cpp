// Shards of a campaign: merged they are the bytes of the campaign run in one; a set of files that is not one
// whole campaign is refused with its reason.
#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "sim/campaign/result_store.h"
#include "sim/core/error.h"
#include "tests/campaign/sample_results.h"
#include "tests/support/temporary_directory.h"

namespace fluence::campaign {
namespace {

using test::sample_batch;
using test::sample_header;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::int64_t kBatches = 23;

class Shards : public testing::Test {
  protected:
    // Writes a shard of the sample campaign, without its last `lost` batches; finished unless some are lost.
    std::string write(const Shard& shard, CampaignHeader header, std::int64_t lost = 0) {
        const std::string path =
            folder_.file(std::to_string(shard.index) + "of" + std::to_string(shard.count));
        header.shard = shard;
        ResultWriter writer(path, header);
        for (std::int64_t batch = kBatches - 1; batch >= 0; --batch) {
            if (shard.holds(batch) && lost-- <= 0) {
                results_.push_back(sample_batch(batch));
            }
        }
        writer.commit(results_);
        results_.clear();
        if (writer.all_committed()) {
            writer.finish();
        }
        return path;
    }
    std::vector<std::string> write_all(std::int64_t count) {
        std::vector<std::string> paths;
        for (std::int64_t index = count - 1; index >= 0; --index) {
            paths.push_back(write({index, count}, sample_header(kBatches)));
        }
        return paths;
    }
    void expect_refused(const std::vector<std::string>& shards, const std::string& reason) {
        EXPECT_THAT([&] { merge_shards(folder_.file("merged"), shards); },
                    ThrowsMessage<InputError>(HasSubstr(reason)));
        for (const char* end : {"", ".partial", ".finishing"}) {
            EXPECT_FALSE(std::filesystem::exists(folder_.file("merged") + end)) << reason;
        }
    }

    test::TemporaryDirectory folder_;
    std::vector<BatchResult> results_;
};

TEST(Shard, HoldEveryBatchOnceAndKnowTheirSize) {
    for (std::int64_t batches = 1; batches <= 40; ++batches) {
        for (std::int64_t count = 1; count <= batches; ++count) {
            std::multiset<std::int64_t> held;
            for (std::int64_t index = 0; index < count; ++index) {
                const Shard shard{index, count};
                std::int64_t size = 0;
                for (std::int64_t batch = 0; batch < batches; ++batch) {
                    if (shard.holds(batch)) {
                        held.insert(batch);
                        ++size;
                    }
                }
                EXPECT_EQ(shard.size(batches), size);
                EXPECT_GE(size, batches / count) << "shards are even";
                EXPECT_LE(size, batches / count + 1);
            }
            EXPECT_EQ(held.size(), static_cast<std::size_t>(batches));
            EXPECT_EQ(std::set<std::int64_t>(held.begin(), held.end()).size(), held.size());
        }
    }
}

TEST_F(Shards, MergeToTheBytesOfTheCampaignRunInOne) {
    const std::string whole = test::read_file(write({}, sample_header(kBatches)));
    for (const std::int64_t count : {2, 7, 23}) {
        const std::string merged = folder_.file("merged" + std::to_string(count));
        merge_shards(merged, write_all(count));
        EXPECT_EQ(test::read_file(merged), whole) << count << " shards";
        EXPECT_FALSE(std::filesystem::exists(partial_path(merged)));
    }
}

TEST_F(Shards, HaveFilesOfTheirOwnWithTheirRowsAlone) {
    const std::string path = write({2, 7}, sample_header(kBatches));
    const ResultReader reader(path);
    EXPECT_TRUE(reader.shard_complete());
    EXPECT_FALSE(reader.complete()) << "not the whole campaign";
    EXPECT_EQ(reader.header().shard.index, 2);
    EXPECT_EQ(reader.header().shard.count, 7);
    EXPECT_EQ(reader.header().batches, kBatches);
    std::set<std::int64_t> batches;
    reader.for_each_fault([&](const FaultRow& fault, const auto&) { batches.insert(fault.id / 6); });
    EXPECT_EQ(batches, (std::set<std::int64_t>{2, 9, 16}));
    CampaignHeader other = sample_header(kBatches);
    other.shard = {3, 7};
    EXPECT_THAT([&] { ResultWriter(path, other); }, ThrowsMessage<InputError>(HasSubstr("/shard")));
}

TEST_F(Shards, ThatAreNotOneWholeCampaignAreRefused) {
    std::vector<std::string> shards = write_all(4);
    expect_refused({shards[0], shards[2]}, "missing are the shards 1/4, 3/4");
    expect_refused({shards[0], shards[1], shards[2], shards[3], shards[1]},
                   "is shard 3/4, and so is " + shards[1]);
    expect_refused({shards[0], write({1, 5}, sample_header(kBatches))}, "is shard 2/5, but ");
    expect_refused({write({}, sample_header(kBatches))}, "is not a shard but a whole campaign");
    expect_refused({folder_.file("nothing")}, "cannot be opened");
    expect_refused({}, "no shards");
    test::write_file(folder_.file("text"), "no database at all");
    expect_refused({shards[0], folder_.file("text")}, "text: ");
}

TEST_F(Shards, OfOtherCampaignsAreRefusedWithTheDifference) {
    const std::vector<std::string> shards = write_all(2);
    CampaignHeader seed = sample_header(kBatches);
    seed.experiment["seed"] = 2;
    CampaignHeader digest = sample_header(kBatches);
    digest.workload_digest = "00000000";
    CampaignHeader program = sample_header(kBatches);
    program.program = "fluence 1";
    for (const auto& [header, where] :
         {std::pair(seed, "/experiment/seed"), std::pair(digest, "/workload_digest"),
          std::pair(program, "/program")}) {
        discard_results(shards[1]);
        const std::string foreign = write({0, 2}, header);
        expect_refused({shards[0], foreign}, std::string("they differ at ") + where);
    }
}

TEST_F(Shards, ThatAreNotFinishedAreRefusedAndNamed) {
    const std::vector<std::string> shards = write_all(3);
    discard_results(shards[1]);
    const std::string unfinished = write({1, 3}, sample_header(kBatches), 2);
    expect_refused({shards[0], unfinished, shards[2]}, unfinished + ": is not finished");
    expect_refused({shards[0], partial_path(unfinished), shards[2]}, "is not finished (6 of 8 batches)");
}

TEST_F(Shards, NeverReplaceResultsThatAreThere) {
    const std::vector<std::string> shards = write_all(2);
    const std::string merged = folder_.file("merged");
    for (const std::string& there : {merged, partial_path(merged)}) {
        test::write_file(there, "precious");
        EXPECT_THAT([&] { merge_shards(merged, shards); },
                    ThrowsMessage<InputError>(AllOf(HasSubstr(there), HasSubstr("is there already"))));
        EXPECT_EQ(test::read_file(there), "precious");
        std::filesystem::remove(there);
    }
    merge_shards(merged, shards);
    EXPECT_TRUE(ResultReader(merged).complete());
}

}  // namespace
}  // namespace fluence::campaign
