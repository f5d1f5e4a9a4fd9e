// The result file: exact round trip, the same bytes whatever the order of commits and restarts, and one
// clear line for files that cannot be used.
#include "sim/campaign/result_store.h"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <numeric>
#include <random>

#include "sim/campaign/result_schema.h"
#include "sim/core/error.h"
#include "tests/campaign/sample_results.h"
#include "tests/support/temporary_directory.h"

namespace fluence::campaign {
namespace {

using test::sample_batch;
using test::sample_header;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::string write_in_order(const std::string& path, const std::vector<std::int64_t>& order) {
    ResultWriter writer(path, sample_header(static_cast<std::int64_t>(order.size())));
    for (const std::int64_t batch : order) {
        writer.commit(sample_batch(batch));
    }
    writer.finish();
    return test::read_file(path);
}

std::vector<std::int64_t> counted(std::int64_t count) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    return order;
}

void expect_equal(const OutcomeRow& a, const OutcomeRow& b) {
    EXPECT_EQ(a.fault, b.fault);
    EXPECT_EQ(a.policy, b.policy);
    EXPECT_EQ(a.cycle, b.cycle);
    EXPECT_EQ(a.outcome, b.outcome);
    EXPECT_EQ(a.dead, b.dead);
    EXPECT_EQ(a.corrected, b.corrected);
    EXPECT_EQ(a.detected, b.detected);
    EXPECT_EQ(a.suppressed, b.suppressed);
    EXPECT_EQ(a.struck_layer, b.struck_layer);
    EXPECT_EQ(a.first_changed_layer, b.first_changed_layer);
    EXPECT_EQ(a.last_changed_layer, b.last_changed_layer);
    EXPECT_EQ(a.changed_values, b.changed_values);
    EXPECT_EQ(a.top1, b.top1);
    EXPECT_EQ(a.correct, b.correct);
    EXPECT_EQ(a.delta_loss, b.delta_loss);
    EXPECT_EQ(a.top2diff, b.top2diff);
    EXPECT_EQ(a.golden_bits, b.golden_bits);
    EXPECT_EQ(a.faulty_bits, b.faulty_bits);
    EXPECT_EQ(a.masked_by, b.masked_by);
    EXPECT_EQ(a.masked_layer, b.masked_layer);
}

TEST(ResultStore, GivesBackEveryFieldExactly) {
    const test::TemporaryDirectory folder;
    const std::string path = folder.file("deeper/results.sqlite");
    write_in_order(path, {2, 0, 1});

    const ResultReader reader(path);
    EXPECT_TRUE(reader.complete());
    EXPECT_EQ(reader.path(), path);
    EXPECT_EQ(to_json(reader.header()), to_json(sample_header(3)));
    EXPECT_EQ(reader.header().policies[1].layers[1].name, "fc");

    std::vector<GoldenRow> golden;
    reader.for_each_golden([&](const GoldenRow& row) { golden.push_back(row); });
    std::size_t fault_index = 0;
    std::size_t golden_index = 0;
    std::vector<FaultRow> faults;
    std::vector<OutcomeRow> outcomes;
    reader.for_each_fault([&](const FaultRow& row, const std::vector<OutcomeRow>& rows) {
        faults.push_back(row);
        outcomes.insert(outcomes.end(), rows.begin(), rows.end());
    });
    ASSERT_EQ(faults.size(), 18U);
    ASSERT_EQ(golden.size(), 18U);
    for (std::int64_t batch = 0; batch < 3; ++batch) {
        const BatchResult expected = sample_batch(batch);
        for (const GoldenRow& row : expected.golden) {
            const GoldenRow& read = golden[golden_index++];
            EXPECT_EQ(read.image, row.image);
            EXPECT_EQ(read.policy, row.policy);
            EXPECT_EQ(read.label, row.label);
            EXPECT_EQ(read.top1, row.top1);
            EXPECT_EQ(read.top2diff, row.top2diff);
            EXPECT_EQ(read.loss, row.loss);
        }
        for (std::size_t i = 0; i < expected.faults.size(); ++i, ++fault_index) {
            EXPECT_EQ(faults[fault_index].id, expected.faults[i].id);
            EXPECT_EQ(faults[fault_index].image, expected.faults[i].image);
            EXPECT_EQ(faults[fault_index].upset.site, expected.faults[i].upset.site);
            EXPECT_EQ(faults[fault_index].upset.unit, expected.faults[i].upset.unit);
            EXPECT_EQ(faults[fault_index].upset.layer, expected.faults[i].upset.layer);
            EXPECT_EQ(faults[fault_index].upset.bits, expected.faults[i].upset.bits);
            EXPECT_EQ(faults[fault_index].upset.held, expected.faults[i].upset.held);
            EXPECT_EQ(faults[fault_index].phase, expected.faults[i].phase);
            EXPECT_EQ(faults[fault_index].stratum, expected.faults[i].stratum);
            EXPECT_EQ(faults[fault_index].cluster.rows, expected.faults[i].cluster.rows);
            EXPECT_EQ(faults[fault_index].cluster.cols, expected.faults[i].cluster.cols);
            ASSERT_EQ(faults[fault_index].further.size(), expected.faults[i].further.size());
            for (std::size_t k = 0; k < expected.faults[i].further.size(); ++k) {
                const fault::DrawnUpset& a = faults[fault_index].further[k];
                const fault::DrawnUpset& b = expected.faults[i].further[k];
                EXPECT_EQ(a.upset.site, b.upset.site);
                EXPECT_EQ(a.upset.unit, b.upset.unit);
                EXPECT_EQ(a.upset.layer, b.upset.layer);
                EXPECT_EQ(a.upset.bits, b.upset.bits);
                EXPECT_EQ(a.upset.held, b.upset.held);
                EXPECT_EQ(a.phase, b.phase);
                EXPECT_EQ(a.cluster.rows, b.cluster.rows);
                EXPECT_EQ(a.cluster.cols, b.cluster.cols);
            }
            expect_equal(outcomes[2 * fault_index], expected.outcomes[2 * i]);
            expect_equal(outcomes[2 * fault_index + 1], expected.outcomes[2 * i + 1]);
        }
    }
}

TEST(ResultStore, BitsAreHexadecimal) {
    WordBits bits;
    EXPECT_EQ(to_hex(bits), "0");
    bits.set(0);
    bits.set(4);
    bits.set(71);
    EXPECT_EQ(to_hex(bits), "800000000000000011");
    EXPECT_EQ(bits_from_hex("800000000000000011", ""), bits);
    EXPECT_EQ(bits_from_hex(to_hex(WordBits().set()), ""), WordBits().set());
    EXPECT_THROW(bits_from_hex("12g", ""), InputError);
    EXPECT_THROW(bits_from_hex("", ""), InputError);
}

TEST(ResultStore, SameBytesForEveryOrderOfCommits) {
    const test::TemporaryDirectory folder;
    std::vector<std::int64_t> order = counted(30);
    const std::string expected = write_in_order(folder.file("a"), order);
    std::reverse(order.begin(), order.end());
    EXPECT_EQ(write_in_order(folder.file("b"), order), expected);
    const unsigned seed = 20240607;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 generator(seed);
    for (int i = 0; i < 3; ++i) {
        std::shuffle(order.begin(), order.end(), generator);
        EXPECT_EQ(write_in_order(folder.file("c" + std::to_string(i)), order), expected);
    }
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 5)
        << "files are left over";
}

// Writes until it is killed; `limit` batches at most, then finishes.
[[noreturn]] void write_in_child(const std::string& path, const std::vector<std::int64_t>& order) {
    try {
        ResultWriter writer(path, sample_header(static_cast<std::int64_t>(order.size())));
        for (const std::int64_t batch : order) {
            if (!writer.has(batch)) {
                writer.commit(sample_batch(batch));
            }
        }
        writer.finish();
        _exit(0);
    } catch (const std::exception&) {
        _exit(1);
    }
}

TEST(ResultStore, KilledWritersAreResumedToTheSameBytes) {
    const test::TemporaryDirectory folder;
    std::vector<std::int64_t> order = counted(12);
    const std::string expected = write_in_order(folder.file("expected"), order);
    std::reverse(order.begin(), order.end());
    int kills = 0;
    // Delays from "before the first table" to "in finish()"; each writer continues where the last one died.
    for (useconds_t delay = 500; delay < 100000; delay = delay * 5 / 3) {
        const std::string path = folder.file("killed" + std::to_string(delay));
        for (int attempt = 0; attempt < 2; ++attempt) {
            const pid_t child = fork();
            if (child == 0) {
                write_in_child(path, order);
            }
            usleep(delay);
            kill(child, SIGKILL);
            int status = 0;
            waitpid(child, &status, 0);
            kills += WIFSIGNALED(status) ? 1 : 0;
            ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        }
        ResultWriter writer(path, sample_header(12));
        for (const std::int64_t batch : order) {
            if (!writer.has(batch)) {
                writer.commit(sample_batch(batch));
            }
        }
        writer.finish();
        ASSERT_EQ(test::read_file(path), expected) << "killed after " << delay << " us";
        EXPECT_FALSE(std::filesystem::exists(partial_path(path)));
    }
    EXPECT_GT(kills, 5);
}

TEST(ResultStore, KilledBetweenRenameAndCleanUpIsFinished) {
    const test::TemporaryDirectory folder;
    const std::string path = folder.file("results");
    const std::string expected = write_in_order(path, counted(3));
    std::filesystem::copy_file(path, partial_path(path));
    test::write_file(path + ".finishing", "half");
    ResultWriter writer(path, sample_header(3));
    EXPECT_TRUE(writer.finished());
    EXPECT_EQ(writer.committed(), 3);
    writer.finish();
    EXPECT_EQ(test::read_file(path), expected);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(ResultStore, PartialResultsCanBeReadWhileTheyAreWritten) {
    const test::TemporaryDirectory folder;
    const std::string path = folder.file("results");
    ResultWriter writer(path, sample_header(4));
    writer.commit(sample_batch(2));
    int faults = 0;
    {
        const ResultReader reader(path);
        EXPECT_FALSE(reader.complete());
        EXPECT_EQ(reader.committed(), 1);
        EXPECT_EQ(reader.path(), partial_path(path));
        reader.for_each_fault([&](const FaultRow& row, const std::vector<OutcomeRow>& rows) {
            EXPECT_EQ(row.id, 12 + faults);
            EXPECT_EQ(rows.size(), 2U);
            ++faults;
        });
    }
    EXPECT_EQ(faults, 6);
    writer.commit(sample_batch(0));
    EXPECT_EQ(ResultReader(path).committed(), 2);
}

TEST(ResultStore, TwoWritersOfOneFileAreRefused) {
    const test::TemporaryDirectory folder;
    const std::string path = folder.file("results");
    const ResultWriter first(path, sample_header(4));
    EXPECT_THAT([&] { ResultWriter(path, sample_header(4)); },
                ThrowsMessage<InputError>(HasSubstr("another program is writing it")));
    EXPECT_THAT([&] { discard_results(path); }, ThrowsMessage<InputError>(HasSubstr("another program")));
}

TEST(ResultStore, AnotherExperimentIsRefusedAndNamed) {
    const test::TemporaryDirectory folder;
    CampaignHeader other = sample_header(2);
    other.experiment["seed"] = 2;
    const auto differs = ThrowsMessage<InputError>(HasSubstr("/experiment/seed"));

    const std::string partial = folder.file("partial");
    { ResultWriter(partial, sample_header(2)).commit(sample_batch(0)); }
    EXPECT_THAT([&] { ResultWriter(partial, other); }, differs);
    EXPECT_TRUE(ResultWriter(partial, sample_header(2)).has(0)) << "what was there is kept";

    const std::string finished = folder.file("finished");
    write_in_order(finished, {0, 1});
    EXPECT_THAT([&] { ResultWriter(finished, other); }, differs);
    discard_results(finished);
    EXPECT_EQ(ResultWriter(finished, other).committed(), 0);
}

TEST(ResultStore, ForeignAndDamagedFilesAreRefused) {
    const test::TemporaryDirectory folder;
    const std::string path = folder.file("results");
    const auto read = [&] {
        const ResultReader reader(path);
        reader.for_each_fault([](const FaultRow&, const std::vector<OutcomeRow>&) {});
        reader.for_each_golden([](const GoldenRow&) {});
    };
    EXPECT_THAT(read, ThrowsMessage<InputError>(HasSubstr("no result file")));
    test::write_file(path, std::string(5000, 'x'));
    EXPECT_THAT(read, ThrowsMessage<InputError>(HasSubstr("is not a result file")));

    std::filesystem::remove(path);
    {
        Database foreign(path, Database::Open::create);
        foreign.execute("CREATE TABLE t(a); PRAGMA user_version=1;");
    }
    EXPECT_THAT(read, ThrowsMessage<InputError>(HasSubstr("is not a result file of Fluence")));

    std::filesystem::remove(path);
    const std::string whole = write_in_order(path, counted(20));
    {
        Database newer(path, Database::Open::read_write);
        newer.execute("PRAGMA user_version=99");
    }
    EXPECT_THAT(read, ThrowsMessage<InputError>(HasSubstr("schema version: is 99 (valid: 6)")));

    // Truncated anywhere, or a page of rubbish: an InputError, never a crash or a silent success.
    for (std::size_t size = 1024; size < whole.size(); size += 4096) {
        test::write_file(path, whole.substr(0, size));
        EXPECT_THROW(read(), InputError) << size;
    }
    for (std::size_t page = 0; page < whole.size() / 4096; ++page) {
        std::string damaged = whole;
        damaged.replace(page * 4096, 4096, std::string(4096, '\xff'));
        test::write_file(path, damaged);
        try {
            read();
        } catch (const InputError&) {
        }
    }
}

TEST(ResultStore, MissingRowsAreNoticed) {
    const test::TemporaryDirectory folder;
    const std::string path = folder.file("results");
    for (const char* damage :
         {"DELETE FROM outcome WHERE fault=4 AND policy=1", "DELETE FROM outcome WHERE fault=11",
          "DELETE FROM fault WHERE id=11", "UPDATE outcome SET dead=77 WHERE fault=3",
          "DELETE FROM meta WHERE key='faults'", "UPDATE policy SET composition='{'",
          "UPDATE fault SET bits='zz' WHERE id=2"}) {
        write_in_order(path, {0, 1});
        Database(path, Database::Open::read_write).execute(damage);
        EXPECT_THROW(
            {
                const ResultReader reader(path);
                reader.for_each_fault([](const FaultRow&, const std::vector<OutcomeRow>&) {});
            },
            InputError)
            << damage;
        std::filesystem::remove(path);
    }
}

TEST(ResultStore, CommittedBatchesSurviveAFullDisk) {
    const test::TemporaryDirectory folder;
    const std::string path = folder.file("results");
    constexpr std::int64_t kBatches = 60;
    const std::string expected = write_in_order(folder.file("expected"), counted(kBatches));
    const std::string log = folder.file("log");
    // The limit on the size of a file stands for the end of the disk: writes beyond it fail.
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        rlimit limit{};
        limit.rlim_cur = limit.rlim_max = 80000;
        setrlimit(RLIMIT_FSIZE, &limit);
        std::int64_t batch = 0;
        try {
            ResultWriter writer(path, sample_header(kBatches));
            for (; batch < kBatches; ++batch) {
                writer.commit(sample_batch(batch));
            }
            _exit(0);
        } catch (const InputError& error) {
            test::write_file(log, std::to_string(batch) + " " + error.what());
            _exit(2);
        }
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_EQ(WEXITSTATUS(status), 2);
    const std::string message = test::read_file(log);
    EXPECT_THAT(message, HasSubstr(partial_path(path)));
    EXPECT_THAT(message, HasSubstr("what was committed before is kept"));

    ResultWriter writer(path, sample_header(kBatches));
    EXPECT_EQ(writer.committed(), std::stoll(message));
    EXPECT_GT(writer.committed(), 10);
    for (std::int64_t batch = writer.committed(); batch < kBatches; ++batch) {
        writer.commit(sample_batch(batch));
    }
    writer.finish();
    EXPECT_EQ(test::read_file(path), expected);
}

TEST(ResultStore, ReadOnlyPlacesAreRefused) {
    EXPECT_THAT([] { ResultWriter("/proc/fluence/results", sample_header(1)); },
                ThrowsMessage<InputError>(HasSubstr("cannot be created")));
    EXPECT_THAT([] { ResultWriter("/proc/results", sample_header(1)); },
                ThrowsMessage<InputError>(HasSubstr("cannot be written")));
}

}  // namespace
}  // namespace fluence::campaign
