// Readers of MNIST and CIFAR on files that the tests write, every kind of damage, and real data where
// FLUENCE_DATA names a folder with it.
#include <gmock/gmock.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>

#include "sim/core/error.h"
#include "tests/support/temporary_directory.h"
#include "workloads/dataset.h"

namespace fluence::workloads {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string big_endian(std::uint32_t value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
            static_cast<char>(value)};
}

std::string gzipped(const std::string& content) {
    test::TemporaryDirectory folder;
    gzFile file = ::gzopen(folder.file("x").c_str(), "wb");
    ::gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
    ::gzclose(file);
    return test::read_file(folder.file("x"));
}

const std::string kPixels = "abcdefABCDEF";  // two images of 2 rows and 3 columns

std::string idx_images() {
    return big_endian(0x803) + big_endian(2) + big_endian(2) + big_endian(3) + kPixels;
}
std::string idx_labels() {
    return big_endian(0x801) + big_endian(2) + std::string("\x07\x00", 2);
}

void expect_two_images(const Dataset& data) {
    EXPECT_EQ(data.shape, (Shape{1, 2, 3}));
    EXPECT_EQ(data.classes, 10);
    EXPECT_THAT(data.labels, ElementsAre(7, 0));
    EXPECT_EQ(std::string(data.pixels.begin(), data.pixels.end()), kPixels);
}

TEST(Mnist, ReadsPlainAndGzipFiles) {
    test::TemporaryDirectory folder;
    test::write_file(folder.file("plain/t10k-images-idx3-ubyte"), idx_images());
    test::write_file(folder.file("plain/t10k-labels-idx1-ubyte"), idx_labels());
    test::write_file(folder.file("packed/mnist/train-images-idx3-ubyte.gz"), gzipped(idx_images()));
    test::write_file(folder.file("packed/mnist/train-labels-idx1-ubyte.gz"), gzipped(idx_labels()));
    expect_two_images(read_dataset("mnist", folder.file("plain"), Split::test));
    expect_two_images(read_dataset("mnist", folder.file("packed"), Split::train));
    const Dataset one = read_dataset("mnist", folder.file("packed"), Split::train, 1);
    EXPECT_THAT(one.labels, ElementsAre(7));
    EXPECT_EQ(one.pixels.size(), 6u);
    EXPECT_EQ(read_dataset("mnist", folder.file("packed"), Split::train, 99).size(), 2);
}

std::string mnist_error(const std::string& images, const std::string& labels,
                        const std::string& ending = "") {
    test::TemporaryDirectory folder;
    test::write_file(folder.file("train-images-idx3-ubyte" + ending), images);
    test::write_file(folder.file("train-labels-idx1-ubyte" + ending), labels);
    try {
        read_dataset("mnist", folder.path(), Split::train);
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
        return error.what();
    }
    return "no error";
}

TEST(Mnist, EveryDamageIsOneClearLine) {
    const std::string images = idx_images();
    const std::string labels = idx_labels();
    EXPECT_EQ(mnist_error(images, labels), "no error");
    EXPECT_THAT(mnist_error(labels, labels), HasSubstr("magic number 2049"));
    EXPECT_THAT(mnist_error(images, images), HasSubstr("labels-idx1-ubyte: has the magic number 2051"));
    EXPECT_THAT(mnist_error("", labels), HasSubstr("truncated in the magic number"));
    EXPECT_THAT(mnist_error(images.substr(0, 9), labels), HasSubstr("truncated in dimension 1"));
    EXPECT_THAT(mnist_error(images.substr(0, 20), labels), HasSubstr("truncated: 4 of 12 bytes"));
    EXPECT_THAT(mnist_error(images + "x", labels), HasSubstr("goes on behind"));
    EXPECT_THAT(mnist_error(images, labels + "x"), HasSubstr("goes on behind"));
    EXPECT_THAT(mnist_error(images, labels.substr(0, 9)), HasSubstr("truncated: 1 of 2 bytes"));
    EXPECT_THAT(mnist_error(images, big_endian(0x801) + big_endian(3) + "\1\2\3"),
                HasSubstr("3 labels for 2 images"));
    EXPECT_THAT(mnist_error(images, big_endian(0x801) + big_endian(2) + "\1\12"),
                HasSubstr("label 10 for image 1"));
    EXPECT_THAT(mnist_error(big_endian(0x803) + big_endian(2) + big_endian(0) + big_endian(3), labels),
                HasSubstr("dimension 1 is 0"));
    EXPECT_THAT(
        mnist_error(big_endian(0x803) + big_endian(0xffffffffu) + big_endian(28) + big_endian(28), labels),
        HasSubstr("dimension 0 is 4294967295"));
    // A count that the file does not hold must not be allocated first.
    const std::string absurd = big_endian(0x803) + big_endian(90000000) + big_endian(4096) + big_endian(4096);
    EXPECT_THAT(mnist_error(absurd, big_endian(0x801) + big_endian(90000000)), HasSubstr("truncated: 0 of"));
}

TEST(Mnist, DamagedGzipIsNamed) {
    const std::string images = gzipped(idx_images());
    const std::string labels = gzipped(idx_labels());
    EXPECT_EQ(mnist_error(images, labels, ".gz"), "no error");
    EXPECT_THAT(mnist_error(idx_images(), labels, ".gz"), HasSubstr("is not a gzip file"));
    EXPECT_THAT(mnist_error(images.substr(0, images.size() - 9), labels, ".gz"), HasSubstr("truncated"));
    std::string flipped = images;
    flipped[flipped.size() - 6] = static_cast<char>(flipped[flipped.size() - 6] ^ 1);  // of the CRC
    EXPECT_THAT(mnist_error(flipped, labels, ".gz"), HasSubstr("cannot be read"));
}

TEST(Mnist, MissingFilesAreNamed) {
    test::TemporaryDirectory folder;
    try {
        read_dataset("mnist", folder.path(), Split::test);
        FAIL();
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr("t10k-images-idx3-ubyte.gz"));
        EXPECT_THAT(error.what(), HasSubstr(folder.file("mnist")));
    }
}

std::string record(const std::string& labels, char fill) {
    return labels + std::string(3072, fill);
}

TEST(Cifar, ReadsTheBatchesThatArePresentInOrder) {
    test::TemporaryDirectory folder;
    test::write_file(folder.file("cifar10/data_batch_3.bin"), record("\5", 'c'));
    test::write_file(folder.file("cifar10/data_batch_1.bin"), record("\1", 'a') + record("\11", 'b'));
    test::write_file(folder.file("cifar10/test_batch.bin"), record(std::string(1, '\0'), 't'));
    const Dataset train = read_dataset("cifar10", folder.path(), Split::train);
    EXPECT_EQ(train.shape, (Shape{3, 32, 32}));
    EXPECT_EQ(train.classes, 10);
    EXPECT_THAT(train.labels, ElementsAre(1, 9, 5));
    EXPECT_EQ(train.pixels.size(), 3u * 3072);
    EXPECT_EQ(train.image(1)[3071], 'b');
    EXPECT_EQ(train.image(2)[0], 'c');
    EXPECT_THAT(read_dataset("cifar10", folder.file("cifar10"), Split::train, 2).labels, ElementsAre(1, 9));
    EXPECT_THAT(read_dataset("cifar10", folder.path(), Split::test).labels, ElementsAre(0));
}

TEST(Cifar, Cifar100TakesTheFineLabel) {
    test::TemporaryDirectory folder;
    test::write_file(folder.file("train.bin"), record("\23\143", 'a') + record("\1\2", 'b'));
    const Dataset data = read_dataset("cifar100", folder.path(), Split::train);
    EXPECT_EQ(data.classes, 100);
    EXPECT_THAT(data.labels, ElementsAre(99, 2));
    EXPECT_EQ(data.image(0)[0], 'a');
}

std::string cifar_error(const std::string& format, const std::string& file, const std::string& content) {
    test::TemporaryDirectory folder;
    test::write_file(folder.file(file), content);
    try {
        read_dataset(format, folder.path(), Split::test);
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Cifar, EveryDamageIsOneClearLine) {
    const std::string good = record("\1", 'a');
    EXPECT_EQ(cifar_error("cifar10", "test_batch.bin", good), "no error");
    EXPECT_THAT(cifar_error("cifar10", "test_batch.bin", ""), HasSubstr("has 0 bytes"));
    EXPECT_THAT(cifar_error("cifar10", "test_batch.bin", good.substr(1)),
                HasSubstr("test_batch.bin: has 3072 bytes"));
    EXPECT_THAT(cifar_error("cifar10", "test_batch.bin", good + "x"), HasSubstr("multiple of 3073"));
    EXPECT_THAT(cifar_error("cifar10", "test_batch.bin", good + record("\12", 'a')),
                HasSubstr("record 1: has the label 10"));
    EXPECT_THAT(cifar_error("cifar100", "test.bin", record("\24\1", 'a')), HasSubstr("has the label 20"));
    EXPECT_THAT(cifar_error("cifar100", "test.bin", record("\1\144", 'a')), HasSubstr("has the label 100"));
    EXPECT_THAT(cifar_error("cifar10", "other.bin", good), HasSubstr("test_batch.bin"));
}

std::string real_data() {
    const char* folder = std::getenv("FLUENCE_DATA");
    return folder == nullptr ? "" : folder;
}

// Facts of the published data sets: sizes, the first labels, images a class.
TEST(RealData, Mnist) {
    if (!std::filesystem::is_directory(real_data() + "/mnist")) {
        GTEST_SKIP() << "set FLUENCE_DATA to a folder with mnist/ to run this test";
    }
    const Dataset train = read_dataset("mnist", real_data(), Split::train);
    const Dataset test = read_dataset("mnist", real_data(), Split::test);
    EXPECT_EQ(train.size(), 60000);
    EXPECT_EQ(test.size(), 10000);
    EXPECT_EQ(train.shape, (Shape{1, 28, 28}));
    EXPECT_THAT(std::vector<int>(train.labels.begin(), train.labels.begin() + 5), ElementsAre(5, 0, 4, 1, 9));
    EXPECT_THAT(std::vector<int>(test.labels.begin(), test.labels.begin() + 5), ElementsAre(7, 2, 1, 0, 4));
    EXPECT_EQ(std::count(train.labels.begin(), train.labels.end(), 5), 5421);
}

TEST(RealData, Cifar10) {
    if (!std::filesystem::is_directory(real_data() + "/cifar10")) {
        GTEST_SKIP() << "set FLUENCE_DATA to a folder with cifar10/ to run this test";
    }
    const Dataset test = read_dataset("cifar10", real_data(), Split::test);
    EXPECT_EQ(test.size(), 10000);
    EXPECT_THAT(std::vector<int>(test.labels.begin(), test.labels.begin() + 5), ElementsAre(3, 8, 8, 0, 6));
    for (int label = 0; label < 10; ++label) {
        EXPECT_EQ(std::count(test.labels.begin(), test.labels.end(), label), 1000);
    }
    EXPECT_EQ(read_dataset("cifar10", real_data(), Split::train).size() % 10000, 0);
}

}  // namespace
}  // namespace fluence::workloads
