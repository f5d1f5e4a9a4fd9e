// MNIST and Fashion-MNIST: IDX files (http://yann.lecun.com/exdb/mnist/), plain or gzip. A big-endian magic
// number (00 00, type 08 = byte, number of dimensions), the dimensions (4 bytes each), then the bytes.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>

#include "sim/core/error.h"
#include "workloads/dataset_readers.h"

namespace fluence::workloads {
namespace {

constexpr int kClasses = 10;
constexpr std::int64_t kMaxCount = 100'000'000;
constexpr std::int64_t kMaxExtent = 4096;

// Reads plain and gzip files alike (zlib passes plain ones through).
class IdxFile {
  public:
    explicit IdxFile(const std::string& path) : path_(path), file_(::gzopen(path.c_str(), "rb"), &::gzclose) {
        if (!file_) {
            fail("cannot be opened for reading");
        }
        const bool compressed = path.size() > 3 && path.compare(path.size() - 3, 3, ".gz") == 0;
        if (compressed && ::gzdirect(file_.get()) != 0) {
            fail("is named .gz and is not a gzip file");
        }
    }

    // The dimensions behind the magic number of an IDX file of bytes.
    std::vector<std::int64_t> header(std::size_t dimensions) {
        const std::uint32_t wanted = 0x800u + static_cast<std::uint32_t>(dimensions);
        const std::uint32_t magic = big_endian("the magic number");
        if (magic != wanted) {
            fail("has the magic number " + std::to_string(magic) + ": not IDX bytes of " +
                     std::to_string(dimensions) + (dimensions == 1 ? " dimension" : " dimensions"),
                 std::to_string(wanted));
        }
        std::vector<std::int64_t> extents;
        for (std::size_t d = 0; d < dimensions; ++d) {
            extents.push_back(big_endian("dimension " + std::to_string(d)));
            const std::int64_t highest = d == 0 ? kMaxCount : kMaxExtent;
            if (extents.back() < 1 || extents.back() > highest) {
                fail("says that dimension " + std::to_string(d) + " is " + std::to_string(extents.back()),
                     "1 to " + std::to_string(highest));
            }
        }
        return extents;
    }

    // The rest of the file, which must be `count` bytes. Memory grows with what the file really holds.
    std::vector<std::uint8_t> bytes(std::int64_t count) {
        constexpr std::int64_t kChunk = 1 << 20;
        std::vector<std::uint8_t> data;
        while (static_cast<std::int64_t>(data.size()) < count) {
            const std::size_t old = data.size();
            data.resize(old +
                        static_cast<std::size_t>(std::min(kChunk, count - static_cast<std::int64_t>(old))));
            const std::int64_t got = read(data.data() + old, data.size() - old);
            if (got < static_cast<std::int64_t>(data.size() - old)) {
                fail("is truncated: " + std::to_string(static_cast<std::int64_t>(old) + got) + " of " +
                     std::to_string(count) + " bytes of data");
            }
        }
        std::uint8_t extra = 0;
        if (read(&extra, 1) != 0) {
            fail("goes on behind its " + std::to_string(count) + " bytes of data");
        }
        return data;
    }

    [[noreturn]] void fail(const std::string& reason, const std::string& valid = "") const {
        throw InputError(path_, "", reason, valid);
    }

  private:
    std::int64_t read(std::uint8_t* target, std::size_t bytes) {
        const int got = ::gzread(file_.get(), target, static_cast<unsigned>(bytes));
        int error = Z_OK;
        const char* text = ::gzerror(file_.get(), &error);
        if (got < 0 || error == Z_BUF_ERROR) {
            fail(error == Z_BUF_ERROR ? "is truncated in its gzip stream"
                                      : std::string("cannot be read: ") + text);
        }
        return got;
    }

    std::uint32_t big_endian(const std::string& what) {
        std::array<std::uint8_t, 4> b{};
        if (read(b.data(), b.size()) != 4) {
            fail("is truncated in " + what);
        }
        return static_cast<std::uint32_t>(b[0]) << 24 | static_cast<std::uint32_t>(b[1]) << 16 |
               static_cast<std::uint32_t>(b[2]) << 8 | b[3];
    }

    std::string path_;
    std::unique_ptr<gzFile_s, decltype(&::gzclose)> file_;
};

std::string find_idx(const std::string& location, const std::string& stem, const std::string& ending) {
    const std::string dashed = stem + "-" + ending;
    const std::string dotted = stem + "." + ending;  // as some archives name them
    return require_file(location, {"", "mnist"}, {dashed, dashed + ".gz", dotted, dotted + ".gz"});
}

}  // namespace

Dataset read_mnist(const std::string& location, Split split, std::int64_t limit) {
    const std::string prefix = split == Split::train ? "train" : "t10k";
    IdxFile image_file(find_idx(location, prefix + "-images", "idx3-ubyte"));
    IdxFile label_file(find_idx(location, prefix + "-labels", "idx1-ubyte"));
    const std::vector<std::int64_t> extents = image_file.header(3);
    const std::int64_t labels = label_file.header(1)[0];
    if (labels != extents[0]) {
        label_file.fail("has " + std::to_string(labels) + " labels for " + std::to_string(extents[0]) +
                        " images");
    }
    Dataset data;
    data.name = "mnist";
    data.shape = {1, static_cast<int>(extents[1]), static_cast<int>(extents[2])};
    data.classes = kClasses;
    data.pixels = image_file.bytes(extents[0] * data.shape.elements());
    const std::vector<std::uint8_t> codes = label_file.bytes(labels);
    const auto wrong =
        std::find_if(codes.begin(), codes.end(), [](std::uint8_t label) { return label >= kClasses; });
    if (wrong != codes.end()) {
        label_file.fail(
            "has the label " + std::to_string(*wrong) + " for image " + std::to_string(wrong - codes.begin()),
            "0 to " + std::to_string(kClasses - 1));
    }
    const std::int64_t count = limit == 0 ? labels : std::min(limit, labels);
    data.labels.assign(codes.begin(), codes.begin() + count);
    data.pixels.resize(static_cast<std::size_t>(count * data.shape.elements()));
    return data;
}

}  // namespace fluence::workloads
