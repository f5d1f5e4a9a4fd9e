// Resize, crop and rotation worked by hand; folders that are read image by image.
#include "workloads/image_geometry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/core/error.h"
#include "tests/support/temporary_directory.h"
#include "workloads/image_source.h"

namespace fluence::workloads {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ImageGeometry resize_to(int rows, int columns, bool antialias) {
    ImageGeometry g;
    g.resize_h = rows;
    g.resize_w = columns;
    g.antialias = antialias;
    return g;
}

// Centres of the outputs at 1 and 3 of 4: between pixels 0 and 1, and between 2 and 3.
TEST(ImageGeometry, HalvesWithoutAntialiasingLieBetweenTheTwoNearest) {
    const Image row{{1, 1, 4}, {0, 10, 100, 200}};
    EXPECT_THAT(transformed(row, resize_to(1, 2, false), "x").pixels, ElementsAre(5, 150));
}

// The triangle around 1 reaches from −1 to 3: weights ¾ ¾ ¼ of pixels 0, 1, 2; around 3 the same mirrored.
TEST(ImageGeometry, HalvesWithAntialiasingWeightAllThatIsCovered) {
    const Image row{{1, 1, 4}, {0, 70, 140, 210}};
    EXPECT_THAT(transformed(row, resize_to(1, 2, true), "x").pixels, ElementsAre(50, 160));
}

// Output centres at ¼, ¾, 1¼, 1¾: the edge counts as it is, then ¾:¼ and ¼:¾.
TEST(ImageGeometry, DoublingInterpolates) {
    const Image column{{1, 2, 1}, {0, 100}};
    EXPECT_THAT(transformed(column, resize_to(4, 1, false), "x").pixels, ElementsAre(0, 25, 75, 100));
    EXPECT_THAT(transformed(column, resize_to(4, 1, true), "x").pixels, ElementsAre(0, 25, 75, 100));
}

TEST(ImageGeometry, TheShorterSideLeads) {
    ImageGeometry g;
    g.resize_h = 256;
    EXPECT_EQ(transformed_shape({3, 375, 500}, g, "x"), (Shape{3, 256, 341}));
    EXPECT_EQ(transformed_shape({3, 500, 375}, g, "x"), (Shape{3, 341, 256}));
    g.crop = 224;
    EXPECT_EQ(transformed_shape({3, 500, 375}, g, "x"), (Shape{3, 224, 224}));
}

TEST(ImageGeometry, CropsTheMiddleAndTurns) {
    const Image image{{2, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19}};
    ImageGeometry g;
    g.crop = 1;
    EXPECT_THAT(transformed(image, g, "x").pixels, ElementsAre(5, 15));
    g.crop = 2;
    g.rotate = 180;
    EXPECT_THAT(transformed(image, g, "x").pixels, ElementsAre(5, 4, 2, 1, 15, 14, 12, 11));
    g.crop = 4;
    EXPECT_THROW(transformed(image, g, "x"), InputError);
}

TEST(ImageSource, ReadsOfAFolderWhatIsAskedFor) {
    test::TemporaryDirectory folder;
    test::write_file(folder.file("a.pgm"), "P5 2 1 255\nxy");
    test::write_file(folder.file("b.pgm"), "P5 4 1 255\nabcd");
    test::write_file(folder.file("labels.txt"), "a.pgm 3\nb.pgm 1\n");
    ImageGeometry g;
    g.crop = 1;
    const auto source = open_images("folder", folder.path(), Split::test, 0, g);
    EXPECT_EQ(source->shape(), (Shape{1, 1, 1}));
    EXPECT_EQ(source->classes(), 4);
    EXPECT_THAT(source->labels(), ElementsAre(3, 1));
    const Dataset second = source->read(1, 1);
    EXPECT_THAT(second.pixels, ElementsAre('b'));
    EXPECT_THAT(second.labels, ElementsAre(1));
}

TEST(ImageSource, ReadsTinyImageNet) {
    test::TemporaryDirectory folder;
    const std::string root = folder.file("tiny-imagenet-200/");
    for (const char* file : {"train/n02/images/n02_0.ppm", "train/n01/images/n01_0.ppm",
                             "train/n01/images/n01_1.ppm", "val/images/val_0.ppm"}) {
        test::write_file(root + file,
                         std::string("P6 1 1 255\n") + file[6] + file[8] + file[file[0] == 't' ? 21 : 0]);
    }
    test::write_file(root + "val/val_annotations.txt", "val_0.ppm\tn02\t0\t0\t62\t62\n");
    const auto train = open_images("tiny-imagenet", folder.path(), Split::train);
    EXPECT_THAT(train->labels(), ElementsAre(0, 1, 0));  // round the classes
    EXPECT_EQ(train->classes(), 2);
    EXPECT_THAT(train->read(0, 3).pixels, ElementsAre('n', '1', '0', 'n', '2', '0', 'n', '1', '1'));
    const auto test = open_images("tiny-imagenet", folder.path(), Split::test);
    EXPECT_THAT(test->labels(), ElementsAre(1));
    EXPECT_EQ(test->read(0, 1).shape, (Shape{3, 1, 1}));
    test::write_file(root + "val/val_annotations.txt", "val_0.ppm\tn09\t0\t0\t62\t62\n");
    try {
        open_images("tiny-imagenet", folder.path(), Split::test);
        FAIL();
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr("line 1: names the class \"n09\""));
    }
}

TEST(ImageSource, ATransformedSetIsTransformedImageByImage) {
    ImageGeometry g;
    g.rotate = 180;
    const auto turned = open_images("glyphs", "", Split::test, 3, g);
    const Dataset plain = read_dataset("glyphs", "", Split::test, 3);
    const Dataset read = turned->read(1, 2);
    const std::int64_t n = plain.shape.elements();
    for (std::int64_t i = 0; i < n; ++i) {
        ASSERT_EQ(read.image(1)[i], plain.image(2)[n - 1 - i]);
    }
    EXPECT_THAT(read.labels, ElementsAre(plain.labels[1], plain.labels[2]));
}

}  // namespace
}  // namespace fluence::workloads
