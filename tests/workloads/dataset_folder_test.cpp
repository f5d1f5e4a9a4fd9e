// Folders of images. PNG and JPEG files are made here by the codecs' writers, PGM and PPM by hand.
#include <gmock/gmock.h>
#include <png.h>
#include <turbojpeg.h>

#include <filesystem>

#include "sim/core/error.h"
#include "tests/support/temporary_directory.h"
#include "workloads/dataset.h"
#include "workloads/image_file.h"

namespace fluence::workloads {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Bytes = std::vector<std::uint8_t>;

std::string png_of(int width, int height, std::uint32_t format, const Bytes& samples) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(width);
    image.height = static_cast<png_uint_32>(height);
    image.format = format;
    png_alloc_size_t size = 0;
    EXPECT_NE(png_image_write_get_memory_size(image, size, 0, samples.data(), 0, nullptr), 0);
    std::string bytes(size, '\0');
    EXPECT_NE(png_image_write_to_memory(&image, bytes.data(), &size, 0, samples.data(), 0, nullptr), 0);
    return bytes;
}

std::string jpeg_of(int width, int height, int pixel_format, const Bytes& samples) {
    const std::unique_ptr<void, decltype(&tjDestroy)> handle(tjInitCompress(), &tjDestroy);
    unsigned char* data = nullptr;
    unsigned long size = 0;
    EXPECT_EQ(tjCompress2(handle.get(), samples.data(), width, 0, height, pixel_format, &data, &size,
                          pixel_format == TJPF_GRAY ? TJSAMP_GRAY : TJSAMP_444, 100, 0),
              0);
    std::string bytes(data, data + size);
    tjFree(data);
    return bytes;
}

Image decoded(const std::string& content) {
    test::TemporaryDirectory folder;
    test::write_file(folder.file("x"), content);
    return read_image(folder.file("x"));
}

const Bytes kTwoPixels = {1, 2, 3, 101, 102, 103};  // r g b, r g b

TEST(ImageFile, PngInColourAndGrey) {
    const Image color = decoded(png_of(2, 1, PNG_FORMAT_RGB, kTwoPixels));
    EXPECT_EQ(color.shape, (Shape{3, 1, 2}));
    EXPECT_THAT(color.pixels, ElementsAre(1, 101, 2, 102, 3, 103));
    const Image grey = decoded(png_of(3, 2, PNG_FORMAT_GRAY, kTwoPixels));
    EXPECT_EQ(grey.shape, (Shape{1, 2, 3}));
    EXPECT_EQ(grey.pixels, kTwoPixels);
}

TEST(ImageFile, TransparencyLiesOverBlack) {
    const Image image = decoded(png_of(2, 1, PNG_FORMAT_RGBA, {9, 8, 7, 255, 200, 200, 200, 0}));
    EXPECT_THAT(image.pixels, ElementsAre(9, 0, 8, 0, 7, 0));
}

TEST(ImageFile, PgmAndPpmWithComments) {
    const Image grey = decoded("P5\n# made by hand\n3 2\n255\nabcdef");
    EXPECT_EQ(grey.shape, (Shape{1, 2, 3}));
    EXPECT_EQ(std::string(grey.pixels.begin(), grey.pixels.end()), "abcdef");
    const Image color = decoded("P6 2 1 255\nrgbRGB");
    EXPECT_EQ(std::string(color.pixels.begin(), color.pixels.end()), "rRgGbB");
}

TEST(ImageFile, JpegOfOneColourIsThatColour) {
    Bytes samples;
    for (int i = 0; i < 64; ++i) {
        samples.insert(samples.end(), {200, 100, 50});
    }
    const Image color = decoded(jpeg_of(8, 8, TJPF_RGB, samples));
    ASSERT_EQ(color.shape, (Shape{3, 8, 8}));
    EXPECT_NEAR(color.pixels[0], 200, 2);
    EXPECT_NEAR(color.pixels[64], 100, 2);
    EXPECT_NEAR(color.pixels[128], 50, 2);
    const Image grey = decoded(jpeg_of(8, 8, TJPF_GRAY, Bytes(64, 90)));
    EXPECT_EQ(grey.shape, (Shape{1, 8, 8}));
    EXPECT_THAT(grey.pixels, Each(90));
}

TEST(ImageFile, DamagedFilesAreErrors) {
    const std::string png = png_of(2, 1, PNG_FORMAT_RGB, kTwoPixels);
    const std::string jpeg = jpeg_of(8, 8, TJPF_GRAY, Bytes(64, 90));
    for (const std::string& content :
         {std::string(), std::string("GIF89a"), std::string("P5"), std::string("P5 3 2 255\nabcde"),
          std::string("P5 3 2 255\nabcdefg"), std::string("P5 3 2 65535\nabcdef"),
          std::string("P5 0 2 255\n"), std::string("P5 99999999999999999999 9 255\n"),
          std::string("P6 67108864 67108864 255\n"), png.substr(0, 20), png.substr(0, png.size() - 16),
          jpeg.substr(0, 20), jpeg.substr(0, jpeg.size() - 6)}) {
        EXPECT_THROW(decoded(content), InputError) << content.substr(0, 40);
    }
    EXPECT_THROW(read_image("/nonexistent.png"), InputError);
    EXPECT_THROW(read_image("/"), InputError);
}

TEST(Folder, ReadsSplitsNamesWithSpacesAndMixedColour) {
    test::TemporaryDirectory folder;
    test::write_file(folder.file("train/a b.ppm"), "P6 2 1 255\nrgbRGB");
    test::write_file(folder.file("train/images/c.pgm"), "P5 2 1 255\nxy");
    test::write_file(folder.file("train/labels.txt"), "a b.ppm 4\r\n\nc.pgm\t0\nabsent.png 6\n");
    test::write_file(folder.file("labels.txt"), "train/images/c.pgm 1\n");
    const Dataset train = read_dataset("folder", folder.path(), Split::train, 2);
    EXPECT_EQ(train.shape, (Shape{3, 1, 2}));
    EXPECT_EQ(train.classes, 7);  // of the whole list
    EXPECT_THAT(train.labels, ElementsAre(4, 0));
    EXPECT_EQ(std::string(train.pixels.begin(), train.pixels.end()), "rRgGbBxyxyxy");
    const Dataset test = read_dataset("folder", folder.path(), Split::test);
    EXPECT_EQ(test.shape, (Shape{1, 1, 2}));
    EXPECT_THAT(test.labels, ElementsAre(1));
}

std::string folder_error(const std::string& labels) {
    test::TemporaryDirectory folder;
    test::write_file(folder.file("a.pgm"), "P5 2 1 255\nxy");
    test::write_file(folder.file("wide.pgm"), "P5 3 1 255\nxyz");
    test::write_file(folder.file("text.png"), "not an image");
    test::write_file(folder.file("labels.txt"), labels);
    try {
        read_dataset("folder", folder.path(), Split::train);
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
        return error.what();
    }
    return "no error";
}

TEST(Folder, EveryDamageIsOneClearLine) {
    EXPECT_EQ(folder_error("a.pgm 0\n"), "no error");
    EXPECT_THAT(folder_error(""), HasSubstr("names no images"));
    EXPECT_THAT(folder_error("a.pgm 0\nb.pgm 1\n"), HasSubstr("line 2: names \"b.pgm\", which is not there"));
    EXPECT_THAT(folder_error("a.pgm\n"), HasSubstr("line 1: is not `file label`"));
    EXPECT_THAT(folder_error("a.pgm cat\n"), HasSubstr("line 1: is not `file label`"));
    EXPECT_THAT(folder_error(" 3\n"), HasSubstr("line 1: is not `file label`"));
    EXPECT_THAT(folder_error("a.pgm -1\n"), HasSubstr("line 1: has the label -1"));
    EXPECT_THAT(folder_error("a.pgm 100000\n"), HasSubstr("has the label 100000"));
    EXPECT_THAT(folder_error("a.pgm 99999999999\n"), HasSubstr("line 1: is not `file label`"));
    EXPECT_THAT(folder_error("a.pgm 0\nwide.pgm 1\n"), HasSubstr("wide.pgm: has 3 x 1 pixels"));
    EXPECT_THAT(folder_error("text.png 0\n"), HasSubstr("is not an image of a known format"));
    EXPECT_THROW(read_dataset("folder", "/nonexistent", Split::train), InputError);
}

}  // namespace
}  // namespace fluence::workloads
